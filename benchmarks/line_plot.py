"""Print what line plots cost on one CPU thread beside matplotlib: python benchmarks/line_plot.py [LENGTH ...].

CPU microseconds per cell at the AimTS setting, white noise, as float RGB in [0, 1]. "kept": matplotlib draws into one
figure kept for all (new limits and values for its line, draw, buffer_rgba: bytes, not yet a tensor). "fresh": a figure
for each image and its conversion to a tensor, as the authors of AimTS do. In turn, so that other work meets all; the
medians of the turns and of their ratios. First the CPU seconds of a first call, which compiles, and with the compiled
code on disk. `python benchmarks/line_plot.py similarity` prints the structural similarity of both, the smallest of
five seeds.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tsbench_imaging.lines import PALETTE, line_plot

TURNS = 7
LENGTHS = [50, 100, 150, 200, 300, 500]


class Matplotlib:
    def __init__(self, length, size, marker="*"):
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


def compare(size, length):
    cases = 1024 * 64**2 // size**2
    x = torch.randn(cases, 1, length, generator=torch.Generator().manual_seed(0))
    rows, kept = x[:100, 0].numpy(), Matplotlib(length, size)
    rgb, grey = torch.empty(cases, 3, size, size), torch.empty(cases, 1, size, size)
    works = [
        (lambda: line_plot(x, size, out=rgb), cases),
        (lambda: line_plot(x, size, layout="channels", out=grey), cases),
        (lambda: [kept.draw(row) for row in rows], len(rows)),
        (lambda: [as_tensor(Matplotlib(length, size).draw(row)) for row in rows[:10]], 10),
    ]
    times = np.array([[microseconds(*work) for work in works] for _ in range(TURNS + 1)])[1:]  # the first warms up
    ours, inked, theirs, _ = np.median(times, axis=0)
    ratios = np.median(times[:, 2:] / times[:, :1], axis=0)
    print(
        f"| {size} | {length} | {ours:.1f} | {inked:.1f} | {theirs:.0f} | {ratios[0]:.0f} | {ratios[1]:.0f} |",
        flush=True,
    )


FIRST = """
import time, torch
from tsbench_imaging import line_plot
x = torch.randn(8, 1, 100)
start = time.process_time()
line_plot(x, 64)
print(f"{time.process_time() - start:.1f}")
"""


def first_calls():
    with tempfile.TemporaryDirectory() as folder:
        work = [sys.executable, "-c", FIRST]
        calls = [
            subprocess.run(work, env={**os.environ, "NUMBA_CACHE_DIR": folder}, check=True, capture_output=True)
            for _ in range(2)
        ]
    compiling, loading = (call.stdout.decode().strip() for call in calls)
    print(f"First call: {compiling} CPU seconds; in a later process: {loading}\n", flush=True)


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
    first_calls()
    print("| pixels | points | ours | grey | kept | kept / ours | fresh / ours |")
    print("|---|---|---|---|---|---|---|")
    for size in (64, 224):
        for length in [int(a) for a in sys.argv[1:]] or LENGTHS:
            compare(size, length)


if __name__ == "__main__":
    main()
