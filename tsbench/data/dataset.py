"""Dataset: what is known about a collection of recordings and how to load it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError
from tsbench.identity import digest

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Card:
    """What a reader must know of a dataset before trusting a number on it. Empty text means: not known.

    normalised : the values come already normalised, so normalisation `auto` leaves them alone.
    group : name of the `meta` array whose values must not be split between train and test, if any.
    default_protocol : protocol used where the user names none.
    shareable : what was predicted for its cases may be published; False where access to the data needs credentials.
    unit, label_unit : of the values, and of the numbers to be predicted.
    checksum : the fingerprint that the whole of it has. known : {fingerprint: extent} of contents that are known too,
    such as of a sample. extent : how much of it is on this machine, "complete" or "sample: 16 of 48 records".
    positive : the class of two that is looked for, such as "died"; the last of the classes where it is empty.
    limits : {channel or static value: (lowest, highest)} of those whose values cannot be outside.
    own_folds : {own split: how many folds it has at most} of those with more than one.
    """

    name: str
    summary: str = ""
    source: str = ""
    licence: str = ""
    citation: str = ""
    checksum: str = ""
    cohort: str = ""
    unit: str = ""
    task: str = "classification"
    normalised: bool = False
    group: str | None = None
    default_protocol: str | None = None
    shareable: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    label_unit: str = ""
    extent: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    positive: str = ""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    own_folds: Mapping[str, int] = field(default_factory=dict)

    @property
    def contents(self) -> frozenset[str]:
        """Return the fingerprints of all contents that are known under this name."""
        return frozenset(filter(None, (self.checksum, *self.known)))


class Fold(NamedTuple):
    """One split: int64 case indices; `validation` is None where the scheme has none."""

    train: Index
    validation: Index | None
    test: Index


@dataclass(frozen=True)
class Data:
    """What `Dataset.load` returns.

    folds maps a scheme's name to its folds; the archive's own split is `folds["archive"]`. `unlabelled` holds further
    cases without labels for pre-training (whole recordings, say, of any length), or None; none of them may hold what
    the archive's split tests on.

    Raises InvalidDataError when a fold is none, leaves the panel or shares a case between its parts, times of a case do
    not increase, or the unlabelled cases have labels or other channels.
    """

    panel: Panel
    folds: Mapping[str, list[Fold]] = field(default_factory=dict)
    unlabelled: Panel | None = None

    def __post_init__(self) -> None:
        for scheme, folds in self.folds.items():
            for number, fold in enumerate(folds):
                if not isinstance(fold, Fold):
                    raise InvalidDataError(f"{scheme}, fold {number}: expected a Fold, got {type(fold).__name__}")
                check_fold(fold, len(self.panel), f"{scheme}, fold {number}")
        extra, own = self.unlabelled, self.panel
        for panel, cases in ((own, "case"), (extra, "unlabelled case")):
            if panel is not None and panel.times is not None:
                check_times(panel.times, panel.lengths, cases)
        if extra is None:
            return
        if extra.y is not None:
            raise InvalidDataError("the unlabelled cases have labels; drop them, or make them cases of the panel")
        named = extra.channel_names and own.channel_names
        if extra.n_channels != own.n_channels or (named and extra.channel_names != own.channel_names):
            raise InvalidDataError(
                f"the unlabelled cases must have the channels of the others: {_channels(own)}, not {_channels(extra)}"
            )

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of the panel, and of the unlabelled cases where there are any."""
        own = self.panel.fingerprint()
        return own if self.unlabelled is None else digest([own, self.unlabelled.fingerprint()])


class Dataset(ABC):
    """A dataset says what it is (`card`), whether it is here (`available`) and loads itself (`load`).

    `load` never touches the network when `offline()` is true, and raises MissingDataError naming the remedy when the
    data is not on this machine.
    """

    @property
    @abstractmethod
    def card(self) -> Card:
        """The dataset's card."""

    @abstractmethod
    def load(self) -> Data:
        """Read the data."""

    def cases(self) -> Panel:
        """Return all cases to be predicted, with the labels of those that have one; raises what `load` does."""
        from tsbench.data.join import concatenate
        from tsbench.data.partly import partly_labelled

        data = self.load()
        own, extra = data.panel, data.unlabelled
        if extra is None:
            return own
        joined = concatenate([replace(own.without_labels(), classes=()), extra])
        known = {"y": own.y, "task": own.task, "classes": own.classes}
        return joined if own.y is None else partly_labelled(joined, np.arange(len(joined)) < len(own), known)

    def available(self) -> bool:
        """Say whether the data is on this machine; cheap, and never over the network."""
        return True

    def files(self) -> list[Path]:
        """Return the files the data is read from, by whose size, times and inode it is known again; may be empty."""
        return []


def _channels(panel: Panel) -> str:
    return f"{panel.n_channels} ({', '.join(panel.channel_names)})" if panel.channel_names else str(panel.n_channels)


def check_times(times: npt.NDArray[Any], lengths: npt.NDArray[Any], cases: str = "case") -> None:
    """Raise InvalidDataError, naming the first case and time point, where times (n, t) of a case do not increase.

    lengths : (n,), beyond which nothing is read. cases : what a case is called.
    """
    inside = np.arange(times.shape[1]) < lengths[:, None]
    later = np.isfinite(times)
    later[:, 1:] &= ~(times[:, 1:] <= times[:, :-1])
    bad = np.argwhere(inside & ~later)
    if not len(bad):
        return
    case, point = bad[0]
    raise InvalidDataError(
        f"{cases} {case}, time point {point}: {times[case, point]:.15g} is missing, or not above the time before it; "
        "times must increase"
    )


def check_fold(fold: Fold, n_cases: int, where: str) -> None:
    """Raise InvalidDataError unless the parts of a fold are case indices, disjoint, non-empty and within the panel."""
    parts = {"train": fold.train, "test": fold.test}
    if fold.validation is not None:
        parts["validation"] = fold.validation
    for name, index in parts.items():
        if not isinstance(index, np.ndarray) or index.ndim != 1 or index.dtype.kind not in "iu":
            kind = f"{index.dtype} {index.shape}" if isinstance(index, np.ndarray) else type(index).__name__
            raise InvalidDataError(f"{where}: the {name} part must be an int64 array of case indices, got {kind}")
        if len(index) == 0:
            raise InvalidDataError(f"{where}: the {name} part is empty")
        if index.min() < 0 or index.max() >= n_cases:
            raise InvalidDataError(f"{where}: the {name} part leaves the {n_cases} cases there are")
    joined = np.concatenate(list(parts.values()))
    if len(np.unique(joined)) != len(joined):
        raise InvalidDataError(f"{where}: a case is in more than one part or twice in one")
