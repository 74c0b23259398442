"""Which results may stand beside each other: one version, one state of the data, one configuration of a label."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tsbench.data.splits import counts_for, same_split
from tsbench.errors import InvalidDataError, MissingDataError
from tsbench.identity import base_method
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.exposure import CLEAN
from tsbench.plan.spec import PADDING
from tsbench.plan.summaries import summarise
from tsbench.protocol import Protocol

CELL = ["label", "dataset", "fold", "seed"]
VALUES = ("precision:",)
NUMBERS = ["method_version", "fold", "seed", "finished", "value"]


@dataclass(frozen=True)
class Present:
    """A dataset as it is now: fingerprint, `split_text` of each fold under the board's protocol, if it is padded."""

    fingerprint: str
    splits: tuple[str, ...] = ()
    padded: bool = False


@dataclass
class Chosen:
    """The rows that count, and those that do not.

    outdated : of lower versions, other data or other splits, one for each label, dataset, fold and seed where no row
    that counts takes its place. others : of a label's other configurations. unreadable : how many make no sense.
    """

    rows: pd.DataFrame
    outdated: pd.DataFrame
    others: pd.DataFrame
    unreadable: int


def present(handles: Iterable[DatasetHandle], protocol: Protocol) -> dict[str, Present]:
    """Return {name: what it is now} of the datasets that are on this machine and can be read."""
    found = {}
    for handle in handles:
        try:
            if not handle.available():
                continue
            summary = summarise(handle, [protocol])
            splits = tuple(summary.splits[protocol.split_name(handle.card)])
            found[handle.name] = Present(summary.fingerprint, splits, summary.padded)
        except (MissingDataError, InvalidDataError):
            continue
    return found


def newest(values: pd.DataFrame, now: Mapping[str, Present]) -> Chosen:
    """Choose the rows of `Store.scores` (the metric as `value`) that may stand beside each other.

    A row is outdated when its method (with whatever parameters), encoder, transform or probe is of a lower version
    than in another row (for data of unequal length, to have none of those of padding counts as lower), or when it was
    made on other data or another split than its dataset has now; of a dataset that `now` does not have, than in its
    last row. Where a label stands for several configurations (parameters, threads, sources, ... as
    `RunSpec.configuration` tells them apart), the one with the last row counts. One row per fold and seed is left, the
    last. `versions` becomes text to read.
    """
    values, unreadable = _readable(values)
    if values.empty:
        return Chosen(values, values, values, unreadable)
    values = values.sort_values("finished", kind="stable", ignore_index=True)
    made_on_now = values["current"] & ~_padding_was_read(values, now) & _on_present_data(values, now)
    rows, others = _one_configuration(values[made_on_now])
    rows = rows.drop_duplicates(CELL, keep="last")
    left = values[~made_on_now].drop_duplicates(CELL).merge(rows[CELL], on=CELL, how="left", indicator=True)
    return Chosen(rows, left[left["_merge"] == "left_only"], others, unreadable)


def _readable(values: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the rows that make sense, with `current` (no part is of a lower version), and how many do not."""
    values = values.assign(
        **{name: pd.to_numeric(values[name], errors="coerce") for name in NUMBERS},
        **{name: values[name].fillna("") for name in ("split", "configuration", "versions")},
        exposure=values["exposure"].fillna(CLEAN),
    )
    made = values[["label", "method", "method_version", "versions"]].drop_duplicates()
    read = [_parts(*one[1:]) for one in made.itertuples(index=False, name=None)]
    made, parts = made[np.array([one is not None for one in read], dtype=bool)], [one for one in read if one]
    highest: dict[str, float] = {}
    for one in parts:
        for name, version in one.items():
            highest[name] = max(version, highest.get(name, version))
    raised: dict[str, set[str]] = {}  # versions of values, which rows from before they were raised lack
    for label, one in zip(made["label"], parts, strict=True):
        raised.setdefault(label, set()).update(name for name in one if name.startswith(VALUES))
    made = made.assign(
        current=[
            all(version == highest[name] for name, version in one.items()) and raised[label] <= one.keys()
            for label, one in zip(made["label"], parts, strict=True)
        ],
        text=[" ".join(f"{k}={v}" for k, v in sorted(one.items()) if not k.startswith("method:")) for one in parts],
    )
    finite = np.isfinite(values[NUMBERS].to_numpy(float)).all(axis=1)
    found = values[finite].merge(made, on=["label", "method", "method_version", "versions"])
    found["versions"], found["current"] = found["text"], found["current"].astype(bool)
    return found.astype({"fold": int, "seed": int, "method_version": int}), len(values) - len(found)


def _parts(method: str, method_version: float, versions: str) -> dict[str, float] | None:
    """Return {part: version} of a row; None where its JSON is something else."""
    try:
        parts = json.loads(versions or "{}") or {}
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, dict) or not all(isinstance(version, int) for version in parts.values()):
        return None
    return {"method:" + base_method(method): method_version, **parts}


def _padding_was_read(values: pd.DataFrame, now: Mapping[str, Present]) -> pd.Series:
    """Say which rows are of before their label had versions for series of unequal length, as those of a dataset are."""
    has = values["versions"].str.contains(PADDING, regex=False)
    padded = values["dataset"].isin([name for name, one in now.items() if one.padded])
    return padded & ~has & has.groupby(values["label"], observed=True).transform("any")


def _on_present_data(values: pd.DataFrame, now: Mapping[str, Present]) -> pd.Series:
    """Say of each row whether it was made on the data and the split that its dataset has now."""
    current = values[values["current"]]
    fingerprints = current.groupby("dataset", observed=True)["fingerprint"].last().to_dict()
    fingerprints |= {name: one.fingerprint for name, one in now.items()}
    same = values["fingerprint"] == values["dataset"].map(fingerprints)
    last = current[same[current.index]].groupby(["dataset", "fold"], observed=True)["split"].last().to_dict()
    made = values[["dataset", "fold", "split"]].drop_duplicates()
    agrees = [_same_split(name, fold, split, now, last) for name, fold, split in made.itertuples(index=False)]
    made = made.assign(same_split=agrees)
    return same & values.merge(made, on=["dataset", "fold", "split"], how="left")["same_split"]


def _same_split(dataset: str, fold: int, split: str, now: Mapping[str, Present], last: Mapping[Any, str]) -> bool:
    if dataset not in now:
        return same_split(split, last.get((dataset, fold), ""))
    splits = now[dataset].splits
    return not splits or (fold < len(splits) and counts_for(split, splits[fold]))


def _one_configuration(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows into those of the last configuration of each label and dataset, and those of others.

    A row of before configurations were noted goes with any.
    """
    kept = pd.Series(True, index=rows.index)
    known = rows["configuration"].unique()
    for part, within in ((0, ["label"]), (2, ["label", "dataset"])):
        one = rows["configuration"].map({text: text.partition(":")[part] for text in known})
        last = rows.assign(one=one)[kept & (one != "")].groupby(within, observed=True)["one"].last().rename("last")
        kept &= (one == "") | (one == rows.join(last, on=within)["last"])
    return rows[kept], rows[~kept]
