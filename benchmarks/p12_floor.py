"""The floor of P12 beside an independent one: facts by pandas from the raw files, fitted by scikit-learn directly.

    python benchmarks/p12_floor.py p12/set-a.tar.gz p12/set-b.tar.gz --split archive

The cases and folds are those of the dataset `p12` (TSBENCH_DATA names its folder); the facts are not. Prints a line per
fold: AUROC of `hist-gradient-boosting` and of the independent floor.
"""

from __future__ import annotations

import argparse
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from tsbench.data.dataset import Fold
from tsbench.discovery.plugins import plugins
from tsbench.methods.params import Settings
from tsbench.plan.datasets import open_dataset
from tsbench_classic.boosting import HistGradientBoosting

STATIC = ["Age", "Gender", "Height", "ICUType", "Weight"]
HOURS = 48


def raw(archive: Path) -> pd.DataFrame:
    """Return record, time, Parameter and Value of every line of an archive, in the order of the files."""
    frames = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".txt"):
                lines = pd.read_csv(tar.extractfile(member), dtype={"Time": str})
                frames.append(lines.assign(record=Path(member.name).stem))
    found = pd.concat(frames, ignore_index=True)
    clock = found["Time"].str.split(":", expand=True).astype(int)
    return found.assign(hours=clock[0] + clock[1] / 60)


def facts(lines: pd.DataFrame) -> pd.DataFrame:
    """Return first, last, least, largest, mean and deviation of each sensor, and what is known on admission."""
    on_arrival = lines[(lines["hours"] == 0) & lines["Parameter"].isin(STATIC)]
    static = on_arrival.pivot_table(index="record", columns="Parameter", values="Value", aggfunc="first")
    sensors = lines[~lines["Parameter"].isin([*STATIC, "RecordID"]) & (lines["hours"] < HOURS)]
    sensors = sensors.drop_duplicates(["record", "Parameter", "hours"], keep="last")
    sensors = sensors.sort_values(["record", "Parameter", "hours"], kind="stable")
    values = sensors.groupby(["record", "Parameter"])["Value"]
    table = values.agg(["first", "last", "min", "max", "mean"]).assign(std=values.std(ddof=0)).unstack("Parameter")
    table.columns = [f"{name} {what}" for what, name in table.columns]
    return table.join(static.where(static >= 0), how="left")


def score(x: np.ndarray, y: np.ndarray, fold: Fold, seed: int) -> float:
    """Return the AUROC of boosted trees in the settings of the floor."""
    trees = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.05, max_leaf_nodes=15, l2_regularization=1.0, early_stopping=False,
        random_state=seed,
    )  # fmt: skip
    trees.fit(x[fold.train], y[fold.train])
    return float(roc_auc_score(y[fold.test], trees.predict_proba(x[fold.test])[:, 1]))


def ours(data, fold: Fold) -> float:
    """Return the AUROC of the method itself."""
    method = HistGradientBoosting(Settings(HistGradientBoosting.Params(), {}))
    method.fit(data.panel.select(fold.train), None, np.random.default_rng(0))
    scores = method.predict_scores(data.panel.select(fold.test))
    return float(roc_auc_score(data.panel.y[fold.test], scores[:, 1]))


def main() -> None:
    """Compare on every fold of a split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--split", default="archive")
    parser.add_argument("--folds", type=int, help="only so many of them")
    asked = parser.parse_args()
    data = open_dataset("p12", plugins(), "").load()
    table = facts(pd.concat([raw(path) for path in asked.archives], ignore_index=True))
    x, y = table.reindex(data.panel.meta["record"].astype(str)).to_numpy(dtype=float), data.panel.y
    print(f"{len(x)} records, {x.shape[1]} facts, {np.isnan(x).all(axis=1).sum()} without any")
    found = []
    for number, fold in enumerate(data.folds[asked.split][: asked.folds]):
        found.append((ours(data, fold), score(x, y, fold, 0)))
        print(f"fold {number}: hist-gradient-boosting {found[-1][0]:.4f}, independent {found[-1][1]:.4f}", flush=True)
    mean = np.mean(found, axis=0)
    print(
        f"mean:   hist-gradient-boosting {mean[0]:.4f}, independent {mean[1]:.4f}, apart {abs(mean[0] - mean[1]):.3f}"
    )


if __name__ == "__main__":
    main()
