"""Print how long clinical files take to read: python benchmarks/clinical.py, with p12 in a folder of TSBENCH_DATA.

P12 from its archives, nothing cached, then from the cache, each in a process of its own: wall clock and processor time
of loading it in seconds, and the largest resident set in MiB. Then a night of EDF that is made for it (7 signals at
100 Hz, 8 h), by tsbench and by edfio, in turn: the least of nine of each, all signals as numbers.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from edfio import Edf, EdfSignal
from edfio import read_edf as edfio_read

from tsbench_formats.edf import read_edf

HOURS, RATE, SIGNALS, REPEATS = 8, 100, 7, 9


def load(name: str) -> None:
    """Load a dataset in this process and print what it took."""
    from tsbench.discovery.plugins import plugins
    from tsbench.plan.datasets import open_dataset

    wall, cpu = time.perf_counter(), time.process_time()
    panel = open_dataset(name, plugins(), "").load().panel
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(panel):,} records  wall {wall:6.2f} s  processor {cpu:6.2f} s  peak {peak:,.0f} MiB")


def edf(folder: Path) -> None:
    """Print what a night of EDF takes by either reader."""
    rng, path = np.random.default_rng(0), folder / "night.edf"
    made = [EdfSignal(rng.normal(size=HOURS * 3600 * RATE), RATE, label=f"S{i}") for i in range(SIGNALS)]
    Edf(made).write(path)

    def own() -> object:
        found = read_edf(path.read_bytes(), str(path))
        return [found.values(channel) for channel in found.channels]

    readers = {"tsbench": own, "edfio": lambda: [signal.data for signal in edfio_read(path).signals]}
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(REPEATS):
        for name, read in readers.items():
            begun = time.process_time()
            read()
            seconds[name].append(time.process_time() - begun)
    for name, found in seconds.items():
        print(f"EDF, {HOURS} h of {SIGNALS} signals, {name:8}{1000 * min(found):8.1f} ms processor")


def main() -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as folder:
        for state in ("cold", "from the cache"):
            print(f"p12, {state:15}", end="", flush=True)
            subprocess.run([sys.executable, __file__, "p12"], env={**os.environ, "TSBENCH_CACHE": folder}, check=True)
        edf(Path(folder))


if __name__ == "__main__":
    load(sys.argv[1]) if sys.argv[1:] else main()
