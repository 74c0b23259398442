"""Batch: cases as tensors on a device; a whole training set and a minibatch are the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.data.lazy import LazyTensor
from tsbench.data.panel import SECONDS, Panel
from tsbench.data.series import Series, within
from tsbench.data.stream import Streamed


@dataclass(frozen=True)
class Batch(Series):
    """A Series of a panel: x is float32, and so are times and static values.

    Attributes
    ----------
    y : only for methods that declare themselves supervised: int64 (n,) class indices, float32 (n, n_labels) of 0 and 1
        for multilabel, float32 (n,) for regression.
    extra : tensors with one row per case that `SSLMethod.prepare` computed once (a spectrogram, tokens).
    text : only for methods that read "text": str (n,), in memory.
    """

    y: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    text: npt.NDArray[np.str_] | None = None

    def select(self, index: Tensor | slice) -> Batch:
        """Return the cases of an index tensor (on the same device) or a slice."""

        def take(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[index]

        return Batch(
            x=self.x[index],
            lengths=self.lengths[index],
            observed=take(self.observed),
            times=take(self.times),
            static=take(self.static),
            padded=self.padded,
            sampling_rate=self.sampling_rate,
            time_unit=self.time_unit,
            channel_names=self.channel_names,
            y=take(self.y),
            extra={name: tensor[index] for name, tensor in self.extra.items()},
            text=_texts(self.text, index),
        )

    def parts(self, size: int) -> Iterator[Batch]:
        """Yield the cases, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self.select(slice(start, start + size))

    def with_extra(self, **tensors: Tensor) -> Batch:
        """Return the batch with further per-case tensors."""
        return replace(self, extra={**self.extra, **tensors})

    @classmethod
    def from_panel(cls, panel: Panel, device: torch.device | str, labels: bool = False, text: bool = False) -> Batch:
        """Copy a Panel to a device, once; labels and text travel only when asked for.

        A streamed one is read when selected.
        """
        y = _labels(panel).to(device) if labels and panel.y is not None else None
        X, texts = panel.X, panel.text if text else None
        if isinstance(X, Streamed):
            return replace(_streamed(panel, X, device), y=y, text=texts)
        return replace(_copied(panel, X, device), y=y, text=texts)


@dataclass(frozen=True)
class StreamedBatch(Batch):
    """Cases of which x, observed and times are read when they are selected (`LazyTensor`), and then prepared.

    read : gives unprepared cases. preparation : what is done with those that are selected, a batch at a time.
    """

    read: Callable[[Tensor | slice], Batch] = field(kw_only=True)
    preparation: Callable[[Batch], Batch] | None = None

    def select(self, index: Tensor | slice) -> Batch:
        """Read and prepare the cases of an index tensor or a slice."""
        extra = {name: tensor[index] for name, tensor in self.extra.items()}
        y = None if self.y is None else self.y[index]
        batch = replace(self.read(index), y=y, extra=extra, text=_texts(self.text, index))
        return batch if self.preparation is None else self.preparation(batch)


def _copied(panel: Panel, X: npt.NDArray[np.float32], device: torch.device | str, masked: bool = False) -> Batch:
    """Return cases on a device without labels; masked : they have a mask though every value may be there."""
    x = torch.from_numpy(X).to(device, copy=True)
    lengths = torch.from_numpy(panel.lengths).to(device, torch.int64)
    observed = ~torch.isnan(x) & within(lengths, x.shape[-1])[:, None, :]
    complete = bool(observed.all())
    times = None if panel.times is None else torch.from_numpy(_since_start(panel.times))
    return Batch(
        x=x if complete else x.masked_fill_(~observed, 0.0),
        lengths=lengths,
        observed=observed if masked or not complete else None,
        times=None if times is None else times.to(device, torch.float32),
        static=None if panel.static is None else torch.from_numpy(panel.static).to(device, torch.float32),
        padded=bool((panel.lengths < panel.n_timepoints).any()),
        sampling_rate=panel.sampling_rate,
        time_unit=SECONDS[panel.time_unit],
        channel_names=panel.channel_names,
    )


def _streamed(panel: Panel, X: Streamed, device: torch.device | str) -> StreamedBatch:
    padded = bool((panel.lengths < panel.n_timepoints).any())
    masked = padded or not bool(X.complete.all())

    def read(index: Tensor | slice) -> Batch:
        cases = np.arange(*index.indices(len(panel))) if isinstance(index, slice) else index.cpu().numpy()
        part = panel.select(cases)  # masked and padded as the whole is, as of a Batch in memory
        return replace(_copied(part, X[cases], device, masked), padded=padded)

    def lazy(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> LazyTensor:
        return LazyTensor(lambda index: getattr(read(index), name), shape, dtype, device, X.name)

    return StreamedBatch(
        x=lazy("x", X.shape, torch.float32),
        lengths=torch.from_numpy(panel.lengths).to(device, torch.int64),
        observed=lazy("observed", X.shape, torch.bool) if masked else None,
        times=None if panel.times is None else lazy("times", panel.times.shape, torch.float32),
        static=None if panel.static is None else torch.from_numpy(panel.static).to(device, torch.float32),
        padded=padded,
        sampling_rate=panel.sampling_rate,
        time_unit=SECONDS[panel.time_unit],
        channel_names=panel.channel_names,
        read=read,
    )


def _texts(text: npt.NDArray[np.str_] | None, index: Tensor | slice) -> npt.NDArray[np.str_] | None:
    if text is None:
        return None
    chosen: npt.NDArray[np.str_] = text[index if isinstance(index, slice) else index.cpu().numpy()]
    return chosen


def _labels(panel: Panel) -> Tensor:
    y = torch.from_numpy(panel.y)
    return y if panel.task == "classification" else y.to(torch.float32)


def _since_start(times: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return times (n, n_timepoints) since each case's first known one: float32 does not tell seconds of a date."""
    times = times.astype(np.float64)
    first = np.isfinite(times).argmax(axis=1)
    since: npt.NDArray[np.float64] = times - np.take_along_axis(times, first[:, None], axis=1)
    return since
