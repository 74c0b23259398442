"""Which results may stand beside each other: those of the newest versions, on the newest data."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pandas as pd

from tsbench.run.spec import UNTRAINED

CELL = ["label", "dataset", "fold", "seed"]


def newest(values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows of `Store.scores` into those that count and those that newer ones outdate.

    A row is outdated when its method (with whatever parameters), encoder, transform or probe is of a lower version
    than in another row, or its dataset was run with another fingerprint later. Of the first, one row per fold and seed
    is left, the last; of the second, one where no row that counts takes its place. `versions` becomes text to read.
    """
    if values.empty:
        return values, values
    made = values[["method", "method_version", "versions"]].drop_duplicates()
    parts = [
        {"method:" + method.removeprefix(UNTRAINED): version, **_versions(text)}
        for method, version, text in made.itertuples(index=False)
    ]
    highest: dict[str, int] = {}
    for one in parts:
        for name, version in one.items():
            highest[name] = max(version, highest.get(name, version))
    made = made.assign(
        current=[all(version == highest[name] for name, version in one.items()) for one in parts],
        text=[" ".join(f"{k}={v}" for k, v in sorted(one.items()) if not k.startswith("method:")) for one in parts],
    )
    values = values.merge(made, on=["method", "method_version", "versions"]).sort_values("finished")
    values["versions"] = values["text"]
    current = values[values["current"]]
    current = current[
        current["fingerprint"] == current["dataset"].map(current.groupby("dataset")["fingerprint"].last())
    ]
    current = current.drop_duplicates(CELL, keep="last")
    outdated = values.drop_duplicates(CELL).merge(current[CELL], on=CELL, how="left", indicator=True)
    return current, outdated[outdated["_merge"] == "left_only"]


def _versions(text: Any) -> dict[str, int]:
    """Return the versions that a row notes in JSON; none of a row that is not as tsbench writes it."""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return {name: version for name, version in json.loads(text).items() if isinstance(version, int)}
    return {}
