"""The columns of a paper's table: a dataset, on folds of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tsbench.plan.spec import RunSpec
from tsbench.registry import PaperTable

AT_RANDOM = "at random"


@dataclass(frozen=True)
class Column:
    """A dataset of a table. split : "at random", "by subject", or "" where the table tells no folds apart.

    stands_for : what the paper calls the data that it is run in place of; "" for none.
    """

    dataset: str
    split: str = ""
    stands_for: str = ""

    @property
    def name(self) -> str:
        """What the column is called."""
        for_what = f" for {self.stands_for}" if self.stands_for else ""
        return f"{self.dataset}{for_what}{f' ({self.split})' if self.split else ''}"

    @property
    def incomparable(self) -> str:
        """Why no published number can be compared with this column; "" where one can."""
        if self.stands_for:
            return f"{self.dataset} stands in for {self.stands_for}"
        return f"folds {self.split}, of which the paper says nothing" if self.split not in ("", AT_RANDOM) else ""


def column_of(table: PaperTable, spec: RunSpec) -> Column:
    """Return the column that a run is of."""
    made = table.at_random and not spec.protocol.needs_own_split
    random = AT_RANDOM if spec.protocol.split.group is None else ""
    split = (f"by {spec.group}" if spec.group else random) if made else ""
    return Column(spec.dataset, split, table.stand_ins.get(spec.dataset, ""))


def columns_of(table: PaperTable, specs: Iterable[RunSpec], datasets: Sequence[str]) -> list[Column]:
    """Return the columns of these datasets, in their order, folds at random first; one also where there is no run."""
    found = {column_of(table, spec) for spec in specs}
    columns = []
    for name in datasets:
        here = sorted((one for one in found if one.dataset == name), key=lambda one: one.split)
        columns += here or [Column(name, "", table.stand_ins.get(name, ""))]
    return columns
