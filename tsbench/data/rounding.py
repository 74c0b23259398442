"""What is lost of values when they are held in float32."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.data.stream import Streamed, blocks
from tsbench.errors import InvalidDataError, TsbenchWarning

Array = npt.NDArray[Any]
# What rounding to float32 may change, as a share of the standard deviation of a channel, and within one case.
MOST_ROUNDED = 0.1
MOST_ROUNDED_OF_A_CASE = 0.25  # a short case may vary little by chance
# A deviation of so many steps of float64 is the noise of the arithmetic that made a constant, no variation.
NOISE_STEPS = 8
# Whole numbers of 64 bits (counters, nanoseconds) that float64 does not tell apart: a constant may have varied.
WHOLE = (2.0**53, 2.0**64)


def check_rounding(given: Array | Streamed, held: Array | Streamed, lengths: Array, names: Sequence[str]) -> None:
    """Compare values (n_cases, n_channels, n_timepoints) with what is held of them in float32.

    names : of the channels, or none. Raises InvalidDataError where variation between cases is lost, and warns
    (TsbenchWarning) of what is lost within some.
    """
    if (given.files[0] if isinstance(given, Streamed) else given).dtype in (np.float32, np.float16):
        return
    counts, *found_by_case = _rounding_by_case(given, held, lengths)
    for channel in range(held.shape[1]):
        count = counts[:, channel]
        levels, spreads, errors = (found[:, channel] for found in found_by_case)
        if not errors.any():
            continue
        name = f"channel {channel}" + (f" ('{names[channel]}')" if names else "")
        share, first = count / count.sum(), levels[count.argmax()]  # from which a constant deviates by 0
        level = first + (share * (levels - first)).sum()
        spread = np.sqrt((share * (spreads**2 + (levels - level) ** 2)).sum())
        error = np.sqrt((share * errors**2).sum())
        found = f"{name} varies by {spread:.2g} at a level of {level:.6g}, which float32 cannot hold"
        if spread > _noise(level) and error > MOST_ROUNDED * spread:
            raise InvalidDataError(f"{found}; subtract the level from the channel in the file, in all its parts alike")
        if spread <= _noise(level) and (spread > 0 or _whole(level)):
            warnings.warn(f"{found}: its course is lost", TsbenchWarning, stacklevel=3)
            continue
        constant = spreads <= _noise(levels)
        lost = (errors > MOST_ROUNDED_OF_A_CASE * spreads) & (~constant | _whole(levels))
        cases = int(lost.sum())
        if cases:
            warnings.warn(
                f"{name}: float32 cannot hold the variation within {cases} of {len(held)} cases, which have large "
                "levels; subtract the level of each case in the file if its course matters",
                TsbenchWarning,
                stacklevel=3,
            )


def _rounding_by_case(given: Array | Streamed, held: Array | Streamed, lengths: Array) -> Array:
    """Return how many values each case has in each channel, and what `_rounding` finds, (4, n_cases, n_channels)."""
    found = np.empty((4, len(held), held.shape[1]))
    for block in blocks(held):
        inside = np.arange(held.shape[2]) < lengths[block, None]
        X, kept = (given.raw(block) if isinstance(given, Streamed) else given[block]), held[block]
        for channel in range(held.shape[1]):
            seen = inside & ~np.isnan(kept[:, channel])
            values = np.where(seen, X[:, channel], 0.0).astype(np.float64, copy=False)
            errors = np.where(seen, values - kept[:, channel], 0.0)
            found[:, block, channel] = seen.sum(axis=1), *_rounding(values, errors, seen)
    return found


def _rounding(values: Array, errors: Array, seen: Array) -> tuple[Array, Array, Array]:
    """Return mean, deviation and root mean square error (n,) of the seen values of each row (n, k); errors else 0."""
    count = np.maximum(seen.sum(axis=1), 1)
    first = np.take_along_axis(values, seen.argmax(axis=1)[:, None], axis=1)  # exact: a constant deviates by 0
    offsets = np.where(seen, values - first, 0.0)
    mean = offsets.sum(axis=1) / count
    spread = np.sqrt((np.where(seen, offsets - mean[:, None], 0.0) ** 2).sum(axis=1) / count)
    return first[:, 0] + mean, spread, np.sqrt((errors**2).sum(axis=1) / count)


def _noise(level: Array) -> Array:
    """Return the deviation that the arithmetic which made a constant may leave."""
    return np.asarray(NOISE_STEPS * np.spacing(np.abs(level)))


def _whole(level: Array) -> Array:
    return np.asarray((np.abs(level) > WHOLE[0]) & (np.abs(level) < WHOLE[1]))
