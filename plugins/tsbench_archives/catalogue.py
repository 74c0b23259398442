"""The catalogue of archive datasets: what is known about each without its files, read from catalogue.csv.

Facts were measured on the files where these were at hand (80 sets); other counts are those sktime tabulates, lengths
and domains those of pyts, channels of UEA sets those of Bagnall et al. 2018, numbers of Zenodo records those of aeon.
Tables disagree on a few sets.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    """What is known about one dataset; None and empty text mean: not known.

    archive : "ucr", "uea", "tser" (regression), or empty for a set of none.
    length : time points per case, 0 where cases differ in length.
    normalised : every series is z-normalised in the files.
    missing : the files hold missing values.
    bundled : the installed libraries that ship the dataset ("aeon sktime").
    zenodo : number of the dataset's Zenodo record.
    """

    name: str
    archive: str
    n_train: int | None
    n_test: int | None
    n_classes: int | None
    n_channels: int | None
    length: int | None
    normalised: bool
    variable_length: bool
    missing: bool
    domain: str
    bundled: str
    zenodo: int | None

    @property
    def summary(self) -> str:
        """One line for listings."""
        length = "varying length" if self.variable_length else _known(self.length, "time points")
        facts = [
            _known(self.n_classes, "classes"),
            f"{self.n_train}/{self.n_test} train/test cases" if self.n_train and self.n_test else "",
            _known(self.n_channels, "channels") if self.n_channels != 1 else "univariate",
            length,
        ]
        text = ", ".join(fact for fact in facts if fact)
        return f"{self.domain}: {text}" if self.domain else text


@cache
def rows() -> dict[str, Row]:
    """Return the catalogue by name, in file order."""
    with Path(__file__).with_name("catalogue.csv").open(newline="", encoding="utf-8") as file:
        return {record["name"]: _row(record) for record in csv.DictReader(file)}


def _row(record: dict[str, str]) -> Row:
    values: dict[str, Any] = dict(record)
    for key in ("n_train", "n_test", "n_classes", "n_channels", "length", "zenodo"):
        values[key] = int(record[key]) if record[key] else None
    for key in ("normalised", "variable_length", "missing"):
        values[key] = record[key] == "yes"
    return Row(**values)


def _known(value: int | None, what: str) -> str:
    return "" if value is None else f"{value} {what}"
