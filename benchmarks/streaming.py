"""Print the memory that data larger than memory takes: python benchmarks/streaming.py [CASES] [encode=CASES] [steps=N].

Makes CASES x 1 x 512 float32 series (default 800,000: 1.6 GB) in a temporary folder of the working directory and, in a
process for each row: fingerprints and normalises them as a run does and trains `trls` for 50 steps on all of them;
then encodes the first cases with it (default 20,000), and all of them with a cheap method of 640 features. A row has
the seconds and, in MiB, the largest resident set (VmHWM: pages of mapped files count), what of it is beyond what the
process had before it opened the data, and the largest part that no file backs (RssAnon, looked at 100 times a second);
the first row is of a process that does nothing. Linux only. With `resident` the data is held in memory instead.
"""

import argparse
import importlib
import multiprocessing
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from tsbench import SSLMethod
from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import Panel
from tsbench.learning.learner import Learner

LENGTH, FEATURES = 512, 640


class Cheap(SSLMethod):
    """640 numbers of a case by one random matrix: what encoding costs beside a method's own work."""

    trains = False

    def build(self, shapes):
        self.linear = torch.nn.Linear(shapes[0].n_channels * shapes[0].n_timepoints, FEATURES)

    def training_step(self, step):
        return None

    def represent(self, batch):
        return self.linear(batch.x.flatten(1))


def write(path, cases):
    """Write noisy sines of 8 frequencies, some megabytes at a time."""
    rng, time_axis = np.random.default_rng(0), np.arange(LENGTH, dtype=np.float32)
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (cases, 1, LENGTH)}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, cases, 10_000):
            n = min(10_000, cases - first)
            frequency = 0.02 * (1 + np.arange(n, dtype=np.float32) % 8)[:, None]
            block = np.sin(frequency * time_axis) + rng.standard_normal((n, LENGTH), dtype=np.float32)
            file.write(block.astype("<f4").tobytes())


def prepared(path, resident):
    panel = Panel.build(np.load(path, mmap_mode=None if resident else "r"))
    panel.fingerprint()
    return channel_statistics(panel, np.arange(len(panel))).apply(panel)


def train(path, resident, steps, folder):
    learner = Learner("trls", max_steps=steps, min_steps=0, epochs=1)
    learner.fit(Panel.build(np.load(path, mmap_mode=None if resident else "r")))
    learner.save(folder)


def encode(path, resident, cases, folder):
    learner = Learner.load(folder)
    panel = Panel.build(np.load(path, mmap_mode=None if resident else "r"))
    return learner.encode(panel.select(np.arange(cases))).shape


def encode_cheaply(path, resident):
    panel = prepared(path, resident)
    learner = Learner(Cheap)
    learner.build([panel.shape], "seed 0")
    learner.train([panel])
    return learner.encode_prepared(panel).shape


def memory(name):
    """Return what Linux says of this process's memory under a name, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def measured(name, work, arguments, pipe):
    torch.set_num_threads(1)
    importlib.import_module("torch._dynamo")  # as the first step of an optimiser does
    peak, done = [memory("RssAnon")], threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], memory("RssAnon"))

    before, started = memory("VmHWM"), time.perf_counter()
    threading.Thread(target=watch, daemon=True).start()
    result = work(*arguments)
    seconds = time.perf_counter() - started
    done.set()
    largest = memory("VmHWM")
    pipe.send(f"{name:32s} {seconds:8.0f} {largest:9.0f} {largest - before:9.0f} {peak[0]:10.0f}  {result or ''}")


def row(name, work, *arguments):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=measured, args=(name, work, arguments, there))
    process.start()
    there.close()
    try:
        print(here.recv(), flush=True)
    except EOFError:
        sys.exit(f"{name}: the process ended with code {process.exitcode}")
    process.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", metavar="CASES|encode=CASES|steps=N|resident")
    given = parser.parse_args().arguments
    settings = dict(argument.split("=") for argument in given if "=" in argument)
    cases = next((int(argument) for argument in given if argument.isdecimal()), 800_000)
    encoded, resident = min(cases, int(settings.get("encode", 20_000))), "resident" in given
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path, saved = Path(folder, "X.npy"), Path(folder, "learner")
        write(path, cases)
        print(f"{cases} cases, {path.stat().st_size / 2**20:.0f} MiB, {'resident' if resident else 'streamed'}")
        print(f"{'':32s}  seconds  peak MiB  increase  anonymous")
        row("nothing", abs, 0)
        row("fingerprint, normalise", prepare, path, resident)
        row("trls, training", train, path, resident, int(settings.get("steps", 50)), saved)
        row(f"trls, encode {encoded}", encode, path, resident, encoded, saved)
        row(f"{FEATURES} cheap features, encode all", encode_cheaply, path, resident)


def prepare(path, resident):
    prepared(path, resident)


if __name__ == "__main__":
    main()
