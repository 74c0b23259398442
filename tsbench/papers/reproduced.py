"""A paper's table made again: the frame, the files, the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tsbench.leaderboard.cells import to_csv
from tsbench.output import write_bytes
from tsbench.papers.grid import grid
from tsbench.papers.maps import draw_map
from tsbench.papers.reproduce import TablePlan, markdown, tabulate
from tsbench.registry import PaperTable, Registry

if TYPE_CHECKING:
    from tsbench.execute.ran import Ran
    from tsbench.measure.worker import Worker
    from tsbench.store.store import Store


@dataclass(frozen=True)
class Reproduced:
    """A paper's table made again.

    frame : see `tabulate`. ran : what came of the runs. lacking : that some have not succeeded, in words. files : what
    was written.
    """

    title: str
    table: PaperTable
    frame: pd.DataFrame
    planned: TablePlan
    ran: Ran
    lacking: str = ""
    files: list[Path] = field(default_factory=list)

    @property
    def markdown(self) -> str:
        """The table in Markdown, in percent."""
        text = (grid if self.table.kind == "grid" else markdown)(self.title, self.frame)
        return text.replace("\n\n", f"\n\n**{self.lacking}**\n\n", 1) if self.lacking else text

    def write(self, folder: Path, make_worker: Callable[[], Worker]) -> None:
        """Write the table as CSV and Markdown, and draw its map, if it is one, with what a worker encodes."""
        stem = folder / self.title.partition(":")[0].replace("/", "-")
        for suffix, text in (("csv", to_csv(self.frame)), ("md", self.markdown)):
            self.files.append(Path(f"{stem}.{suffix}"))
            write_bytes(self.files[-1], text.encode())
        if self.table.kind == "tsne":
            worker, outcome = make_worker(), self.ran.outcome
            found = draw_map(self.table, self.planned, outcome, lambda spec: worker.opened(spec).test_features(), stem)
            self.files.extend(found)


def reproduced(
    name: str, planned: TablePlan, ran: Ran, store: Store, registry: Registry, protocol: str | None = None
) -> Reproduced:
    """Return a table from the runs that the store has; protocol : as of `plan_paper`."""
    paper, table = registry.table(name)
    table = table.under(protocol)
    datasets = [*dict.fromkeys(spec.dataset for spec in planned.plan.specs), *planned.plan.missing]
    results = store.results()
    frame = tabulate(paper, table, planned, datasets, results)
    there = {row["key"] for row in results if row["status"] == "succeeded"}
    wanted = [spec.key for spec in planned.plan.specs]
    count = sum(key in there for key in wanted)
    lacking = "" if count == len(wanted) else f"Partial: {count} of {len(wanted)} runs have succeeded."
    return Reproduced(f"{name}: {table.summary}", table, frame, planned, ran, lacking)
