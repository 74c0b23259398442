"""CPU time from leads to one picture, beside pyts and pillow doing the same: python benchmarks/ecgtext_images.py"""

import time

import numpy as np
import torch
from PIL import Image
from pyts.image import GramianAngularField, MarkovTransitionField, RecurrencePlot

from tsbench_ecgtext.images import SIDE, render

RECORDS, SIZE = 20, 384


def by_pyts(leads):
    """Return a picture of all-grid, paper_text."""
    maps = [
        (GramianAngularField(SIDE).transform(leads) + 1) / 2,
        RecurrencePlot(threshold="point").transform(leads.reshape(12, SIDE, -1).mean(axis=2)),
        MarkovTransitionField(SIDE, n_bins=8).transform(leads),
    ]
    grid = np.stack(
        [one.reshape(4, 3, SIDE, SIDE).transpose(1, 2, 0, 3).reshape(3 * SIDE, 4 * SIDE) for one in maps], -1
    )
    return np.asarray(Image.fromarray((255 * grid).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def measured(make):
    make()
    started = time.process_time()
    make()
    return 1000 * (time.process_time() - started) / RECORDS


def main():
    torch.set_num_threads(1)
    x = np.random.default_rng(0).normal(size=(RECORDS, 12, 9 * SIDE)).cumsum(axis=2)
    tensor = torch.from_numpy(x).float()
    for size in (SIZE, 96):
        ours = measured(lambda size=size: render(tensor, "all-grid", "paper_text", size, 100.0))
        print(f"ours, {size} pixels: {ours:.1f} ms of CPU per ECG")
    theirs = measured(lambda: [by_pyts(one) for one in x])
    print(f"pyts and pillow, {SIZE} pixels: {theirs:.1f} ms of CPU per ECG")


if __name__ == "__main__":
    main()
