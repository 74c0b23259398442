"""Supervised training of an encoder: what labels alone give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsbench import hookimpl

if TYPE_CHECKING:
    from tsbench.discovery.hookspecs import Register


@hookimpl
def tsbench_methods(register: Register) -> None:
    """Register the method."""
    register(
        "supervised",
        "tsbench_supervised.method:Supervised",
        summary="Any encoder with a linear head, trained on the labels; its features are probed, or it decides.",
        tags=("represent", "decide"),
    )
