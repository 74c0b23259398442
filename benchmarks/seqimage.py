"""Print what SeqImage costs on one CPU thread: python benchmarks/seqimage.py [CHANNELSxLENGTH] [PARAMETER=VALUE ...].

CPU time of a step by its parts (median of 2): each picture, the three updates, and what the pictures are of all;
beside it a training step of GRU-D of the same units, one layer and direction.
"""

import statistics
import sys
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.stages import Step
from tsbench.nn import DecayRNN, Steps
from tsbench_seqimage.method import SeqImage

CASES, REPEATS, MISSING = 2, 2, 0.85


def made(channels, length, **params):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(CASES, channels, length))
    X[rng.random(X.shape) < MISSING] = np.nan
    panel = Panel.build(X, np.arange(CASES) % 2)
    method = SeqImage.create(**{"cluster_weight": 0, **params})
    method.build([panel.shape])
    method.train()
    data = method.prepare(Batch.from_panel(panel, "cpu", labels=True))
    method.on_fit_start([data])
    return method, data


def milliseconds(work):
    times = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times[1:])


def updated(stage, step):
    loss = stage.step(step)
    stage.optimizers["main"].zero_grad()
    (sum(loss.values()) if isinstance(loss, dict) else loss).backward()
    stage.optimizers["main"].step()


def gru_d(channels, hidden, data):
    """Return the CPU milliseconds of a step of a decaying GRU that is read forward, with a linear classifier."""
    net, head = DecayRNN(channels, hidden, directions=1), torch.nn.Linear(hidden, 2)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()])

    def step():
        steps = Steps.of(data, 1)
        optimizer.zero_grad()
        cross_entropy(head(steps.last(net(steps).states)), data.y).backward()
        optimizer.step()

    return milliseconds(step)


def main():
    torch.set_num_threads(1)
    params = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    shape = next((a for a in sys.argv[1:] if "=" not in a), "36x215")
    size = tuple(map(int, shape.split("x")))
    method, data = made(*size, **params)
    step = Step(data, data, torch.Generator().manual_seed(0), 0, 0, 0, lambda *_, **__: None)
    print(f"{shape}: ms per step of {CASES} cases, {method.params.image_encoder}")
    pictures = method.images.pictures
    maps, whole = pictures.maps, milliseconds(lambda: pictures(data))
    for name in maps:
        pictures.maps = (name,)
        print(f"  picture {name:16s} {milliseconds(lambda: pictures(data)):9.1f}", flush=True)
    pictures.maps = maps
    (turns,) = method.training_stages(100, 10)
    updates = {stage.name: [] for stage in turns.stages}
    for _ in range(REPEATS + 1):
        for stage in turns.stages:  # in turn, since the second takes up what the first has imputed
            start = time.process_time()
            updated(stage, step)
            updates[stage.name].append(1e3 * (time.process_time() - start))
    found = {name: statistics.median(times[1:]) for name, times in updates.items()}
    for name, one in found.items():
        print(f"  update {name:17s} {one:9.1f}")
    total = sum(found.values())
    print(f"  pictures, of all         {whole:9.1f} of {total:.1f}: {whole / total:.1%}")
    units = method.params.generator_hidden
    print(f"  GRU-D of {units:<4d} units       {gru_d(size[0], units, data):9.1f}")


if __name__ == "__main__":
    main()
