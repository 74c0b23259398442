"""What the encodings share: memory for images, exact products, and handing the images over."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tsbench.errors import UsageError


def computing_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype images are computed in: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def block_elements(device: torch.device) -> int:
    """Return how many float64 to work on at a time: what a core's cache holds, or enough to fill an accelerator."""
    return 2**17 if device.type == "cpu" else 2**25


def new_images(x: Tensor, side: int, out: Tensor | None) -> Tensor:
    """Return uninitialised memory (n_cases * n_channels, side, side) for the images of x, in the computing dtype.

    It is a view of `out` where that has this dtype. Raises UsageError where out does not fit x.
    """
    shape = (x.shape[0], x.shape[1], side, side)
    if out is not None:
        if out.shape != shape or out.dtype != x.dtype or out.device != x.device or not out.is_contiguous():
            raise UsageError(
                f"out: expected a contiguous {x.dtype} tensor {shape} on {x.device}, "
                f"got {out.dtype} {tuple(out.shape)} on {out.device}"
            )
        if out.dtype == computing_dtype(x.dtype):
            return out.view(-1, side, side)
    stacked, dtype = (shape[0] * shape[1], side, side), computing_dtype(x.dtype)
    if x.device.type != "cpu":
        return torch.empty(stacked, dtype=dtype, device=x.device)
    # unlike torch, numpy asks Linux for huge pages, which makes writing to new memory cheaper from the second time on
    return torch.from_numpy(np.empty(stacked, np.float64 if dtype == torch.float64 else np.float32))


def hand_over(images: Tensor, x: Tensor, weights: Tensor | None, out: Tensor | None) -> Tensor:
    """Return the images of x as (n_cases, n_channels, side, side) in its dtype, in `out` where one was given.

    weights (n_cases * n_channels, side), the observed fraction behind each row and column, scale the pixels.
    """
    if weights is not None:
        weights = weights.to(images.dtype)
        images.mul_(weights[:, :, None]).mul_(weights[:, None, :])
    shaped = images.view(x.shape[0], x.shape[1], *images.shape[1:])
    if out is None:
        return shaped.to(x.dtype)
    return out if out.dtype == images.dtype else out.copy_(shaped)


def exact_bmm(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write the batched product of a (n, i, k) and b (n, k, j) to out (n, i, j), in full precision.

    Where the user lets float32 products be rounded (TF32, bfloat16), they are taken in float64.
    """
    backend = torch.backends.cuda if out.device.type == "cuda" else torch.backends.mkldnn
    if out.dtype == torch.float64 or backend.matmul.fp32_precision in ("none", "ieee"):
        torch.bmm(a, b, out=out)
        return
    n = max(1, block_elements(out.device) // max(1, out[0].numel())) if len(out) else 1
    for i in range(0, len(out), n):
        out[i : i + n] = torch.bmm(a[i : i + n].double(), b[i : i + n].double())
