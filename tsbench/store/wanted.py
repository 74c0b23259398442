"""Which rows of a store are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tsbench.store.schema import attempts, runs


@dataclass(frozen=True)
class Wanted:
    """What rows must be to be given; what is empty asks nothing.

    methods : names of methods, or labels of rows. datasets, protocols, statuses : names. protocol_hashes : of the
    protocol's content. since : seconds since 1970 at which the attempt that a result comes from ended, at the earliest.
    """

    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    protocol_hashes: tuple[str, ...] = ()
    since: float | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on the table of runs."""
        named: dict[sa.Column[Any], tuple[str, ...]] = {
            runs.c.dataset: self.datasets,
            runs.c.protocol: self.protocols,
            runs.c.status: self.statuses,
            runs.c.protocol_hash: self.protocol_hashes,
        }
        found: list[sa.ColumnElement[bool]] = [column.in_(names) for column, names in named.items() if names]
        if self.methods:
            found.append(sa.or_(runs.c.label.in_(self.methods), runs.c.method.in_(self.methods)))
        if self.since is not None:
            ended = sa.select(attempts.c.id).where(attempts.c.finished >= self.since)
            found.append(runs.c.attempt.in_(ended))
        return found
