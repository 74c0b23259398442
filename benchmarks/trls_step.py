"""Print the time of one TRLS training step on one CPU thread: python benchmarks/trls_step.py [key=value ...].

Beside the defaults, each shape is timed with torch's own LSTM in place of the padded one, which computes the same.
"""

import statistics
import sys
import time

import numpy as np
import torch
from torch import nn

from tsbench.batch import Batch
from tsbench.interfaces import Step
from tsbench.panel import Panel
from tsbench.params import resolve
from tsbench_encoders import tfr
from tsbench_encoders.fcn import FCN
from tsbench_trls.method import TRLS

SHAPES = [(6, 100), (12, 29), (2, 8), (28, 50), (6, 896), (2, 640), (1, 427)]
ENCODERS = {"tfr": tfr.TFR, "fcn": FCN}


def milliseconds(channels, length, overrides, batch=32, steps=9):
    torch.manual_seed(0)
    panel = Panel.build(np.random.default_rng(0).normal(size=(batch, channels, length)))
    method = TRLS(resolve(TRLS.Params, overrides, lambda _, name: ENCODERS[name], "trls"))
    method.build([panel.shape])
    method.train()
    data = method.prepare(Batch.from_panel(panel, "cpu"))
    optimizer, rng = method.optimizers()["main"], torch.Generator().manual_seed(0)
    times = []
    for i in range(steps + 2):
        start = time.perf_counter()
        loss = method.training_step(Step(data, data, rng, i, 0, 0, lambda *_, **__: None))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.on_step_end()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[2:])


def main():
    torch.set_num_threads(1)
    overrides = dict(argument.split("=", 1) for argument in sys.argv[1:])
    padded = tfr.LSTM
    print("channels  length  ms/step  ms/step with torch.nn.LSTM")
    for channels, length in SHAPES:
        ours = milliseconds(channels, length, overrides)
        tfr.LSTM = nn.LSTM
        theirs = milliseconds(channels, length, overrides)
        tfr.LSTM = padded
        print(f"{channels:8d}  {length:6d}  {ours:7.0f}  {theirs:26.0f}", flush=True)


if __name__ == "__main__":
    main()
