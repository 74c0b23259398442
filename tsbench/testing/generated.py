"""Data of every kind. The strategies need hypothesis: pip install hypothesis."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, example, settings
from hypothesis import strategies as st

from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.methods.probe import Features

Floats = npt.NDArray[np.floating]
Parts = tuple[Features, Features | None, Features]

DEEP = int(os.environ.get("TSBENCH_FUZZ", "0"))
LARGEST = 200_000 if DEEP else 12_000  # values of a panel
LABELS: dict[str, Callable[[int], int | float | str]] = {
    "int": lambda i: i - 1,
    "unicode": lambda i: ["ярлык", "标签", "é", "a b", "🙂", "نص", "ß", "Ω"][i % 8] + str(i // 8),
    "float": lambda i: i + 0.5,
    "text": lambda i: f"class, {i}",
}
VALUES: dict[str, Callable[[np.random.Generator, tuple[int, int, int]], Floats]] = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "walk": lambda rng, shape: rng.normal(size=shape).cumsum(axis=-1),
    "two levels": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "constant": lambda rng, shape: np.ones(shape),
    "constant cases": lambda rng, shape: np.broadcast_to(rng.normal(size=(shape[0], 1, 1)), shape).copy(),
    "zero": lambda rng, shape: np.zeros(shape),
    "one spike": lambda rng, shape: np.eye(1, shape[0] * shape[1] * shape[2], 0).reshape(shape),
    "far from 0": lambda rng, shape: 1e6 + rng.normal(size=shape),
}
# What is missing: an index into X
GAPS: dict[str, Callable[[np.random.Generator, Floats], Any]] = {
    "points": lambda rng, X: rng.random(X.shape) < 0.3,
    "a case": lambda rng, X: rng.integers(len(X)),
    "a channel": lambda rng, X: (slice(None), rng.integers(X.shape[1])),
    "a channel of a case": lambda rng, X: (rng.integers(len(X)), rng.integers(X.shape[1])),
    "the beginning": lambda rng, X: (..., slice(0, X.shape[2] // 3)),
    "all but a point": lambda rng, X: (0, slice(None), slice(1, None)),
}
# Class index of each case, given the number of training cases and of all
CLASSES: dict[str, Callable[[int, int], npt.NDArray[np.int64]]] = {
    "two": lambda n_train, n: np.arange(n) % 2,
    "one": lambda n_train, n: np.zeros(n, np.int64),
    "one per case": lambda n_train, n: np.arange(n),
    "three, two of them rare": lambda n_train, n: np.abs(np.arange(n) - n_train + 1).clip(max=2),
    "unseen in training": lambda n_train, n: np.arange(n) % 2 + 2 * (np.arange(n) >= n_train),
}


def quick(quickly: int = 4) -> settings:
    """Return settings for a few examples, always the same; with TSBENCH_FUZZ=n in the environment n new ones."""
    return settings(
        max_examples=DEEP or quickly,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def make_data(
    sizes: tuple[int, int, int] = (4, 0, 2),
    channels: int = 1,
    length: int = 31,
    values: str = "noise",
    scale: float = 1.0,
    ragged: bool = False,
    gaps: Sequence[str] = (),
    classes: str = "two",
    names: str = "int",
    seed: int = 0,
) -> Data:
    """Return Data with the fold "archive"; sizes are the cases in training, validation (0: none) and test part.

    values, gaps, classes, names : keys of VALUES, GAPS, CLASSES and LABELS. ragged : cases of unequal length.
    """
    rng, n = np.random.default_rng(seed), sum(sizes)
    X = VALUES[values](rng, (n, channels, length)) * scale
    lengths = rng.integers(1, length + 1, n) if ragged else np.full(n, length)
    X = np.where(np.arange(length) < lengths[:, None, None], X, np.nan)
    for gap in gaps:
        X[GAPS[gap](rng, X)] = np.nan
    labels = [LABELS[names](int(i)) for i in CLASSES[classes](sizes[0], n)]
    train, validation, test = np.split(np.arange(n), np.cumsum(sizes)[:2])
    fold = Fold(train, validation if len(validation) else None, test)
    return Data(Panel.build(X, labels, lengths=lengths), {"archive": [fold]})


def labelled(data: Data, task: str) -> Data:
    """Return the data with labels of a task in place of its classes: their numbers, or the bits of these."""
    panel = data.panel
    if task == "classification":
        return data
    assert panel.y is not None
    y, names = panel.y.astype(np.float64), tuple[str, ...]()
    if task == "multilabel":
        names = ("low", "middle", "high")
        y = (panel.y[:, None] >> np.arange(3) & 1).astype(np.uint8)
    return replace(data, panel=replace(panel, y=y, classes=names, task=task))  # type: ignore[arg-type]


_SIZES = st.tuples(st.sampled_from([4, 2, 1, 3, 7, 17]), st.sampled_from([0, 0, 1, 3]), st.sampled_from([2, 1, 5]))
_LENGTHS = st.one_of(st.sampled_from([31, 1, 2, 3, 8, 9, 130]), st.integers(1, 3000))
_CHANNELS = st.one_of(st.sampled_from([1, 2, 3]), st.integers(1, 64))


@st.composite
def datasets(draw: st.DrawFn) -> Data:
    """2 to 25 cases, 1 to 64 channels, 1 to 3,000 time points, no more than LARGEST values, gaps of every kind."""
    sizes = draw(_SIZES)
    length = min(draw(_LENGTHS), LARGEST // sum(sizes))
    return make_data(
        sizes,
        max(1, min(draw(_CHANNELS), LARGEST // (sum(sizes) * length))),
        length,
        draw(st.sampled_from(list(VALUES))),
        10.0 ** draw(st.sampled_from([0, 0, 0, -30, 30, -6, 6])),
        draw(st.booleans()),
        draw(st.lists(st.sampled_from(list(GAPS)), max_size=2)),
        draw(st.sampled_from(["two", "two", "two", *CLASSES])),
        draw(st.sampled_from(list(LABELS))),
        draw(st.integers(0, 2**16)),
    )


def corners(**others: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a test of `data` meet, whatever else is drawn, plain data and the kinds that most often do harm.

    others : values of the test's other arguments there.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        for data in (
            make_data(sizes=(6, 0, 2), channels=2, length=40),
            make_data(length=1, classes="one per case"),
            make_data(sizes=(1, 0, 1)),
            make_data(sizes=(5, 2, 3), classes="unseen in training", names="unicode", gaps=["a case"]),
            make_data(channels=3, length=2, values="constant", scale=1e30),
            make_data(channels=2, length=130, scale=1e-30, ragged=True, gaps=["points", "a channel of a case"]),
        ):
            test = example(data=data, **others)(test)
        return test

    return decorate


@st.composite
def features(draw: st.DrawFn, task: str = "classification") -> Parts:
    """Return Features for training, validation (or None) and test: any size and scale that may reach a probe."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    (n, n_validation, n_test), d = draw(_SIZES), draw(st.sampled_from([3, 1, 40]))
    n *= draw(st.sampled_from([1, 4]))
    n_classes = draw(st.integers(1, 5))
    x = rng.normal(size=(n + n_validation + n_test, d)) * 10.0 ** draw(st.sampled_from([0, 0, 3, 15, 30, 38, -30, -45]))
    x += 10.0 ** draw(st.sampled_from([-50, -50, 0, 7, 30]))
    constant = draw(st.sampled_from(["none", "none", "all", "one feature"]))
    if constant == "all":
        x[:] = x[0, 0]
    elif constant == "one feature":
        x[:, 0] = x[0, 0]
    largest = np.finfo(np.float32).max
    small = x.clip(-largest, largest).astype(np.float32)
    y: npt.NDArray[Any] = rng.integers(0, n_classes, len(x))
    if task == "multilabel":
        y = rng.integers(0, 2, (len(x), n_classes)).astype(np.uint8)
    elif task == "regression":
        y, n_classes = 10.0 ** draw(st.sampled_from([0, 3, 30, -30])) * rng.normal(size=len(x)), 0
    train, validation, test = (
        Features(small[part], y[part], n_classes, task) for part in np.split(np.arange(len(x)), [n, n + n_validation])
    )
    return train, validation if n_validation else None, test
