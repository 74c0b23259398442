"""The observed values of a batch in one row, and sums over those that belong together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tsbench import Series


@dataclass(frozen=True)
class Observations:
    """The observed values of cases, sorted by case, channel and step; padding costs nothing.

    case, channel, step : int64 (k,). value, time : (k,).
    """

    case: Tensor
    channel: Tensor
    step: Tensor
    value: Tensor
    time: Tensor

    @classmethod
    def of(cls, series: Series, times: Tensor, keep: Tensor | None = None) -> Observations:
        """Collect what a series observed, at times (n, n_timepoints); keep : bool, shape of x, in place of its mask."""
        case, channel, step = (series.mask if keep is None else keep).nonzero(as_tuple=True)
        return cls(case, channel, step, series.x[case, channel, step], times[case, step])

    def select(self, index: Tensor) -> Observations:
        """Return the observations of an index or a mask (k,)."""
        return Observations(
            self.case[index], self.channel[index], self.step[index], self.value[index], self.time[index]
        )


def segment_sum(values: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Return the sums of values (k, ...) over the rows of each segment (k,), (n_segments, ...); 0 where it has none."""
    return values.new_zeros(n_segments, *values.shape[1:]).index_add(0, segment, values)


def segment_mean(values: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Return the means of values (k, d) over the rows of each segment (k,), (n_segments, d); 0 where it has none."""
    count = torch.bincount(segment, minlength=n_segments).clamp(min=1)
    return segment_sum(values, segment, n_segments) / count[:, None]


def segment_exp(scores: Tensor, segment: Tensor, n_segments: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return exp(scores - highest), their sums and the highest scores of each segment: (k, d), (n_segments, d) twice.

    So a softmax over the rows of each segment, or the logarithm of a sum of exponentials, without overflow. Where a
    segment has no row, its sum is 0 and its highest score -inf.
    """
    index = segment[:, None].expand_as(scores)
    lowest = scores.new_full((n_segments, scores.shape[1]), -torch.inf)
    highest = lowest.scatter_reduce(0, index, scores.detach(), "amax")
    exp = (scores - highest[segment]).exp()
    return exp, segment_sum(exp, segment, n_segments), highest


def segment_softmax(scores: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Return the softmax of scores (k, d) over the rows of each segment (k,)."""
    exp, total, _ = segment_exp(scores, segment, n_segments)
    return exp / total[segment]
