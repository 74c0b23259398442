"""Print what AimTS's fine-tuning does to cases it was not fitted on, by recipe, from training parts alone.

python benchmarks/aimts_finetune.py [DATASET:SHARE ...] [PARAMETER=VALUE ...]: an untrained AimTS is fine-tuned on a
stratified share of the training part and looked at on that share and on the rest of it: cross entropy and accuracy,
mean over two draws, from the published recipe to the default one, with running and recomputed statistics of each fit.
Parameters are those of the probe. TSBENCH_DATA names folders of archive files.
"""

import sys

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from tsbench.data import normalise
from tsbench.data.batch import Batch
from tsbench.data.splits import label_subset
from tsbench.discovery.plugins import plugins
from tsbench.methods.probe import Cases
from tsbench.plan.datasets import open_dataset
from tsbench_aimts.finetune import FineTuneAimTS
from tsbench_aimts.method import AimTS

DATASETS = ["ItalyPowerDemand:0.15", "GunPoint:0.2", "GunPoint:0.5"]
RECIPES = [("published", "published"), ("even", "published"), ("even", "cosine")]
DRAWS = 2


def training_part(name):
    data = open_dataset(name, plugins(), "").load()
    train = data.folds["archive"][0].train
    return normalise.channel_statistics(data.panel, train).apply(data.panel).select(train)


def cases(panel, index):
    part = panel.select(index)
    return Cases(Batch.from_panel(part.without_labels(), "cpu"), part.y, len(panel.classes))


@torch.no_grad()
def look(net, part):
    """Return (cross entropy, accuracy) of a fine-tuned network on cases of the classes it has seen."""
    logits = net.head(net.method.encode(part.batch))
    y = torch.from_numpy(np.searchsorted(net.seen, part.y))
    return cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def compare(panel, share, draw, recipe, overrides):
    """Return {statistics: (cross entropy and accuracy on the fitted cases, the same on the held-out ones)}."""
    fitted = label_subset(panel.y, share, draw)
    train, rest = cases(panel, fitted), cases(panel, np.setdiff1d(np.arange(len(panel)), fitted))
    torch.manual_seed(draw)
    method = AimTS.create()
    method.build([panel.shape])
    probe = FineTuneAimTS(batching=recipe[0], lr_rule=recipe[1], batch_norm="running", **overrides)
    net = probe.fit(method.eval(), train, None, np.random.default_rng(draw))
    found = {"running": look(net, train) + look(net, rest)}
    FineTuneAimTS().before_predictions(net.method, net.head, train.batch)
    return {**found, "recomputed": look(net, train) + look(net, rest)}


def main(arguments):
    torch.set_num_threads(1)
    overrides = dict(argument.split("=") for argument in arguments if "=" in argument)
    print(
        "| training part | batching | lr_rule | batch_norm | fitted cases | held-out cases |\n|---|---|---|---|---|---|"
    )
    for argument in [argument for argument in arguments if "=" not in argument] or DATASETS:
        name, _, share = argument.partition(":")
        panel = training_part(name)
        for recipe in RECIPES:
            draws = [compare(panel, float(share), draw, recipe, overrides) for draw in range(DRAWS)]
            for statistics in draws[0]:
                mean = np.mean([draw[statistics] for draw in draws], axis=0)
                fitted, rest = (f"{loss:.3f}, {accuracy:.3f}" for loss, accuracy in (mean[:2], mean[2:]))
                print(f"| {name}, {share} | {' | '.join(recipe)} | {statistics} | {fitted} | {rest} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
