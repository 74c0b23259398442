"""Panel: the one data container, a set of labelled or unlabelled time series."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tsbench.data.rounding import check_rounding
from tsbench.data.stream import Step, Streamed, blocks, refuse_infinite, streamed
from tsbench.errors import InvalidDataError

Task = Literal["classification", "multilabel", "regression", "retrieval", "none"]
Array = npt.NDArray[Any]
HASHED_CASES = 256
RECORD, CASE = "record", "case"  # arrays of meta: the recording that a case is of, and its own name
LARGEST_TARGET = 1e100  # whose square, and sums of them, float64 holds
SMALLEST_SPREAD = 1e-100  # of targets, likewise
SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}  # of the units of time

# Zeros before a number are part of a name: 007 is not 7.
_PLAIN_NUMBER = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")


@dataclass(frozen=True)
class PanelShape:
    """What a method may know of its input when it builds itself.

    n_classes is 0 and task "none" for methods that are not supervised: they must not depend on them. n_classes is also
    0 for regression, and the number of labels for multilabel.
    """

    n_channels: int
    n_timepoints: int
    n_static: int = 0
    n_classes: int = 0
    sampling_rate: float | None = None
    task: Task = "classification"


@dataclass(frozen=True)
class Panel:
    """A set of time series with what is known about each.

    Attributes
    ----------
    X : float32 (n_cases, n_channels, n_timepoints); NaN marks a missing value and the padding beyond `lengths`. A
        read-only memory map (`np.load(path, mmap_mode="r")`) stays in its file: it becomes a `Streamed`.
    lengths : int32 (n_cases,); number of time points of each case, stored and never guessed from NaN.
    y : int64 (n_cases,) class index, uint8 (n_cases, n_labels), float64 (n_cases,) for regression, or None.
    task : what y means.
    classes : labels as strings, in the order of the class index.
    times : float64 (n_cases, n_timepoints), or None for a regular grid. time_unit : theirs, one of SECONDS.
    static : float32 (n_cases, n_static) or None; NaN is missing. static_names : one name per column, may be empty.
    categories : {name of a column of static: what its values 0, 1, ... stand for}; the other columns are numbers.
    text : str (n_cases,) or None.
    meta : named per-case arrays (subject, record, fold ...).
    channel_names : one name per channel, may be empty. units : {channel: its unit}, of those whose unit is known; they
        say what the values are and enter no fingerprint.
    sampling_rate : Hz, None where unknown.

    Raises
    ------
    InvalidDataError : arrays disagree in size, a value is infinite, or a length is out of range.
    """

    X: Array | Streamed
    lengths: Array
    y: Array | None = None
    task: Task = "none"
    classes: tuple[str, ...] = ()
    times: Array | None = None
    static: Array | None = None
    static_names: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: Array | None = None
    meta: Mapping[str, Array] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    sampling_rate: float | None = None
    time_unit: str = "s"
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.X, Streamed):
            object.__setattr__(self, "X", streamed(self.X))
        _check_sizes(self)
        if not isinstance(self.X, Streamed):  # which looks at what it reads
            refuse_infinite(self.X, self._named)
        for name, array in (("times", self.times), ("static", self.static)):
            if array is not None and np.isinf(array).any():
                case = int(np.isinf(array).any(axis=1).argmax())
                raise InvalidDataError(
                    f"{name} of case {self._named(case)} holds an infinite or too large value; correct it"
                )

    @classmethod
    def build(cls, X: Array | Streamed, labels: Sequence[object] | Array | None = None, **fields: Any) -> Panel:
        """Make a Panel from what a loader has: any float array, mapped or not, and raw labels.

        X is (n_cases, n_channels, n_timepoints); `lengths` defaults to n_timepoints for every case. Labels become
        classes by `class_index`.

        Raises InvalidDataError naming a channel whose variation float32 loses: a level of 1e9 that moves by 1, say.
        Where single cases lose theirs, each at a level of its own, a TsbenchWarning says so.
        """
        given = X if isinstance(X, Streamed) else streamed(X)
        with np.errstate(over="ignore"):
            X = given if isinstance(given, Streamed) else np.ascontiguousarray(given, dtype=np.float32)
        lengths = fields.pop("lengths", None)
        if lengths is None:
            lengths = np.full(len(X), X.shape[-1], dtype=np.int32)
        if labels is not None:
            fields["y"], fields["classes"] = class_index(labels)
            fields["task"] = "classification"
        panel = cls(X=X, lengths=np.asarray(lengths, dtype=np.int32), **fields)
        check_rounding(given, panel.X, panel.lengths, panel.channel_names)
        return panel

    def __len__(self) -> int:
        return len(self.X)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.X.shape[1])

    @property
    def n_timepoints(self) -> int:
        """Number of time points of the longest case."""
        return int(self.X.shape[2])

    @property
    def shape(self) -> PanelShape:
        """The shape a method builds itself for."""
        n_static = 0 if self.static is None else self.static.shape[1]
        classes, rate = len(self.classes), self.sampling_rate
        return PanelShape(self.n_channels, self.n_timepoints, n_static, classes, rate, self.task)

    def select(self, index: Array | Sequence[int]) -> Panel:
        """Return the Panel of the given cases, in the given order; the time axis keeps its length."""
        index = np.asarray(index)

        def take(array: Array | None) -> Array | None:
            return None if array is None else array[index]

        return replace(
            self,
            X=self.X.select(index) if isinstance(self.X, Streamed) else self.X[index],
            lengths=self.lengths[index],
            y=take(self.y),
            times=take(self.times),
            static=take(self.static),
            text=take(self.text),
            meta={name: values[index] for name, values in self.meta.items()},
        )

    def loaded(self) -> Panel:
        """Return the same cases with their values in memory; those of a streamed panel are read now."""
        return replace(self, X=self.X[:]) if isinstance(self.X, Streamed) else self

    def changed(self, step: Step) -> Panel:
        """Return the cases with what a step makes of X (n, n_channels, n_timepoints); of a streamed one when read.

        step : treats each case by itself, and keeps shape and what is NaN.
        """
        return replace(self, X=self.X.then(step) if isinstance(self.X, Streamed) else step(self.X))

    def case_names(self) -> list[str]:
        """Return a name per case: `case` of meta, else `record` where each has one of its own, else its number."""
        for name in (CASE, RECORD):
            names = [str(one) for one in self.meta[name].tolist()] if name in self.meta else []
            if names and len(set(names)) == len(names):
                return names
        return [str(case) for case in range(len(self))]

    def _named(self, case: int) -> str:
        return self.case_names()[case]

    def without_labels(self) -> Panel:
        """Return the same cases with their labels removed; what is to be predicted is passed in this form."""
        return replace(self, y=None, task="none")

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of values and labels.

        Equal for the same data read from any file format or library: padding, the width of the time axis, the
        order of classes and categories, and the case of labels do not enter.
        """
        digest = hashlib.sha256()
        digest.update(np.asarray([len(self), self.n_channels], dtype="<i8").tobytes())
        digest.update(self.lengths.astype("<i4").tobytes())
        for block in blocks(self.X, HASHED_CASES):  # a copy of all values may not fit into memory
            _hash_values(digest, self.X[block].transpose(0, 2, 1), self.lengths[block])
        for name, array in [("times", self.times), ("static", self.static), ("text", self.text)]:
            if array is not None:
                digest.update(name.encode())
                if name == "times":
                    for block in blocks(array, HASHED_CASES):
                        _hash_values(digest, array[block, :, None], self.lengths[block])
                elif name == "static" and self.categories:
                    digest.update("\x1f".join(_static_texts(self)).encode())
                else:
                    digest.update("\x1f".join(map(str, array.ravel().tolist())).encode())
        if self.y is not None:
            digest.update("\x1f".join(_label_names(self)).encode())
        if self.task == "multilabel" and self.y is not None:
            _hash_unsaid(digest, self.y, self.classes)
        return digest.hexdigest()


