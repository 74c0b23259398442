"""Print the time of a TS-TCC training step on one CPU thread: python benchmarks/tstcc.py [folder of the authors' code].

With a checkout of https://github.com/emadeldeen24/TS-TCC (and einops) its own training loop takes steps in turn with
ours, of the same net and the same batch. Both include taking the batch; drawing the views counts for ours alone.
"""

import argparse
import sys
import time
import warnings
from statistics import median
from types import SimpleNamespace

import numpy as np
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.ssl import Step
from tsbench_tstcc.method import TSTCC

SHAPES = [(9, 128, 128), (1, 178, 128), (1, 427, 128), (6, 100, 40), (1, 24, 67), (1, 150, 8), (1, 3000, 32)]
REPEATS = 15


def ours(panel):
    method = TSTCC.create()
    method.build([panel.shape])
    method.train()
    data = Batch.from_panel(panel, "cpu")
    optimizer = method.optimizers()["main"]
    rng = torch.Generator().manual_seed(0)

    def step():
        batch = data.select(torch.randperm(len(data), generator=rng))
        loss = method.training_step(Step(batch, data, rng, 0, 0, 0, lambda *_, **__: None))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return method, step


def authors(panel, method):
    """One epoch, of one step, of the authors' own training loop over their own loader."""
    from dataloader.dataloader import Load_Dataset
    from models.model import base_Model
    from models.TC import TC
    from trainer.trainer import model_train

    n, channels, _ = panel.X.shape
    config = SimpleNamespace(
        input_channels=channels,
        kernel_size=method.encoder.kernel,
        stride=method.encoder.stride,
        final_out_channels=method.step_dim,
        num_classes=2,
        dropout=0.35,
        features_len=method.n_steps,
        batch_size=n,
        TC=SimpleNamespace(hidden_dim=100, timesteps=method.n_futures),
        Context_Cont=SimpleNamespace(temperature=0.2, use_cosine_similarity=True),
    )
    model, contrast = base_Model(config), TC(config, "cpu")
    optimizers = [
        torch.optim.Adam(module.parameters(), lr=3e-4, betas=(0.9, 0.99), weight_decay=3e-4)
        for module in (model, contrast)
    ]
    data = Load_Dataset.__new__(Load_Dataset)  # its constructor guesses the channel axis
    data.training_mode, data.len = "self_supervised", n
    data.x_data, data.y_data = torch.from_numpy(panel.X), torch.zeros(n, dtype=torch.int64)
    data.aug1, data.aug2 = torch.randn(2, *panel.X.shape, dtype=torch.float64)
    loader = torch.utils.data.DataLoader(data, batch_size=n, shuffle=True, drop_last=True)
    return lambda: model_train(model, contrast, *optimizers, None, loader, config, "cpu", "self_supervised")


def seconds(step):
    start = time.process_time()
    step()
    return time.process_time() - start


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="*", help="of the authors' code")
    folder = parser.parse_args().folder
    sys.path[:0] = folder
    print("channels  length  cases  ms/step" + ("  authors' code  median ratio of pairs" if folder else ""))
    for channels, length, n in SHAPES:
        torch.manual_seed(0)
        panel = Panel.build(np.random.default_rng(0).normal(size=(n, channels, length)))
        method, step = ours(panel)
        steps = [step, authors(panel, method)] if folder else [step]
        # Alternating, so that a busy moment of the machine meets both.
        times = [[seconds(each) for each in steps] for _ in range(REPEATS + 1)][1:]
        best = "  ".join(f"{1e3 * min(column):8.0f}" for column in zip(*times, strict=True))
        ratio = f"  {median(b / a for a, b in times):8.2f}" if len(steps) == 2 else ""
        print(f"{channels:8d}  {length:6d}  {n:5d} {best}{ratio}", flush=True)


if __name__ == "__main__":
    main()
