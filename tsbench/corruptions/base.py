"""Corruption: what makes series harder under a protocol, and what is checked of all that one returns."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from tsbench.data.panel import Array, Panel
from tsbench.data.scratch import in_blocks
from tsbench.data.stream import Streamed, blocks
from tsbench.discovery.catalog import Catalog
from tsbench.errors import MethodError, UsageError, returned
from tsbench.identity import stage_seed


class Levels(NamedTuple):
    """Which levels a corruption has, low to high; doc : what a level is, in one line; open : high is none."""

    low: float
    high: float
    doc: str
    open: bool = False

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}{')' if self.open else ']'}"

    def has(self, level: float) -> bool:
        """Say whether there is such a level."""
        return math.isfinite(level) and self.low <= level <= self.high and not (self.open and level == self.high)


@dataclass(frozen=True)
class Draws:
    """The random numbers of a corruption of a panel; no method, probe or seed of a run changes them.

    Iterated over it gives a generator for each case, in their order. A case's depends on the corruption's name and the
    case's own values and length: neither on the level nor on the other cases, so that cases that are alike are
    corrupted alike, in whatever part or batch they come.
    """

    panel: Panel
    name: str
    sequence: np.random.Generator

    def __iter__(self) -> Iterator[np.random.Generator]:
        for x, length in zip(self.panel.X, self.panel.lengths, strict=True):
            content = hashlib.sha256(f"{self.name}:{x.shape[0]}:{length}:".encode())
            content.update(np.ascontiguousarray(x[:, :length], "<f4").tobytes())
            yield np.random.default_rng(int.from_bytes(content.digest()[:16], "big"))

    def at_once(self) -> np.random.Generator:
        """Return one generator for the panel as a whole: another case changes the draws of all that follow it.

        A panel that is streamed comes block by block, in the order of its cases, and the generator goes on.
        """
        return self.sequence


class Corruption(ABC):
    """What makes series harder: values that are missing, or other ones. Write `__call__`, and say what `levels` are.

    version : raised when numbers change; 1 stays out of a protocol's hash.
    uses_labels : the panel comes with its labels, those of the test part too; every row says so.
    makes : "gaps" takes values away and leaves the others as they are, "values" changes them where they are observed.
    acts_on : "raw" series as the dataset has them; where the corruption reaches training, normalisation takes its
        statistics from what is left. "prepared" is for what was written before there were others: series normalised
        and transformed.
    strengths : which values a second number has, written after the name as in "mnar:4=0.5"; None where there is none.
    strength : that number; of the class, where none is written.
    """

    version: ClassVar[int] = 1
    uses_labels: ClassVar[bool] = False
    makes: ClassVar[Literal["gaps", "values"]] = "gaps"
    acts_on: ClassVar[Literal["raw", "prepared"]] = "raw"
    levels: ClassVar[Levels] = Levels(0, 1, "share of the values that are missing", open=True)
    strengths: ClassVar[Levels | None] = None
    strength: float = 0.0

    def __init__(self, level: float) -> None:
        if not self.levels.has(level):
            raise UsageError(f"level {level:g} is not in {self.levels}: {self.levels.doc}")
        self.level = level

    def with_strength(self, text: str) -> Self:
        """Return it with the second number that is written after its name; raises UsageError where it has not that."""
        if self.strengths is None:
            raise UsageError(f"it takes no number after its name ('{text}')")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.strengths.has(value):
            raise UsageError(f"'{text}' after its name is not in {self.strengths}: {self.strengths.doc}")
        if value == self.strength:
            raise UsageError(f"'{text}' after its name is what it has without: leave it out")
        self.strength = value
        return self

    def check(self, task: str, n_channels: int) -> None:  # noqa: B027
        """Raise UsageError for data of a task and a number of channels that this level makes no sense of."""

    def fit(self, train: Panel) -> None:  # noqa: B027
        """Learn from a fold's training cases with their labels, before the corruption; by default nothing."""

    @abstractmethod
    def __call__(self, panel: Panel, draws: Draws) -> Array:
        """Return X of the panel corrupted, floats of the same shape; panel.X itself cannot be written to.

        What is missing stays so, padding included, and a case that has a value keeps one. A case's draws come from its
        own generator (`each_case`).
        """


def each_case(panel: Panel, draws: Draws, change: Callable[[Array, np.random.Generator], Array]) -> Array:
    """Return X of a panel with `change` of each case's values (n_channels, length), padding aside, and generator."""
    X = panel.X.copy()
    for x, length, rng in zip(X, panel.lengths, draws, strict=True):
        x[:, :length] = change(x[:, :length].copy(), rng)
    return X