def class_index(labels: Sequence[object] | Array) -> tuple[Array, tuple[str, ...]]:
    """Map raw labels to (int64 index, classes); '2', 2 and 2.0 are one class.

    Labels that `normalise_label` spells alike are one class. Classes are ordered by value where all are numbers, else
    as text. Raises InvalidDataError where a label is missing (None or NaN; the text "nan" is a label).
    """
    raw = np.asarray(labels, dtype=object).tolist()
    for case, label in enumerate(raw):
        if label is None or label != label:
            raise InvalidDataError(f"case {case} has no label ({label}); leave it out, or give it a class of its own")
    names = [normalise_label(label) for label in raw]
    unique = sorted(set(names), key=_label_order(set(names)))
    position = {name: i for i, name in enumerate(unique)}
    return np.asarray([position[name] for name in names], dtype=np.int64), tuple(unique)


def normalise_label(label: object) -> str:
    """Return the one spelling of a class label, or of the name of a subject or group.

    Surrounding blanks go. Plain decimal numbers of exactly equal value have one spelling: 2, 2.0, "2" and "+2.0" are
    "2", "0.50" is "0.5". Any other text stays as it is written: "007", "5E1", "1_10".
    """
    if isinstance(label, float | np.floating) and float(label).is_integer():
        label = int(label)
    text = str(label).strip()
    number = _PLAIN_NUMBER.fullmatch(text)
    if number is None:
        return text
    sign, whole, fraction = number[1], number[2], (number[3] or "").rstrip("0")
    value = f"{whole}.{fraction}" if fraction else whole
    return f"-{value}" if sign == "-" and value != "0" else value


