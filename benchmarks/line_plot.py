"""Print what line plots cost on one CPU thread beside matplotlib: python benchmarks/line_plot.py [LENGTH ...].

CPU microseconds per 64-pixel cell at the AimTS setting, as float RGB in [0, 1]. matplotlib draws into one figure kept
for all (its line gets new values) and gives its Agg buffer; "fresh" makes a figure for each image, as the authors of
AimTS do. Pairs in turn, so that other work meets both; the median of the pairs' ratios. `python benchmarks/line_plot.py
similarity` prints the structural similarity of both, the smallest of five seeds.
"""

import sys
import time

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tsbench_imaging.lines import PALETTE, line_plot

SIZE, CASES, DRAWN, PAIRS = 64, 1024, 100, 7
LENGTHS = [50, 100, 150, 200, 300, 500]


class Matplotlib:
    def __init__(self, length, size=SIZE, marker="*"):
        figure = Figure(figsize=(size / 100, size / 100), dpi=100)
        self.canvas = FigureCanvasAgg(figure)
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.axis("off")
        self.axes.set_xlim(0, length)
        color = np.array(PALETTE[0]) / 255
        style = {"linewidth": 1, "marker": marker, "markersize": 1, "color": color}
        (self.line,) = self.axes.plot(np.arange(length), np.zeros(length), "-", **style)

    def draw(self, y):
        low, high = np.nanmin(y), np.nanmax(y)
        self.axes.set_ylim(*((low - 0.5, high + 0.5) if low == high else (low, high)))
        self.line.set_ydata(y)
        self.canvas.draw()
        return np.asarray(self.canvas.buffer_rgba())[..., :3]


def as_tensor(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1) / 255


def microseconds(work, n):
    start = time.process_time()
    work()
    return (time.process_time() - start) / n * 1e6


def compare(length):
    x = torch.randn(CASES, 1, length, generator=torch.Generator().manual_seed(0))
    rows, kept = x[:DRAWN, 0].numpy(), Matplotlib(length)
    rgb, grey = torch.empty(CASES, 3, SIZE, SIZE), torch.empty(CASES, 1, SIZE, SIZE)
    works = [
        (lambda: line_plot(x, SIZE, out=rgb), CASES),
        (lambda: line_plot(x, SIZE, layout="channels", out=grey), CASES),
        (lambda: [as_tensor(kept.draw(row)) for row in rows], DRAWN),
        (lambda: [as_tensor(Matplotlib(length).draw(row)) for row in rows[:10]], 10),
    ]
    times = np.array([[microseconds(*work) for work in works] for _ in range(PAIRS + 1)])[1:]  # the first warms up
    ratio = np.median(times[:, 2:] / times[:, :1], axis=0)
    ours, inked, theirs, fresh = np.median(times, axis=0)
    print(
        f"{length:6d}  {ours:8.1f}  {inked:8.1f}  {theirs:10.0f}  {ratio[0]:5.0f}  {fresh:8.0f}  {ratio[1]:5.0f}",
        flush=True,
    )


def kinds(length, seed):
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=length).cumsum()
    return {
        "sine": np.sin(6 * np.pi * np.arange(length) / length),
        "walk": walk,
        "noise": rng.normal(size=length),
        "spikes": np.where(rng.random(length) < 0.05, 5.0, 0.0) + 0.02 * rng.normal(size=length),
        "constant": np.full(length, 2.0),
        "gaps": np.where(rng.random(length) < 0.2, np.nan, walk),
    }


def similarity():
    from skimage.metrics import structural_similarity

    print("size  length  marker  " + "  ".join(f"{kind:>8}" for kind in kinds(9, 0)))
    for size in (64, 224):
        for length in (30, *LENGTHS, 1500):
            for marker in ("*", "none"):
                found = []
                for seed in range(5):
                    drawing = Matplotlib(length, size, marker if marker != "none" else None)
                    ours = line_plot(
                        torch.tensor(np.stack(list(kinds(length, seed).values())))[:, None], size, marker=marker
                    )
                    theirs = [drawing.draw(y).copy() / 255 for y in kinds(length, seed).values()]
                    found.append(
                        [
                            structural_similarity(a, b.permute(1, 2, 0).numpy(), channel_axis=2, data_range=1.0)
                            for a, b in zip(theirs, ours, strict=True)
                        ]
                    )
                print(f"{size:4d}  {length:6d}  {marker:>6}  " + "  ".join(f"{v:8.3f}" for v in np.min(found, axis=0)))


def main():
    torch.set_num_threads(1)
    if sys.argv[1:] == ["similarity"]:
        similarity()
        return
    print("length  ours rgb      grey  matplotlib  ratio     fresh  ratio")
    for length in [int(a) for a in sys.argv[1:]] or LENGTHS:
        compare(length)


if __name__ == "__main__":
    main()
