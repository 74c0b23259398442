"""Per-channel normalisation with the statistics of the training cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Index
from tsbench.data.panel import Panel
from tsbench.data.stream import Streamed, blocks
from tsbench.errors import InvalidDataError

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel: float64 (n_channels,), std > 0; the mean of an unseen one is NaN."""

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    def apply(self, panel: Panel) -> Panel:
        """Return the panel with (X - mean) / std, computed in float64 and stored as float32; NaN stays NaN.

        Raises InvalidDataError when the channels differ in number or a result is too large for float32.
        """
        if panel.n_channels != len(self.mean):
            raise InvalidDataError(f"statistics of {len(self.mean)} channels applied to {panel.n_channels} channels")
        return panel.changed(self._scaled)

    def restored(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return values (n, n_channels, n_timepoints) that `apply` gave in their own unit again, but for rounding."""
        return (X * self.std[:, None] + self.mean[:, None]).astype(np.float32)

    @property
    def unseen(self) -> npt.NDArray[np.bool_]:
        """Which channels had no observed value."""
        return np.isnan(self.mean)

    def without_unseen(self, panel: Panel) -> Panel:
        """Return the panel as it is, all values of unseen channels missing, which is what `apply` makes of them too."""
        return panel.changed(self._emptied) if self.unseen.any() else panel

    def _emptied(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.where(self.unseen[None, :, None], np.float32(np.nan), values)

    def _scaled(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        X = np.empty_like(values)
        with np.errstate(over="ignore"):  # Panel refuses the infinite values that result
            for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
                X[:, channel] = (values[:, channel].astype(np.float64) - mean) / std
        return X


def channel_statistics(panel: Panel, index: Index, unseen: bool = False) -> Statistics:
    """Return the statistics of each channel over the given cases, in their own unit.

    unseen : a channel without an observed value in these cases may be, while another has one.

    Only observed values within a case's length count. Two passes in float64; the standard deviation has ddof 0 and is 1
    for a constant channel, as in scikit-learn's StandardScaler. Streamed cases give the same bits as those in memory.

    Raises InvalidDataError naming a channel that has no observed value in these cases.
    """
    part = panel.select(index) if isinstance(panel.X, Streamed) else panel
    found = _streamed_moments(part) if isinstance(part.X, Streamed) else _moments(part, index)
    empty = found[0] == 0
    if empty.any() and not (unseen and not empty.all()):
        name = channel_text(panel, int(empty.argmax()))
        raise InvalidDataError(f"{name} has no observed value in the {len(index)} training cases; drop the channel")
    return Statistics(np.where(empty, np.nan, found[1]), np.where(empty, 1.0, found[2]))


def channel_text(panel: Panel, channel: int) -> str:
    """Return what messages call a channel: "channel 3 ('hr')"."""
    return f"channel {channel}" + (f" ('{panel.channel_names[channel]}')" if panel.channel_names else "")


def _moments(panel: Panel, index: Index) -> Numbers:
    """Return count, mean and deviation of each channel, (3, n_channels), of the given cases."""
    inside = np.arange(panel.n_timepoints) < panel.lengths[index, None]
    found = np.zeros((3, panel.n_channels))
    for channel in range(panel.n_channels):
        values = panel.X[index, channel]
        values = values[inside & ~np.isnan(values)].astype(np.float64)
        if len(values) == 0:
            continue
        if values.min() == values.max():  # rounding of the mean would make a tiny deviation of it
            found[:, channel] = len(values), values[0], 1.0
        else:
            found[:, channel] = len(values), values.mean(), values.std()
    return found


def _streamed_moments(panel: Panel) -> Numbers:
    """Return what `_moments` does of all cases, from three passes over them."""

    def observed() -> Iterator[list[Numbers]]:
        for block in blocks(panel.X):
            X = panel.X[block]
            inside = np.arange(X.shape[2]) < panel.lengths[block, None]
            yield [values[inside & ~np.isnan(values)].astype(np.float64) for values in X.swapaxes(0, 1)]

    channels = range(panel.n_channels)
    count, low, high = [0] * len(channels), np.full(len(channels), np.inf), np.full(len(channels), -np.inf)
    for found in observed():
        count = [n + len(values) for n, values in zip(count, found, strict=True)]
        low = np.minimum(low, [values.min(initial=np.inf) for values in found])
        high = np.maximum(high, [values.max(initial=-np.inf) for values in found])
    n_values = np.maximum(count, 1)
    mean = _sums(observed(), count) / n_values
    squares = ([(values - mean[c]) ** 2 for c, values in enumerate(found)] for found in observed())
    std = np.sqrt(_sums(squares, count) / n_values)
    constant = low == high
    return np.stack([np.asarray(count, dtype=np.float64), np.where(constant, low, mean), np.where(constant, 1.0, std)])


def _sums(parts: Iterator[list[Numbers]], counts: Sequence[int]) -> Numbers:
    sums = [PairwiseSum(count) for count in counts]
    for part in parts:
        for one, values in zip(sums, part, strict=True):
            one.add(values)
    return np.asarray([one.total() for one in sums])


class PairwiseSum:
    """The sum of n float64 numbers that come in pieces, with the bits of numpy's sum of all in one array.

    numpy halves an array until few numbers are left; the halves here are the same, down to arrays that numpy sums.
    """

    LARGEST = 2**16  # from 128 on, below which numpy halves no more

    def __init__(self, n: int) -> None:
        self.n, self.sums, self.rest = n, list[float](), np.empty(0)
        self.sizes = self._sizes(n)
        self.size = next(self.sizes, 0)

    def add(self, values: Numbers) -> None:
        """Take in the next numbers."""
        values = np.concatenate([self.rest, values])
        first = 0
        while self.size and len(values) - first >= self.size:
            self.sums.append(float(values[first : first + self.size].sum()))
            first += self.size
            self.size = next(self.sizes, 0)
        self.rest = values[first:].copy()

    def total(self) -> float:
        """Return the sum when all numbers have come."""
        sums = iter(self.sums)

        def of(n: int) -> float:
            return next(sums) if n <= self.LARGEST else of(self._half(n)) + of(n - self._half(n))

        return of(self.n) if self.n else 0.0

    def _sizes(self, n: int) -> Iterator[int]:
        if n > self.LARGEST:
            yield from self._sizes(self._half(n))
            yield from self._sizes(n - self._half(n))
        elif n:
            yield n

    def _half(self, n: int) -> int:
        return n // 2 - n // 2 % 8
