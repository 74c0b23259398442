"""Print what AimTS costs on one CPU thread: python benchmarks/aimts.py [CHANNELSxLENGTH ...] [PARAMETER=VALUE ...].

For each shape the CPU time of a training step of 16 cases by parts (median of 5), then whole steps with and without
images and with activations computed anew: CPU time and the memory a process needs above its modules at rest.
"""

import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.learning.loop import fit
from tsbench.methods.ssl import Step
from tsbench_aimts.images import render
from tsbench_aimts.method import AimTS

SHAPES = ["1x24", "1x150", "3x100"]
CASES, REPEATS = 16, 5
SMALL_IMAGES = {"image_encoder": "small-cnn"}
VARIANTS = {"images": {}, "no images": {"image_weight": 0}, "images, recompute": {"recompute": True}}


def made(channels, length, **params):
    torch.manual_seed(0)
    panel = Panel.build(np.random.default_rng(0).normal(size=(CASES, channels, length)))
    method = AimTS.create(**params)
    method.build([panel.shape])
    return method, Batch.from_panel(panel, "cpu")


def parts(channels, length, params):
    """Return the CPU milliseconds of each part of a step after the warm-up."""
    method, data = made(channels, length, **{**params, "warmup_epochs": 0})
    method.train()
    method.on_fit_start([data])
    optimizer = method.optimizers()["main"]
    state, p, times = method._state, method.params, {}

    def timed(name, work):
        start = time.process_time()
        result = work()
        times.setdefault(name, []).append(1e3 * (time.process_time() - start))
        return result

    def draw():
        with torch.no_grad():
            return render(data, p.image_map, p.cell_size, state.limits[0])

    for index in range(REPEATS + 1):
        step = Step(data, data, torch.Generator().manual_seed(index), index, 0, 0, lambda *_, **__: None)
        views = timed("augment", lambda step=step: method.views(data, step.rng))
        each = [data.with_values(view) for half in views for view in half]
        hidden = timed("encode", lambda each=each: [method._hidden(view) for view in each])
        loss = timed("head, losses", lambda v=views, h=hidden, s=step: after_encoding(method, v, h, s))
        images = timed("draw", draw)
        with torch.no_grad():
            timed("image encoder", lambda images=images: state.image_encoder(images))
        image_loss = timed("L_SI, all", lambda step=step: method.image_loss(step))
        timed("backward", lambda loss=loss: loss.backward())
        timed("backward L_SI", lambda loss=image_loss: loss.backward())
        timed("AdamW", optimizer.step)
        optimizer.zero_grad()
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def after_encoding(method, views, hidden, step):
    """Return the loss of views whose encoding is done."""
    rest = iter(hidden)
    with (
        mock.patch.object(method, "views", lambda *_: views),
        mock.patch.object(method, "_hidden", lambda _: next(rest)),
    ):
        return method.view_loss(step)


def whole(channels, length, params):
    """Return the CPU milliseconds of a step, and GiB at its peak above those at rest; in a process of its own."""
    torch.set_num_threads(1)
    method, data = made(channels, length, **{**params, "warmup_epochs": 0, "epochs": REPEATS})
    before = peak_gib()
    fit(method, [data], 0)  # the first steps are slower
    start = time.process_time()
    steps = fit(method, [data], 0).steps
    return 1e3 * (time.process_time() - start) / steps, peak_gib() - before


def peak_gib():
    """Return the largest memory this process has had (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def main():
    torch.set_num_threads(1)
    params = {**SMALL_IMAGES, **dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)}
    for shape in [a for a in sys.argv[1:] if "=" not in a] or SHAPES:
        size = tuple(map(int, shape.split("x")))
        found = parts(*size, params)
        print(f"\n{shape}: ms per step of {CASES} cases")
        for name, milliseconds in found.items():
            print(f"  {name:20s} {milliseconds:9.1f}")
        for name, extra in VARIANTS.items():
            # a fresh process each, whose peak of memory is its own
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                milliseconds, gib = pool.submit(whole, *size, {**params, **extra}).result()
            print(f"  {name:20s} {milliseconds:9.1f} ms, {gib:.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
