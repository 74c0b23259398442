"""The order in which runs are handed to several workers: those that share a pre-training stay together."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable

from tsbench.plan.spec import RunSpec


def unit_of(spec: RunSpec) -> Hashable:
    """Return what runs have in common that can share one pre-training: method, seed, and the fold or the sources."""
    return spec.label, spec.seed, spec.sources or (spec.dataset, spec.fingerprint, spec.fold)


class Schedule:
    """Runs grouped by the training they share, units in the order of the plan.

    The first run of a unit goes to one worker, which is given the rest of it. Once that first run is over its
    checkpoint is there for all, so a worker without work helps with the longest unit.
    """

    def __init__(self, specs: Iterable[RunSpec]) -> None:
        self._units: dict[Hashable, deque[RunSpec]] = {}
        self._begun: set[Hashable] = set()
        self._trained: set[Hashable] = set()
        for spec in specs:
            self._units.setdefault(unit_of(spec), deque()).append(spec)

    def __bool__(self) -> bool:
        return bool(self._units)

    def next(self, previous: RunSpec | None) -> RunSpec | None:
        """Return the run for a worker whose last one was `previous`; None when it has to wait, or all are given."""
        own = None if previous is None else unit_of(previous)
        if own in self._units:
            return self._take(own, first=True)
        fresh = next((unit for unit in self._units if unit not in self._begun), None)
        if fresh is not None:
            return self._take(fresh, first=True)
        shared = [unit for unit in self._units if unit in self._trained]
        return self._take(max(shared, key=lambda u: len(self._units[u])), first=False) if shared else None

    def over(self, spec: RunSpec) -> None:
        """Note that a run has ended: what its unit shares is there, or never will be."""
        self._trained.add(unit_of(spec))

    def put_back(self, spec: RunSpec) -> None:
        """Take a run back that was not done; it is next in its unit."""
        unit = unit_of(spec)
        self._units.setdefault(unit, deque()).appendleft(spec)
        self._begun.discard(unit)

    def _take(self, unit: Hashable, first: bool) -> RunSpec:
        waiting = self._units[unit]
        spec = waiting.popleft() if first else waiting.pop()
        self._begun.add(unit)
        if not waiting:
            del self._units[unit]
        return spec
