"""The numbers that papers published, with their source and the doubts about them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsbench.errors import UsageError


@dataclass(frozen=True)
class Number:
    """A published mean and standard deviation as fractions; spread is None where the paper gives none."""

    mean: float
    spread: float | None
    note: str


@dataclass(frozen=True)
class Published:
    """All rows of one paper's CSV."""

    rows: tuple[Mapping[str, str], ...]
    unit: float

    def find(self, table: str, method: str, variant: str, setting: str, dataset: str, metric: str) -> Number | None:
        """Return the number of a cell, or None when the paper has none; `setting` is the start of the row's."""
        wanted = {"table": table, "method": method, "variant": variant, "dataset": dataset, "metric": metric}
        for row in self.rows:
            if row["setting"].startswith(setting) and all(row[key] == value for key, value in wanted.items()):
                spread = float(row["std"]) / self.unit if row["std"] else None
                return Number(float(row["mean"]) / self.unit, spread, row["note"])
        return None


def load_published(name: str, unit: float) -> Published:
    """Read leaderboards/published/<name>; raises UsageError when there is no such file."""
    here = Path(__file__).resolve().parents[1]
    for path in (here / "published" / name, here.parent / "leaderboards" / "published" / name):
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                return Published(tuple(csv.DictReader(file)), unit)
    raise UsageError(f"there are no published numbers named {name}")
