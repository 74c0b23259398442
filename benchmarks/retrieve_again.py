"""CPU seconds of a first and a second query: python benchmarks/retrieve_again.py [METHOD]

PTB-XL is looked for where TSBENCH_DATA says. A run of a few steps is made, what it imports is imported by a query of
another run, and then a report and a recording are asked with twice each. All of it is what one query takes: data and
weights are read each time.
"""

import sys
import tempfile
import time
import warnings
from pathlib import Path

from tsbench import Bench
from tsbench.data.places import search_path
from tsbench.errors import TsbenchWarning

RECORD = "records100/00000/00017_lr.hea"


def main(method):
    warnings.simplefilter("ignore", TsbenchWarning)  # of a training that is too short
    record = str(next(folder / "ptb-xl" / RECORD for folder in search_path() if (folder / "ptb-xl" / RECORD).is_file()))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "r.db", device="cpu", progress=False)
        steps = {} if method == "signal-text" else {"max_steps": 2, "min_steps": 0}
        for seed in (0, 1):
            bench.run(method, "ptb-xl", protocol="retrieval", seeds=[seed], **steps)
        first, second = bench.results().sort_values("seed")["key"]
        for query in ("sinus rhythm", record):
            bench.retrieve(first, query)
        for name, query in (("report", "sinus rhythm"), ("recording", record)):
            seconds, found = [], []
            for _ in range(2):
                started = time.process_time()
                found.append(bench.retrieve(second, query).frame)
                seconds.append(time.process_time() - started)
            assert found[0].equals(found[1])
            print(
                f"{method}, by a {name}: first query {seconds[0]:.2f} s of CPU, second {seconds[1]:.2f} s", flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ecg-text")
