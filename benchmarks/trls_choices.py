"""How a choice the paper leaves open changes TRLS, judged on the training part alone.

Run: python benchmarks/trls_choices.py DATASET STEPS [key=value ...]; the folders of TSBENCH_DATA are searched. Prints
the three-fold cross-validated accuracy of an RBF SVM on the training cases' features, before and after training.
"""

import argparse

import torch
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from tsbench.data import normalise
from tsbench.data.batch import Batch
from tsbench.discovery.plugins import plugins
from tsbench.identity import seed_everything
from tsbench.learning import loop as training
from tsbench.plan.datasets import open_dataset
from tsbench_trls.method import TRLS

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("dataset")
parser.add_argument("steps", type=int)
parser.add_argument("settings", nargs="*", default=[], metavar="key=value")
given = parser.parse_args()
name, steps, settings = given.dataset, str(given.steps), given.settings
torch.set_num_threads(1)
handle = open_dataset(name, plugins(), "")
data = handle.load()
fold = data.folds["archive"][0]
panel = data.panel
if not handle.card.normalised:
    panel = normalise.channel_statistics(panel, fold.train).apply(panel)
panel = panel.select(fold.train)

budget = {"epochs": "0", "min_steps": steps, "max_steps": steps}
seed_everything(name, "build")
method = TRLS.create(**dict(pair.split("=") for pair in settings), **budget)
method.build([panel.shape])
source = Batch.from_panel(panel, "cpu")


def report(when: str) -> None:
    features = method.encode(source).numpy()
    accuracy = cross_val_score(SVC(C=100), features, panel.y, cv=3).mean()
    print(f"{name} {' '.join(settings)} {when}: accuracy {accuracy:.3f}")


report("untrained")
fitted = training.fit(method, [source], 0)
report(f"after {fitted.steps} steps, loss {fitted.curve[-1][1]:.3f}" if fitted.curve else "after no step")
