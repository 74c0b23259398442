"""Counting weights."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def trainable_parameters(modules: Iterable[nn.Module]) -> int:
    """Return the number of trainable weights."""
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)
