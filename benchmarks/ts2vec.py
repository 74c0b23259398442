"""Print what TS2Vec costs on one CPU thread: python benchmarks/ts2vec.py [CHANNELSxLENGTH ...] [reference=FOLDER].

CPU seconds of training steps (8 cases, random crops) and of encoding 64 cases. With a checkout of the authors' code
(github.com/yuezhihan/ts2vec) as reference, its times too: pairs in turn, so that other work meets both, and the median
ratio of the pairs. `python benchmarks/ts2vec.py memory` prints the peak memory of training on whole series of 3000.
"""

import argparse
import importlib
import resource
import sys
import time

import numpy as np
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.learning.loop import fit
from tsbench_ts2vec import method as module

SHAPES = ["1x24", "12x29", "6x100", "1x150", "1x251", "1x427", "1x1460"]
CASES, STEPS, PAIRS = 64, 5, 5


def made(channels, length, cases=CASES, **params):
    torch.manual_seed(0)
    panel = Panel.build(np.random.default_rng(0).normal(size=(cases, channels, length)))
    method = module.TS2Vec.create(**params)
    method.build([panel.shape])
    return method, Batch.from_panel(panel, "cpu")


def cpu_seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(channels, length, reference):
    method, data = made(channels, length, iterations=STEPS)
    pairs = {"train": [], "encode": []}
    if reference:
        x = data.x.transpose(1, 2).contiguous().numpy()
        theirs = reference(channels, device="cpu", batch_size=8, max_train_length=3000)
    for seed in range(PAIRS + 1):
        train, encode = [cpu_seconds(lambda s=seed: fit(method, [data], s))], [cpu_seconds(lambda: method.encode(data))]
        if reference:
            np.random.seed(seed)
            theirs.n_iters = 0
            train.append(cpu_seconds(lambda: theirs.fit(x, n_iters=STEPS)))
            encode.append(cpu_seconds(lambda: theirs.encode(x, encoding_window="full_series")))
        if seed:  # the first warms up
            pairs["train"].append(train)
            pairs["encode"].append(encode)
    train, encode = np.array(pairs["train"]) / STEPS, np.array(pairs["encode"]) / CASES
    print(f"{channels:8d}  {length:6d}", *(_column(times) for times in (train, encode)), sep="  ", flush=True)


def _column(times):
    ours = f"{1e3 * np.median(times[:, 0]):8.2f}"
    ratio = np.median(times[:, 1] / times[:, 0]) if times.shape[1] == 2 else float("nan")
    return f"{ours}  {ratio:9.2f}"


def memory():
    """Print the peak of the process after a step in which the views are whole series."""
    method, data = made(1, 3000, cases=8, iterations=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    module._draw_crop = lambda rng, length, shortest: module.Crop(0, 0, length, length)
    fit(method, [data], 0)
    print(f"GiB before {before:.2f}, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}")


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", metavar="CxL|reference=FOLDER|memory")
    arguments = parser.parse_args().arguments
    if arguments == ["memory"]:
        memory()
        return
    folder = next((a.removeprefix("reference=") for a in arguments if a.startswith("reference=")), None)
    reference = None
    if folder:
        sys.path.insert(0, folder)  # before this folder, whose ts2vec.py is this file
        reference = importlib.import_module("ts2vec").TS2Vec
    print("channels  length  ms/step  reference/ours  ms/case encoded  reference/ours")
    for shape in [a for a in arguments if "=" not in a] or SHAPES:
        compare(*map(int, shape.split("x")), reference)


if __name__ == "__main__":
    main()