def find_corruption(name: str, catalog: Catalog) -> type[Corruption]:
    """Return the class registered under a name; raises UsageError where there is none, or it is no Corruption."""
    cls: Any = catalog.get(name)
    if not (isinstance(cls, type) and issubclass(cls, Corruption)):
        raise UsageError(f"corruption '{name}' of plugin {catalog.entry(name).plugin} is no class of Corruption")
    return cls


@dataclass(frozen=True)
class Corrupter:
    """A corruption ready for use; name : of it, text : how a protocol writes it, key : of what is drawn at once."""

    corruption: Corruption
    name: str
    text: str
    key: str

    def fit(self, train: Panel) -> None:
        """Have it learn from the training cases of a fold; raises UsageError as `check` does."""
        self.check(train.task, train.n_channels)
        self.corruption.fit(_read_only(train))

    def check(self, task: str, n_channels: int) -> None:
        """Raise UsageError naming the corruption where it makes no sense of such data."""
        try:
            self.corruption.check(task, n_channels)
        except UsageError as error:
            raise UsageError(f"corruption {self.text}: {error}") from None

    def before(self, panel: Panel) -> Panel:
        """Return a panel as it is to be prepared: corrupted, where the corruption acts on raw series."""
        return self.apply(panel) if self.corruption.acts_on == "raw" else panel

    def after(self, panel: Panel) -> Panel:
        """Return a prepared panel corrupted, where `before` has not done so."""
        return panel if self.corruption.acts_on == "raw" else self.apply(panel)

    def apply(self, panel: Panel) -> Panel:
        """Return a panel corrupted; raises MethodError naming the corruption where it did what none may."""
        rng, what = np.random.default_rng(stage_seed(self.key, "corruption")), f"corruption {self.text}"

        def step(part: Panel) -> Panel:
            given = self._given(part)
            X = returned(self.corruption(given, Draws(given, self.name, rng)), np.ndarray, what)
            return replace(part, X=self._checked(given, X, what))

        return in_blocks(panel, step)

    def _given(self, panel: Panel) -> Panel:
        """Return what the corruption gets to see, which it cannot write to."""
        return _read_only(panel if self.corruption.uses_labels else panel.without_labels())

    def _checked(self, given: Panel, X: Array, what: str) -> Array:
        before, named = given.X[:], partial(_cases, given)
        if X.shape != before.shape or X.dtype.kind != "f":
            gave = f"{X.dtype} of shape {X.shape}, expected floats of shape {before.shape}"
            raise MethodError(f"{what} gave {gave}")
        with np.errstate(over="ignore"):
            X = np.asarray(X, np.float32)
        missing, was_missing = np.isnan(X), np.isnan(before)
        if np.isinf(X).any():
            raise MethodError(f"{what} made {named(np.isinf(X))} infinite or too large for float32")
        if (was_missing & ~missing).any():
            raise MethodError(f"{what} made up values of {named(was_missing & ~missing)}, missing ones or padding")
        changed = missing & ~was_missing if self.corruption.makes == "values" else ~missing & (before != X)
        if changed.any():
            does = "took values away from" if self.corruption.makes == "values" else "changed values of"
            raise MethodError(f"{what} {does} {named(changed)}, and says that it makes {self.corruption.makes} alone")
        empty = np.asarray(missing.all(axis=(1, 2)) & ~was_missing.all(axis=(1, 2)))
        if self.corruption.acts_on == "raw" and empty.any():
            raise MethodError(f"{what} left no value of {named(empty)}: take a lower level, or have it keep one")
        return X


def missing_facts(panel: Panel) -> dict[str, float]:
    """Return what tells a panel's missing values from others': a digest of 48 bits, and their share.

    Padding does not enter. Two panels of the same cases have one digest if and only if the same values are missing.
    """
    digest, missing, total = hashlib.sha256(), 0, 0
    for block in blocks(panel.X):
        inside = np.arange(panel.n_timepoints) < panel.lengths[block, None]
        gone = np.isnan(panel.X[block]).transpose(0, 2, 1)[inside]
        digest.update(np.ascontiguousarray(gone).tobytes())
        missing, total = missing + int(gone.sum()), total + gone.size
    return {"test_mask": int(digest.hexdigest()[:12], 16), "test_missing": missing / total}


def _read_only(panel: Panel) -> Panel:
    """Return a panel whose values cannot be written to."""
    if isinstance(panel.X, Streamed):  # which nobody can write to
        return panel
    X = panel.X.view()
    X.flags.writeable = False
    return replace(panel, X=X)


def _cases(panel: Panel, found: Array) -> str:
    """Return "case 3", the name of the first of those found, with how many there are in all where there are more."""
    cases = np.flatnonzero(found.reshape(len(found), -1).any(axis=1))
    first = f"case {panel.case_names()[cases[0]]}"
    return first if len(cases) == 1 else f"{first} and {len(cases) - 1} more of {len(found)}"
