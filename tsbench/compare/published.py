"""Ours beside what was published: the difference on each dataset that both have, and how either was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tsbench.compare.blocks import Block, Table, columns, markdown
from tsbench.compare.paired import Paired, paired
from tsbench.errors import UsageError
from tsbench.leaderboard.cells import to_csv
from tsbench.leaderboard.export import caveats
from tsbench.leaderboard.table import Board
from tsbench.papers.named import Results
from tsbench.protocol import OWN_PROBE
from tsbench.tasks import METRICS
from tsbench.text import to_json

COLUMNS = columns(["dataset"], ["ours", "published", "difference"])
PROBE = "probe:"


@dataclass(frozen=True)
class Comparison:
    """A row of a board beside published results.

    board : of the method alone. frame : per dataset that both have: dataset, ours, ours_std (over seeds, ddof 1),
    n_seeds, published, published_std, difference (ours less the published, to the decimals that these have), as
    fractions. results : on these datasets. paired : of the differences. alone : how many of the board's datasets are
    left out since only ours, only the published results have them. decimals : of all numbers that were published.
    """

    board: Board
    method: str
    results: Results
    frame: pd.DataFrame
    paired: Paired
    alone: tuple[int, int]
    decimals: int

    @property
    def protocol(self) -> str:
        """What ours was measured under: its protocol; "own" on the archive's split where it decides by itself."""
        protocol = self.board.protocol
        probed = PROBE in str(self.board.summary.loc[self.method, "versions"])
        return protocol.name if probed or not protocol.archive_split else OWN_PROBE

    @property
    def same_protocol(self) -> bool:
        """Say whether the published numbers are of the protocol of ours, as far as their source says."""
        return self.results.protocol == self.protocol

    @property
    def title(self) -> str:
        """What is compared."""
        return f"{self.method} beside {self.results.name}"

    def blocks(self) -> Iterator[Block]:
        """Yield the title, the table in percent and the notes."""
        yield f"{self.title}: {self.board.metric} in %"
        yield Table(COLUMNS, [_texts(row) for row in self.frame.to_dict("records")])
        yield from self.notes()

    def notes(self) -> list[str]:
        """Return what must be known beside the numbers, a line each: the mean, the test, how either was measured."""
        return [*_of_the_differences(self), *_of_the_protocols(self), *_of_the_source(self), *caveats(self.board)]

    def content(self) -> dict[str, Any]:
        """Return all of it as JSON has it; no number is in percent."""
        protocol, rows = self.board.protocol, self.results.rows
        return {
            "method": self.method,
            "published": self.results.name,
            "metric": self.board.metric,
            "protocol": {"ours": self.protocol, "hash": protocol.hash(), "published": self.results.protocol},
            "same_protocol": self.same_protocol,
            "paired": self.paired.content(),
            "source": sorted({row.source for row in rows}),
            "verified": sum(row.verified for row in rows),
            "doubts": self.results.said("doubts"),
            "notes": self.notes(),
            "rows": self.frame.astype(object).where(self.frame.notna(), None).to_dict("records"),
        }

    def text(self, form: str) -> str:
        """Return it as "csv" (the frame, with what is compared in each row), "md" or "json"."""
        if form == "json":
            return to_json(self.content()) + "\n"
        if form == "csv":
            about = {"method": self.method, "protocol": self.protocol, "compared_with": self.results.name}
            about |= {"published_protocol": self.results.protocol, "metric": self.board.metric}
            return to_csv(pd.concat([pd.DataFrame([about] * len(self.frame)), self.frame], axis=1))
        return markdown(self.blocks())


def compare(board: Board, method: str, results: Results) -> Comparison:
    """Put a method, alone on its board, beside published results; raises UsageError where they share no dataset."""
    ours = board.evidence.set_index("dataset")
    shared = [name for name in board.cells.columns if name in ours.index and name in results.numbers]
    if not shared:
        raise UsageError(
            f"{method} on {board.name} ({len(ours)} datasets) and {results.name} have no dataset in common"
        )
    theirs = [results.numbers[name] for name in shared]
    frame = pd.DataFrame({"dataset": shared})
    frame[["ours", "ours_std", "n_seeds"]] = ours.loc[shared, ["mean", "std_seeds", "n_seeds"]].to_numpy()
    frame = frame.astype({"ours": float, "ours_std": float, "n_seeds": int})
    frame["published"] = [number.mean for number in theirs]
    frame["published_std"] = [np.nan if number.spread is None else number.spread for number in theirs]
    # What the published were rounded by is no difference.
    frame["difference"] = (frame["ours"] - frame["published"]).round(results.decimals) + 0.0
    alone = (len(ours) - len(shared), len(results.on(board.cells.columns).numbers) - len(shared))
    by_name = frame.set_index("dataset")
    test = paired(by_name["published"] + by_name["difference"], by_name["published"], METRICS[board.metric].sign)
    return Comparison(board, method, results.on(shared), frame, test, alone, results.decimals)


def _of_the_differences(found: Comparison) -> Iterator[str]:
    yield f"Ours less the published, over the {len(found.frame)} datasets that both have: {found.paired.words()}."
    yield f"Differences are to the {found.decimals} decimals of the published, as fractions; shown in %."
    yield (
        f"Left out of the datasets asked for: {found.alone[0]} that only ours has here, {found.alone[1]} that only the "
        "published have."
    )


def _of_the_protocols(found: Comparison) -> Iterator[str]:
    protocol, theirs = found.board.protocol, found.results
    own = found.protocol == OWN_PROBE
    about = "the method's own decision rule on the archive's split" if own else protocol.summary
    digest = (protocol.own() if own else protocol).hash()[:12]
    seeds = str(found.board.summary.loc[found.method, "seeds"])
    yield f"Ours: protocol {found.protocol} ({digest}: {about}), seeds {seeds}."
    yield f"Published: protocol {theirs.protocol_text}: {theirs.setting}."
    if not found.same_protocol:
        yield "Warning: the two were not measured alike, or nobody knows: a difference may be one of protocols alone."


def _of_the_source(found: Comparison) -> Iterator[str]:
    rows = found.results.rows
    stands = dict.fromkeys(f"{row.paper}, {row.table}: {row.source}" for row in rows)
    yield f"Source: {'; '.join(stands)}."
    yield f"A second source agrees with {sum(row.verified for row in rows)} of {len(rows)} numbers."
    yield from (f"Doubt: {text}." for text in found.results.said("doubts"))
    yield from (f"Note: {text}." for text in found.results.said("note"))


def _texts(row: dict[Any, Any]) -> list[str]:
    ours, theirs = _percent(row["ours"], row["ours_std"]), _percent(row["published"], row["published_std"])
    return [row["dataset"], ours, theirs, f"{100 * row['difference']:+.1f}"]


def _percent(mean: float, std: float) -> str:
    return f"{100 * mean:.1f}" + ("" if np.isnan(std) else f" ± {100 * std:.1f}")
