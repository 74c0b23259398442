"""What outlives a step of the training: the queue of earlier features, and the momentum copies of the nets."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Queue:
    """The features of the pairs of earlier steps, the oldest of which make room; nothing before the first step.

    size : pairs at most; dim : of a feature.
    """

    def __init__(self, size: int, dim: int, device: torch.device | str) -> None:
        self.size = size
        self.image = torch.zeros(size, dim, device=device)
        self.text = torch.zeros(size, dim, device=device)
        self.ids = torch.zeros(size, dtype=torch.int64, device=device)
        self.place = 0  # where the next pair goes
        self.filled = 0

    def content(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return image features (q, d), text features (q, d) and ids (q,) of what is in it."""
        return self.image[: self.filled], self.text[: self.filled], self.ids[: self.filled]

    def add(self, image: Tensor, text: Tensor, ids: Tensor) -> None:
        """Take in the pairs of a step; at the end of the queue it goes on at the beginning."""
        if not self.size:
            return
        image, text, ids = image[-self.size :], text[-self.size :], ids[-self.size :]
        at = (self.place + torch.arange(len(ids), device=ids.device)) % self.size
        self.image[at], self.text[at], self.ids[at] = image.detach(), text.detach(), ids
        self.place = (self.place + len(ids)) % self.size
        self.filled = min(self.size, self.filled + len(ids))


def momentum_copy(net: nn.Module) -> nn.Module:
    """Return a copy of a net that no gradient reaches; it is in the mode of the net."""
    return copy.deepcopy(net).requires_grad_(False)