def _check_sizes(panel: Panel) -> None:
    if panel.X.ndim != 3:
        raise InvalidDataError(f"X must be (n_cases, n_channels, n_timepoints), got shape {panel.X.shape}")
    n_cases, n_channels, n_timepoints = panel.X.shape
    if min(n_cases, n_channels, n_timepoints) < 1:
        raise InvalidDataError(f"needs at least one case, channel and time point, got shape {panel.X.shape}")
    per_case = {"lengths": panel.lengths, "y": panel.y, "times": panel.times, "static": panel.static}
    for name, array in {**per_case, "text": panel.text, **panel.meta}.items():
        if array is not None and not isinstance(array, np.ndarray):
            raise InvalidDataError(f"{name} must be a numpy array, got {type(array).__name__}")
        if array is not None and len(array) != n_cases:
            raise InvalidDataError(f"{name} has {len(array)} entries for {n_cases} cases")
    if panel.y is not None and panel.task == "none":
        raise InvalidDataError(
            "y is given, but task is 'none'; give class labels to Panel.build as labels=, or name the task"
        )
    if panel.y is not None and panel.task in ("multilabel", "regression"):
        _check_target(panel.y, panel.task, panel.classes)
    if panel.lengths.min() < 1 or panel.lengths.max() > n_timepoints:
        raise InvalidDataError(
            f"lengths must be between 1 and {n_timepoints}, got {panel.lengths.min()} to {panel.lengths.max()}"
        )
    if panel.times is not None and panel.times.shape != (n_cases, n_timepoints):
        raise InvalidDataError(f"times must be {(n_cases, n_timepoints)}, a time per point, got {panel.times.shape}")
    if panel.channel_names and len(panel.channel_names) != n_channels:
        raise InvalidDataError(f"{len(panel.channel_names)} channel names for {n_channels} channels")
    if panel.time_unit not in SECONDS:
        raise InvalidDataError(f"time_unit '{panel.time_unit}' is none of {', '.join(SECONDS)}")
    _check_static(panel)


def _check_static(panel: Panel) -> None:
    if panel.static is not None and panel.static.ndim != 2:
        raise InvalidDataError(f"static must be (n_cases, n_static), got shape {panel.static.shape}")
    names, n_static = panel.static_names, panel.shape.n_static
    if names and (len(names) != n_static or len(set(names)) != n_static):
        raise InvalidDataError(f"{len(names)} static names for {n_static} static values; each needs one of its own")
    for name, categories in panel.categories.items():
        if name not in names or panel.static is None:
            raise InvalidDataError(f"categories are given of '{name}', which is none of static_names")
        values = panel.static[:, names.index(name)]
        values = values[~np.isnan(values)]
        if not np.isin(values, np.arange(len(categories))).all():
            raise InvalidDataError(f"static '{name}' has values that are none of its {len(categories)} categories")


