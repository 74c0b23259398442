"""CPU time from leads to one picture, beside pyts and pillow doing the same: python benchmarks/ecgtext_images.py

One thread; the least of several turns each, since what else runs on the machine only adds to it.
"""

import time
from functools import partial

import numpy as np
import torch
from PIL import Image
from pyts.image import GramianAngularField, MarkovTransitionField, RecurrencePlot

from tsbench_ecgtext.images import SIDE, render

RECORDS, TURNS, SIZES = 64, 7, (384, 96)


def by_pyts(leads, size):
    """Return a picture of all-grid, paper_text."""
    maps = [
        (GramianAngularField(SIDE).transform(leads) + 1) / 2,
        RecurrencePlot(threshold="point").transform(leads.reshape(12, SIDE, -1).mean(axis=2)),
        MarkovTransitionField(SIDE, n_bins=8).transform(leads),
    ]
    grid = np.stack(
        [one.reshape(4, 3, SIDE, SIDE).transpose(1, 2, 0, 3).reshape(3 * SIDE, 4 * SIDE) for one in maps], -1
    )
    return np.asarray(Image.fromarray((255 * grid).astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR))


def measured(make):
    """Return the milliseconds of CPU per record."""
    seconds = []
    for _ in range(TURNS + 1):
        started = time.process_time()
        make()
        seconds.append(time.process_time() - started)
    return 1000 * min(seconds[1:]) / RECORDS


def main():
    torch.set_num_threads(1)
    x = np.random.default_rng(0).normal(size=(RECORDS, 12, 9 * SIDE)).cumsum(axis=2)
    tensor = torch.from_numpy(x).float()
    for size in SIZES:
        ours = measured(partial(render, tensor, "all-grid", "paper_text", size, 100.0))
        theirs = measured(lambda size=size: [by_pyts(one, size) for one in x])
        print(f"{size} pixels: ours {ours:.2f} ms of CPU per ECG ({1000 / ours:.0f} pictures a second), ", end="")
        print(f"pyts and pillow {theirs:.2f} ms ({1000 / theirs:.0f}): {theirs / ours:.1f} times", flush=True)


if __name__ == "__main__":
    main()
