"""Print how the training loss of TRLS falls: python benchmarks/trls_loss.py DATASET [key=value ...].

DATASET is one of those that aeon bundles; its training part is z-normalised per channel. Printed are the step, the
mean loss of the last 50 steps (both directions) and the spread of the projections over cases; one thread, seed 0.
"""

import argparse

import numpy as np
import torch
from aeon.datasets import load_classification

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.params import resolve
from tsbench.methods.ssl import Step
from tsbench_encoders.fcn import FCN
from tsbench_encoders.tfr import TFR
from tsbench_trls.method import TRLS

STEPS = (50, 100, 250, 500, 1000, 2000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("settings", nargs="*", default=[], metavar="key=value")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    X = np.asarray(load_classification(given.dataset, split="train")[0])
    panel = Panel.build((X - X.mean(axis=(0, 2), keepdims=True)) / X.std(axis=(0, 2), keepdims=True))
    overrides = dict(argument.split("=", 1) for argument in given.settings)
    method = TRLS(resolve(TRLS.Params, overrides, lambda _, name: {"tfr": TFR, "fcn": FCN}[name], "trls"))
    method.build([panel.shape])
    method.train()
    data = method.prepare(Batch.from_panel(panel, "cpu"))
    optimizer, rng = method.optimizers()["main"], torch.Generator().manual_seed(0)
    losses: list[float] = []
    print(f"{given.dataset}, {len(panel)} cases\n step   loss  collapse_std")
    while len(losses) < STEPS[-1]:
        n_batches = -(-len(data) // method.params.batch_size)
        for index in torch.tensor_split(torch.randperm(len(data), generator=rng), n_batches):
            step = Step(data.select(index), data, rng, len(losses), 0, 0, lambda *_, **__: None)
            loss = method.training_step(step)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            method.on_step_end()
            losses.append(loss.item())
            if len(losses) in STEPS:
                spread = method.diagnose([data]).values["collapse_std"]
                print(f"{len(losses):5d}  {np.mean(losses[-50:]):5.2f}  {spread:12.4f}", flush=True)


if __name__ == "__main__":
    main()