def _check_target(y: Array, task: Task, classes: tuple[str, ...]) -> None:
    if task == "regression":
        if y.ndim != 1 or y.dtype.kind not in "fiu":
            raise InvalidDataError(f"a target of regression is one number per case, got shape {y.shape}, {y.dtype}")
        if not np.isfinite(y).all():
            case = int(np.argmin(np.isfinite(y)))
            raise InvalidDataError(f"case {case} has no finite target ({y[case]}); leave it out, or correct it")
        if len(y) and np.abs(y).max() > LARGEST_TARGET:
            case = int(np.abs(y).argmax())
            raise InvalidDataError(
                f"the target of case {case} is {y[case]:g}, too large to be squared; rescale the targets"
            )
        if len(y) and 0 < (spread := np.ptp(y)) < SMALLEST_SPREAD:
            raise InvalidDataError(f"the targets differ by {spread:g} at most, too little to be squared; rescale them")
    elif len(set(classes)) != max(1, len(classes)):
        raise InvalidDataError(f"multilabel cases need labels of different names, got {len(classes)}: {classes}")
    elif y.ndim != 2 or y.shape[1] != len(classes) or not np.isin(y, (0, 1)).all():
        raise InvalidDataError(
            f"labels of multilabel cases are 0 or 1 for each of the {len(classes)} classes, got shape {y.shape}"
        )


def _label_order(names: set[str]) -> Any:
    try:
        numeric = not any(math.isnan(float(name)) for name in names)  # NaN has no place in an order
    except ValueError:
        numeric = False
    return (lambda name: (float(name), name)) if numeric else lambda name: (name.casefold(), name)


def _label_names(panel: Panel) -> list[str]:
    """Spell out each case's label, ignoring letter case where that does not merge two classes."""
    assert panel.y is not None
    if not panel.classes:
        return [str(value) for value in panel.y.ravel().tolist()]
    folded = [name.casefold() for name in panel.classes]
    names = folded if len(set(folded)) == len(folded) else list(panel.classes)
    if panel.y.ndim == 2:
        return [",".join(names[i] for i in np.flatnonzero(row)) for row in panel.y]
    return [names[i] for i in panel.y]


def _hash_unsaid(digest: Any, y: Array, names: tuple[str, ...]) -> None:
    """Hash labels once more where the names of each case's do not tell them: one of no case, or one with a comma."""
    if y.any(axis=0).all() and not any("," in name for name in names):
        return
    order = sorted(range(len(names)), key=lambda label: (names[label].casefold(), names[label]))
    digest.update("\x1f".join(names[label].casefold() for label in order).encode())
    digest.update(np.ascontiguousarray(y[:, order], dtype=np.uint8).tobytes())


def _static_texts(panel: Panel) -> list[str]:
    """Spell out static values row by row, categories by their names."""
    assert panel.static is not None
    columns = [list(map(str, column)) for column in panel.static.T.tolist()]
    for name, categories in panel.categories.items():
        number = panel.static_names.index(name)
        values = panel.static[:, number].tolist()
        columns[number] = ["nan" if value != value else f"={categories[int(value)]}" for value in values]
    return [cell for row in zip(*columns, strict=True) for cell in row]


def _hash_values(digest: Any, values: Array, lengths: Array) -> None:
    """Hash (n_cases, n_timepoints, k) up to each case's length, with one bit pattern for NaN and for zero."""
    inside = values[np.arange(values.shape[1]) < lengths[:, None]] + np.asarray(0, values.dtype)  # -0.0 + 0.0 is 0.0
    inside[np.isnan(inside)] = np.nan
    digest.update(np.ascontiguousarray(inside, dtype=inside.dtype.newbyteorder("<")).tobytes())
