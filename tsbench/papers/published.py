"""The numbers that papers published, with their source and the doubts about them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tsbench.errors import UsageError

HOMES = ("published", "../leaderboards/published")  # of an installed tsbench, and of its repository
BEYOND = "beyond the last column"
DIGITS = 12  # behind them a number of a program's output is noise of floats


class Row(BaseModel):
    """A line of leaderboards/published: one number, where it stands, how it was measured and what is doubtful about it.

    mean, std : in the unit of the file. setting : how it was measured, in words. protocol : the name of ours that
    measures so, as far as the source says; "" for none, or where that is not known. source : where it was read.
    verified : a second source agrees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    paper: str = Field(min_length=1)
    table: str
    setting: str
    method: str = Field(min_length=1)
    variant: str
    dataset: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    mean: Decimal = Field(allow_inf_nan=False)
    std: float | None = Field(ge=0, allow_inf_nan=False)
    note: str
    source: str = ""
    protocol: str = ""
    verified: bool = False
    doubts: str = ""

    @property
    def decimals(self) -> int:
        """To how many decimals the mean is given; of 0.6940000000000001, which a sum of floats left, 3."""
        exponent = self.mean.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > DIGITS:
            exponent = Decimal(f"{float(self.mean):.{DIGITS}g}").as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0

    @field_validator("std", mode="before")
    @classmethod
    def _none_for_empty(cls, value: object) -> object:
        return None if value == "" else value


@dataclass(frozen=True)
class Number:
    """A published mean and standard deviation as fractions; spread is None where the paper gives none."""

    mean: float
    spread: float | None
    note: str


@dataclass(frozen=True)
class Published:
    """All rows of one CSV."""

    rows: tuple[Row, ...]
    unit: float

    def find(self, table: str, method: str, variant: str, setting: str, dataset: str, metric: str) -> Number | None:
        """Return the number of a cell, or None when the paper has none; `setting` is the start of the row's."""
        wanted = (table, method, variant, dataset, metric)
        for row in self.rows:
            if row.setting.startswith(setting) and wanted == (
                row.table,
                row.method,
                row.variant,
                row.dataset,
                row.metric,
            ):
                return self.number(row)
        return None

    def number(self, row: Row) -> Number:
        """Return what a row says, as fractions."""
        return Number(float(row.mean) / self.unit, None if row.std is None else row.std / self.unit, row.note)


def files() -> dict[str, Path]:
    """Return {name: path} of the files of published numbers, such as "trls.csv"."""
    here = Path(__file__).resolve().parents[1]
    return {path.name: path for home in HOMES for path in sorted((here / home).glob("*.csv"))}


def load_published(name: str, unit: float) -> Published:
    """Read leaderboards/published/<name>; raises UsageError when there is no such file, or one of its rows is wrong."""
    if name not in files():
        raise UsageError(f"there are no published numbers named {name}")
    return Published(read(files()[name]), unit)


def read(path: Path) -> tuple[Row, ...]:
    """Return the rows of a file; raises UsageError with file, line and column."""
    rows: list[Row] = []
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, restkey=BEYOND)
        for line in lines:
            try:
                rows.append(Row.model_validate(line))
            except ValidationError as error:
                first = error.errors()[0]
                raise UsageError(f"{path}:{lines.line_num}: {first['loc'][0]}: {first['msg']}") from None
    return tuple(rows)
