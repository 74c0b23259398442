"""Classifiers that learn no representation; for now the floors every leaderboard needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsbench import hookimpl

if TYPE_CHECKING:
    from tsbench.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the classifiers."""
    register("majority", "tsbench_classic.floors:Majority", summary="Predict the most frequent training class.")
    register("1nn-ed", "tsbench_classic.floors:NearestNeighbour", summary="1-NN, Euclidean distance of the series.")
    register("noop", "tsbench_classic.floors:Noop", summary="Do nothing; measures the harness itself.")
