"""The known content of datasets: the fingerprint of each that was at hand when `write_fingerprints` wrote the file."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("fingerprints.csv")


@cache
def fingerprints() -> dict[str, str]:
    """Return {dataset: sha256 of values and labels}, as Panel.fingerprint computes it."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["fingerprint"] for row in csv.DictReader(file)}
