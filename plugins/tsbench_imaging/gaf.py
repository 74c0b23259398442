"""Gramian angular fields (Wang & Oates, arXiv:1506.00327, section 2.1), equal to those of pyts."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tsbench.errors import InvalidDataError, UsageError
from tsbench_imaging.images import exact_bmm, hand_over, new_images
from tsbench_imaging.missing import Missing, complete
from tsbench_imaging.segmentation import fraction_or_count, segment_means, segments

Method = Literal["summation", "s", "difference", "d"]
_CONSTANT = 10 * torch.finfo(torch.float64).eps  # a smaller range counts as none, as in scikit-learn's scaler


@torch.no_grad()
def gramian_angular_field(
    x: Tensor,
    image_size: int | float = 224,
    sample_range: tuple[float, float] | None = (-1.0, 1.0),
    method: Method = "summation",
    overlapping: bool = False,
    *,
    missing: Missing = "fill",
    out: Tensor | None = None,
) -> Tensor:
    """Return the Gramian angular fields (n_cases, n_channels, side, side) of x (n_cases, n_channels, n_timepoints).

    The series is averaged over `side` segments, scaled to sample_range, and taken as cos(phi); pixel (i, j) is
    cos(phi_i + phi_j) (eq. 6) or sin(phi_i - phi_j) (eq. 8). dtype and device are kept; not differentiable.

    Parameters
    ----------
    x : floating point; angles are computed in float64, images in float64 or else in float32.
    image_size : side, from 1 to n_timepoints; a float in (0, 1] is a fraction of n_timepoints, rounded up.
    sample_range : range within [-1, 1] the averaged series is scaled to; None: its values are in [-1, 1] already.
        A constant series (range below 2.2e-15) becomes the lower end.
    method : "summation" ("s") or "difference" ("d").
    overlapping : average over segments of equal length, which may overlap.
    missing : what to do with NaN, see `tsbench_imaging.missing.complete`; "mask" multiplies a pixel by the observed
        fractions of its two segments.
    out : contiguous tensor of the shape and dtype returned, to be overwritten.

    Raises
    ------
    UsageError : a parameter is out of its range, or `out` does not fit.
    InvalidDataError : x cannot be used (see `complete`), or leaves [-1, 1] where sample_range is None.
    """
    if method not in ("summation", "s", "difference", "d"):
        raise UsageError(f"method = {method!r}: expected 'summation' ('s') or 'difference' ('d')")
    series, observed = complete(x, missing)
    side = fraction_or_count(image_size, x.shape[-1], "image_size", "the number of time points")
    bounds = segments(x.shape[-1], side, overlapping, x.device)
    cos = _scaled(segment_means(series.double(), bounds), sample_range)
    sin = (1 - cos * cos).clamp_(0, 1).sqrt_()
    images = new_images(x, side, out)
    left = (cos, sin) if method in ("summation", "s") else (sin, cos)
    exact_bmm(torch.stack(left, 2).to(images.dtype), torch.stack((cos, -sin), 1).to(images.dtype), images)
    return hand_over(images, x, None if observed is None else segment_means(observed.double(), bounds), out)


def _scaled(x: Tensor, sample_range: tuple[float, float] | None) -> Tensor:
    """Scale each row of x (n, side), float64, to sample_range; the order of operations is scikit-learn's."""
    if sample_range is None:
        outside = (x < -1) | (x > 1)
        if bool(outside.any()):
            raise InvalidDataError(
                f"sample_range = None needs values from -1 to 1, and x has {float(x[outside][0]):g}; scale it before"
            )
        return x
    if len(sample_range) != 2 or not -1 <= sample_range[0] < sample_range[1] <= 1:
        raise UsageError(f"sample_range = {sample_range!r}: expected None or -1 <= low < high <= 1")
    low, high = sample_range
    smallest, largest = x.aminmax(dim=1, keepdim=True)
    span = largest - smallest
    scale = (high - low) / span.masked_fill_(span < _CONSTANT, 1)
    return x * scale + (low - smallest * scale)
