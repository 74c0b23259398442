"""Floors of imputation: the mean, the last value carried forward, the line between neighbours."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from tsbench import Batch, SSLMethod
from tsbench.data.panel import PanelShape
from tsbench.methods.params import BaseParams
from tsbench.methods.stages import Step
from tsbench.nn import carried, last_observed


class _Fill(SSLMethod):
    """Fills in missing values by a rule; what a case's channel has no value for is the channel's training mean."""

    class Params(BaseParams):
        """None."""

    represent = None  # type: ignore[assignment]
    trains: ClassVar[bool] = False

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for the mean of each channel."""
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(shapes[0].n_channels))

    def training_step(self, step: Step) -> Tensor:
        """Nothing is trained."""
        raise NotImplementedError

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take the mean of the observed values of each channel, 0 where there is none, over all training cases."""
        total, count = self.mean.new_zeros(2, len(self.mean), dtype=torch.float64)
        for source in data:
            for part in source.parts(512):  # cases may be streamed
                total += torch.where(part.mask, part.x, 0.0).double().sum(dim=(0, 2))
                count += part.mask.sum(dim=(0, 2))
        self.mean.copy_(total / count.clamp(min=1))

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return the values with missing ones filled in, 0 beyond each case's end."""
        return batch.filled(self.fill(batch))

    @abstractmethod
    def fill(self, batch: Batch) -> Tensor:
        """Return what to put in place of missing values, of the shape of x or one that broadcasts to it."""


class MeanFill(_Fill):
    """The mean of the channel's observed values over the training part, at every time point."""

    def fill(self, batch: Batch) -> Tensor:
        """Return the means."""
        return self.mean[None, :, None]


class LastFill(_Fill):
    """The channel's last observed value of the case, carried forward; before the first one the training mean."""

    def fill(self, batch: Batch) -> Tensor:
        """Return the last value at each time point."""
        return carried(batch.x, batch.mask, self.mean)


class LinearFill(_Fill):
    """The line between the channel's neighbouring observed values of the case, over time where times are known.

    Before the first and after the last one that value is held; a channel without any has the training mean.
    """

    reads = frozenset({"times"})

    def fill(self, batch: Batch) -> Tensor:
        """Return the value of the line at each time point."""
        width = batch.x.shape[2]
        before = last_observed(batch.mask)
        after = width - 1 - last_observed(batch.mask.flip(2)).flip(2)  # `width` where there is none
        left, right = torch.where(before >= 0, before, after), torch.where(after < width, after, before)
        steps = torch.arange(width, device=batch.x.device, dtype=torch.float64)
        times = steps.expand(len(batch), width) if batch.times is None else batch.times.double().nan_to_num()
        times = times[:, None].expand(batch.x.shape)
        at = [index.clamp(0, width - 1) for index in (left, right)]
        (t0, t1), (x0, x1) = ([values.gather(2, index) for index in at] for values in (times, batch.x.double()))
        share = torch.where(t1 > t0, (times - t0) / (t1 - t0).clamp(min=torch.finfo(torch.float64).tiny), 0.0)
        line = (x0 + share * (x1 - x0)).to(batch.x.dtype)
        return torch.where(batch.mask.any(dim=2, keepdim=True), line, self.mean[None, :, None])
