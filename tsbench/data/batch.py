"""Batch: cases as tensors on a device; a whole training set and a minibatch are the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tsbench.data.panel import Panel


@dataclass(frozen=True)
class Batch:
    """Cases on one device.

    Attributes
    ----------
    x : float32 (n, n_channels, n_timepoints); 0 where a value is missing and beyond a case's length.
    lengths : int64 (n,).
    observed : bool, shape of x, False where missing or padded; None when every value is there.
    y : only for methods that declare themselves supervised: int64 (n,) class indices, float32 (n, n_labels) of 0 and 1
        for multilabel, float32 (n,) for regression.
    times : float32 (n, n_timepoints) or None. static : float32 (n, n_static) or None.
    extra : tensors with one row per case that `SSLMethod.prepare` computed once (a spectrogram, tokens).
    """

    x: Tensor
    lengths: Tensor
    observed: Tensor | None = None
    y: Tensor | None = None
    times: Tensor | None = None
    static: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def mask(self) -> Tensor:
        """Bool (n, n_channels, n_timepoints): True where a value was observed."""
        return torch.ones_like(self.x, dtype=torch.bool) if self.observed is None else self.observed

    def select(self, index: Tensor | slice) -> Batch:
        """Return the cases of an index tensor (on the same device) or a slice."""

        def take(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[index]

        return Batch(
            x=self.x[index],
            lengths=self.lengths[index],
            observed=take(self.observed),
            y=take(self.y),
            times=take(self.times),
            static=take(self.static),
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
        missing = torch.isnan(x)
        inside = torch.arange(x.shape[-1], device=x.device)[None, :] < lengths[:, None]
        observed = ~missing & inside[:, None, :]
        complete = bool(observed.all())
        return cls(
            x=x if complete else x.masked_fill_(~observed, 0.0),
            lengths=lengths,
            observed=None if complete else observed,
            y=_labels(panel).to(device) if labels and panel.y is not None else None,
            times=None if panel.times is None else torch.from_numpy(panel.times).to(device, torch.float32),
            static=None if panel.static is None else torch.from_numpy(panel.static).to(device, torch.float32),
        )


def _labels(panel: Panel) -> Tensor:
    y = torch.from_numpy(panel.y)
    return y if panel.task == "classification" else y.to(torch.float32)
