"""Print the time of a TRLS training step on one CPU thread: python benchmarks/trls_step.py [key=value ...].

Fastest of 10 steps of 32 cases. Beside the defaults, each shape is timed with torch's own LSTM in
place of the padded one, which computes the same.
"""

import argparse
import time

import numpy as np
import torch
from torch import nn

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.params import resolve
from tsbench.methods.ssl import Step
from tsbench_encoders import tfr
from tsbench_encoders.fcn import FCN
from tsbench_trls.method import TRLS

SHAPES = [(6, 100), (12, 29), (2, 8), (28, 50), (6, 896), (2, 640), (1, 427)]
ENCODERS = {"tfr": tfr.TFR, "fcn": FCN}


def prepare(channels, length, overrides, batch=32):
    torch.manual_seed(0)
    panel = Panel.build(np.random.default_rng(0).normal(size=(batch, channels, length)))
    method = TRLS(resolve(TRLS.Params, overrides, lambda _, name: ENCODERS[name], "trls"))
    method.build([panel.shape])
    method.train()
    return method, method.prepare(Batch.from_panel(panel, "cpu")), method.optimizers()["main"]


def seconds(method, data, optimizer, rng):
    start = time.perf_counter()
    loss = method.training_step(Step(data, data, rng, 0, 0, 0, lambda *_, **__: None))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    method.on_step_end()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", default=[], metavar="key=value")
    torch.set_num_threads(1)
    overrides = dict(argument.split("=", 1) for argument in parser.parse_args().settings)
    rng = torch.Generator().manual_seed(0)
    padded = tfr.LSTM
    print("channels  length  ms/step  ms/step with torch.nn.LSTM")
    for channels, length in SHAPES:
        ours = prepare(channels, length, overrides)
        tfr.LSTM = nn.LSTM
        theirs = prepare(channels, length, overrides)
        tfr.LSTM = padded
        # Alternating, so that a busy moment of the machine meets both.
        times = [(seconds(*ours, rng), seconds(*theirs, rng)) for _ in range(10)]
        a, b = (1e3 * min(column) for column in zip(*times, strict=True))
        print(f"{channels:8d}  {length:6d}  {a:7.0f}  {b:26.0f}", flush=True)


if __name__ == "__main__":
    main()
