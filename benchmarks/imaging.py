"""Print what time series imaging costs beside pyts: python benchmarks/imaging.py [CASESxLENGTH] [TURNS].

One CPU thread, CPU time, random walks, images of full size; default 1000x512 and 3. All works take turns, so that other
load meets each; medians of the turns and of their ratios. In its turn a work runs twice and the second counts: new
memory is dear until the kernel has huge pages at hand, which the first run leaves.
- fill: a bare `numpy.empty(...).fill(1)` of the float64 images; what returns new memory cannot be faster than pyts by
  more than pyts / fill.
- new: pyts / ours, both float64 into new memory. reused: ours float64 into reused memory (out=).
- training: float32 into reused memory, against pyts and the conversion of its images to a float32 tensor.
With a GPU also milliseconds and the share of the measured write bandwidth (a bare fill), float32 into reused memory;
there no pyts is needed.

python benchmarks/imaging.py memory: peak memory (MiB above the imports and the series) of a batch of 8 series of 10,000
points to 224 pixels, each encoding in a process of its own. Linux.
"""

import os
import subprocess
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
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


def on_cpu(X, turns):
    import pyts.image

    cases, n = X.shape
    x = torch.from_numpy(X)[:, None]
    batch, out, wide = x.float(), torch.ones(cases, 1, n, n), torch.ones(cases, 1, n, n, dtype=torch.float64)
    print(f"{cases} series of {n}, {torch.get_num_threads()} thread, {turns} turns, CPU seconds\n")
    print("| | bare fill | ours | pyts | pyts / fill | fill / ours | new float64 | reused float64 | training |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (ours, reference, parameters) in encodings(n).items():
        theirs = getattr(pyts.image, reference)(**parameters)
        theirs.transform(X[:2])
        works = [
            lambda: np.empty((cases, n, n)).fill(1),
            lambda f=ours, p=parameters: f(x, **p),
            lambda t=theirs: t.transform(X),
            lambda f=ours, p=parameters: f(x, **p, out=wide),
            lambda f=ours, p=parameters: f(batch, **p, out=out),
            lambda t=theirs: torch.from_numpy(t.transform(X)).float(),
        ]
        times = np.array([[cpu_seconds(work) for work in works] for _ in range(turns)])
        fill, new, reference, reused, training, converted = times.T
        seconds = [f"{np.median(seconds):.2f}" for seconds in (fill, new, reference)]
        bounds = [f"{np.median(reference / fill):.1f}", f"{np.median(fill / new):.0%}"]
        pairs = ((reference, new), (reference, reused), (converted, training))
        ratios = [f"{np.median(above / below):.1f}" for above, below in pairs]
        print(f"| {name} | {' | '.join([*seconds, *bounds, *ratios])} |", flush=True)


MEMORY = """
import resource, sys, torch
import tsbench_imaging as t
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
encode = {
    "gasf": lambda x: t.gramian_angular_field(x),
    "gadf": lambda x: t.gramian_angular_field(x, method="difference"),
    "mtf": lambda x: t.markov_transition_field(x),
    "rp": lambda x: t.recurrence_plot(x, 224),
    "rp point": lambda x: t.recurrence_plot(x, 224, threshold="point"),
    "rp point, dimension 2": lambda x: t.recurrence_plot(x[:1], 224, 2, threshold="point"),
}[sys.argv[1]]
encode(torch.randn(1, 1, 300))
x = torch.randn(8, 1, 10_000)
before = peak()
encode(x)
print(f"{sys.argv[1]:22s} {peak() - before:6.0f} MiB", flush=True)
"""


def memory():
    for name in ("gasf", "gadf", "mtf", "rp", "rp point", "rp point, dimension 2"):
        subprocess.run([sys.executable, "-c", MEMORY, name], check=True)


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
    if sys.argv[1:] == ["memory"]:
        memory()
        return
    cases, n = map(int, (sys.argv[1] if len(sys.argv) > 1 else "1000x512").split("x"))
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    X = np.random.default_rng(0).normal(size=(cases, n)).cumsum(axis=1)
    if torch.cuda.is_available():
        on_gpu(X, 10)
    on_cpu(X, turns)


if __name__ == "__main__":
    main()
