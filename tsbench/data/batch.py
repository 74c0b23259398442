"""Batch: cases as tensors on a device; a whole training set and a minibatch are the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.data.panel import Panel
from tsbench.data.series import Series, within


@dataclass(frozen=True)
class Batch(Series):
    """A Series of a panel: x is float32, and so are times and static values.

    Attributes
    ----------
    y : only for methods that declare themselves supervised: int64 (n,) class indices, float32 (n, n_labels) of 0 and 1
        for multilabel, float32 (n,) for regression.
    extra : tensors with one row per case that `SSLMethod.prepare` computed once (a spectrogram, tokens).
    """

    y: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)

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
            y=take(self.y),
            extra={name: tensor[index] for name, tensor in self.extra.items()},
        )

    def with_extra(self, **tensors: Tensor) -> Batch:
        """Return the batch with further per-case tensors."""
        return replace(self, extra={**self.extra, **tensors})

    @classmethod
    def from_panel(cls, panel: Panel, device: torch.device | str, labels: bool = False) -> Batch:
        """Copy a Panel to a device, once; labels travel only when asked for."""
        x = torch.from_numpy(panel.X).to(device, copy=True)
        lengths = torch.from_numpy(panel.lengths).to(device, torch.int64)
        observed = ~torch.isnan(x) & within(lengths, x.shape[-1])[:, None, :]
        complete = bool(observed.all())
        times = None if panel.times is None else torch.from_numpy(_since_start(panel.times))
        return cls(
            x=x if complete else x.masked_fill_(~observed, 0.0),
            lengths=lengths,
            observed=None if complete else observed,
            times=None if times is None else times.to(device, torch.float32),
            static=None if panel.static is None else torch.from_numpy(panel.static).to(device, torch.float32),
            padded=bool((panel.lengths < panel.n_timepoints).any()),
            y=_labels(panel).to(device) if labels and panel.y is not None else None,
        )


def _labels(panel: Panel) -> Tensor:
    y = torch.from_numpy(panel.y)
    return y if panel.task == "classification" else y.to(torch.float32)


def _since_start(times: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return times (n, n_timepoints) since each case's first known one: float32 does not tell seconds of a date."""
    times = times.astype(np.float64)
    first = np.isfinite(times).argmax(axis=1)
    since: npt.NDArray[np.float64] = times - np.take_along_axis(times, first[:, None], axis=1)
    return since
