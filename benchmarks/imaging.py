"""Print what time series imaging costs beside pyts: python benchmarks/imaging.py [CASESxLENGTH] [PAIRS].

One CPU thread, CPU time, ours and pyts' turn alternating; default 1000x512 (random walks, images of full size) and 3.
- rate: float64 as pyts returns it; 100 % is a bare `torch.empty(...).fill_(1)` of the same output in the same turn.
- pyts/ours: float64, both into new memory. training: float32 into reused memory, against pyts and the conversion of its
  images to a float32 tensor.
Medians over the turns, and the fastest turns' ratios in brackets. With a GPU also milliseconds and the share of the
measured write bandwidth (a bare fill), float32 into reused memory; there no pyts is needed.
"""

import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"  # before the libraries read them

import numpy as np
import torch

from tsbench_imaging import gramian_angular_field, markov_transition_field, recurrence_plot


def encodings(n):
    """Return {name: (our function of x and out, pyts' class, parameters)}."""
    full = {"image_size": n}
    return {
        "gasf": (gramian_angular_field, "GramianAngularField", full),
        "gadf": (gramian_angular_field, "GramianAngularField", {**full, "method": "difference"}),
        "mtf": (markov_transition_field, "MarkovTransitionField", full),
        "rp": (recurrence_plot, "RecurrencePlot", {}),
        "rp distance": (recurrence_plot, "RecurrencePlot", {"threshold": "distance"}),
        "rp point": (recurrence_plot, "RecurrencePlot", {"threshold": "point"}),
    }


def cpu_seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def on_cpu(X, pairs):
    import pyts.image

    cases, n = X.shape
    x = torch.from_numpy(X)[:, None]
    batch, out = x.float(), torch.ones(cases, 1, n, n)
    print(f"{cases} series of {n}, {torch.get_num_threads()} thread, {pairs} turns, CPU seconds")
    print("encoding      ours   pyts   rate of a fill   pyts/ours      training (ours, pyts/ours)")
    for name, (ours, reference, parameters) in encodings(n).items():
        theirs = getattr(pyts.image, reference)(**parameters)
        theirs.transform(X[:2])
        ours(batch[:2], **parameters)
        turns = []
        for _ in range(pairs):
            turns.append(
                [
                    cpu_seconds(lambda: torch.empty(cases, 1, n, n, dtype=torch.float64).fill_(1)),
                    cpu_seconds(lambda f=ours, p=parameters: f(x, **p)),
                    cpu_seconds(lambda t=theirs: t.transform(X)),
                    cpu_seconds(lambda f=ours, p=parameters: f(batch, **p, out=out)),
                    cpu_seconds(lambda t=theirs: torch.from_numpy(t.transform(X)).float()),
                ]
            )
        fill, new, reference_new, reused, converted = np.array(turns).T
        print(
            f"{name:12s} {np.median(new):6.2f} {np.median(reference_new):6.2f}   {_ratio(fill, new, '.0%'):>14s}   "
            f"{_ratio(reference_new, new):12s}  {np.median(reused):6.2f}  {_ratio(converted, reused)}",
            flush=True,
        )


def _ratio(above, below, form=".1f"):
    return f"{np.median(above / below):{form}} ({above.min() / below.min():{form}})"


def on_gpu(X, pairs):
    device = torch.device("cuda")
    batch = torch.from_numpy(X)[:, None].to(device, torch.float32)
    out = torch.empty(len(X), 1, X.shape[1], X.shape[1], device=device)

    def milliseconds(work):
        work()
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        events[0].record()
        for _ in range(pairs):
            work()
        events[1].record()
        torch.cuda.synchronize()
        return events[0].elapsed_time(events[1]) / pairs

    fill = milliseconds(lambda: out.fill_(1))
    print(f"{torch.cuda.get_device_name()}: fill {fill:.2f} ms, {out.nbytes / fill / 1e6:.0f} GB/s")
    for name, (ours, _, parameters) in encodings(X.shape[1]).items():
        took = milliseconds(lambda f=ours, p=parameters: f(batch, **p, out=out))
        print(f"{name:12s} {took:8.2f} ms  {fill / took:.0%} of the write bandwidth")


def main():
    torch.set_num_threads(1)
    cases, n = map(int, (sys.argv[1] if len(sys.argv) > 1 else "1000x512").split("x"))
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    X = np.random.default_rng(0).normal(size=(cases, n)).cumsum(axis=1)
    if torch.cuda.is_available():
        on_gpu(X, 10)
    on_cpu(X, pairs)


if __name__ == "__main__":
    main()
