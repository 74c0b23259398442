"""Print the time of a T-Loss training step on one CPU thread: python benchmarks/tloss.py [REFERENCE] [CxL ...].

REFERENCE is a checkout of the authors' code, White-Link/UnsupervisedScalableRepresentationLearningTimeSeries; with it,
each step of ours is followed by one of theirs: equal batch, equal sizes of the net, K = 10, float64 as published and
once more in float32. Crop lengths are drawn by each; both distributions are the same. Shapes are channels x length.
"""

import argparse
import importlib.util
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from tsbench.data.batch import Batch
from tsbench.data.panel import Panel
from tsbench.methods.params import resolve
from tsbench.methods.ssl import Step
from tsbench_encoders.causal_cnn import CausalCNN
from tsbench_tloss.method import TLoss

SHAPES = ["1x24", "12x29", "6x100", "1x150", "1x427"]
REPEATS = 5
BATCH = 10


def ours(panel):
    method = TLoss(resolve(TLoss.Params, {}, lambda kind, name: CausalCNN, "t-loss"))
    method.build([panel.shape])
    method.train()
    data = Batch.from_panel(panel, "cpu")
    rng = torch.Generator().manual_seed(0)

    def loss():
        index = torch.randperm(len(data), generator=rng)[:BATCH]
        return method.training_step(Step(data.select(index), data, rng, 0, 0, 0, lambda *_, **__: None))

    return stepper(loss, method.optimizers()["main"])


def theirs(folder, panel, dtype):
    network, losses = (load(folder / name) for name in ("networks/causal_cnn.py", "losses/triplet_loss.py"))
    encoder = network.CausalCNNEncoder(panel.n_channels, 40, 10, 160, 320, 3).to(dtype)
    triplet = losses.TripletLoss(None, 10, 1)
    data = torch.from_numpy(panel.X).to(dtype)
    return stepper(
        lambda: triplet(data[torch.randperm(len(data))[:BATCH]], encoder, data),
        torch.optim.Adam(encoder.parameters(), lr=1e-3),
    )


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stepper(make_loss, optimizer):
    def step():
        start = time.perf_counter()
        loss = make_loss()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return 1e3 * (time.perf_counter() - start)

    return step


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", FutureWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", metavar="REFERENCE|CxL")
    arguments = parser.parse_args().arguments
    folder = Path(arguments.pop(0)) if arguments and Path(arguments[0]).is_dir() else None
    print("shape  ms/step  reference ms/step  ratio  reference float32 ms/step  ratio   (means of", REPEATS, "steps)")
    for shape in arguments or SHAPES:
        torch.manual_seed(0)
        np.random.seed(0)
        channels, length = map(int, shape.split("x"))
        panel = Panel.build(np.random.default_rng(0).normal(size=(50, channels, length)))
        steps = [ours(panel)]
        if folder:
            steps += [theirs(folder, panel, dtype) for dtype in (torch.float64, torch.float32)]
        steps[0]()
        # Alternating, so that a busy moment of the machine meets all.
        means = np.mean([[step() for step in steps] for _ in range(REPEATS)], axis=0)
        columns = [f"{mean:9.0f}  {mean / means[0]:6.1f}x" for mean in means[1:]]
        print(f"{shape:>6}  {means[0]:7.0f}  {'  '.join(columns)}", flush=True)


if __name__ == "__main__":
    main()
