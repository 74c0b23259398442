"""Training with sensors left out: the control beside which methods are measured without some of their sensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from tsbench.corruptions.sensors import sensors_out
from tsbench.data.batch import Batch, StreamedBatch
from tsbench.errors import MethodError, UsageError
from tsbench.identity import stage_seed


def sensor_dropout(share: float, sources: Sequence[Batch], seed: int) -> Callable[[Batch], Batch] | None:
    """Return what leaves sensors of a source's cases out, others each time it is called; None for a share of 0.

    Raises MethodError for a share that is no sensor of a source or all, and for sources that no memory holds.
    """
    if not share:
        return None
    for source in sources:
        if isinstance(source, StreamedBatch):
            raise MethodError(f"sensor_dropout={share:g} needs all cases in memory; these are read from their file")
        try:
            sensors_out(share, source.x.shape[1])
        except UsageError as error:
            raise MethodError(f"sensor_dropout={share:g}: {error}") from None
    rng = torch.Generator(sources[0].x.device).manual_seed(stage_seed(str(seed), "sensors"))
    return lambda source: without_sensors(source, share, rng)


def without_sensors(batch: Batch, share: float, rng: torch.Generator) -> Batch:
    """Return cases that lack sensors, drawn for each: from none to this share of them, all numbers alike.

    A case that would lose every value keeps the sensor that would go last.
    """
    n, n_channels, _ = batch.x.shape
    rank = torch.rand((n, n_channels), generator=rng, device=batch.x.device).argsort(dim=1).argsort(dim=1)
    most = sensors_out(share, n_channels)
    out = rank < torch.randint(most + 1, (n, 1), generator=rng, device=batch.x.device)
    seen = batch.mask.any(dim=2)
    empty = (seen & ~out).sum(dim=1) == 0
    last = rank.masked_fill(~seen, -1).argmax(dim=1)
    out[empty, last[empty]] = False
    kept = ~out[:, :, None]
    return replace(batch, x=batch.x * kept, observed=batch.mask & kept)
