"""The hooks a plugin may implement; each receives `register` and calls it once per name.

A plugin is a module found through the entry point group "tsbench" (or given as `--plugin file.py`):

    from tsbench import hookimpl

    @hookimpl
    def tsbench_methods(register):
        register("mine", "tsbench_mine.method:Mine", summary="Contrast two jittered views.", paper="arXiv:...")

`register(name, target, *, summary="", paper="", tags=(), options={}, alias="")`: target is "module:attribute", so that
listing names imports nothing heavy, or the class itself; `options` are keyword arguments for the class when it is made;
`tags` make a dataset part of the collections that name them, and say what a method can do ("represent", "decide"), for
`tsbench list methods`, which imports none; a name that ends in ":" is a family, whose target is a function from a
member's name to its class; `alias` makes the name short for another one.
"""

from __future__ import annotations

from typing import Any, Protocol

import pluggy

hookspec = pluggy.HookspecMarker("tsbench")
hookimpl = pluggy.HookimplMarker("tsbench")


class Register(Protocol):
    """What a hook is given: call it once per name."""

    def __call__(
        self,
        name: str,
        target: str | Any,
        *,
        summary: str = "",
        paper: str = "",
        tags: tuple[str, ...] = (),
        options: dict[str, Any] | None = None,
        alias: str = "",
    ) -> None:
        """Register a name."""


@hookspec
def tsbench_datasets(register: Register) -> None:
    """Register Dataset classes. The name "local" is the class that reads a path given to --dataset."""


@hookspec
def tsbench_encoders(register: Register) -> None:
    """Register Encoder classes."""


@hookspec
def tsbench_transforms(register: Register) -> None:
    """Register Transform classes."""


@hookspec
def tsbench_corruptions(register: Register) -> None:
    """Register Corruption classes."""


@hookspec
def tsbench_methods(register: Register) -> None:
    """Register SSLMethod and Classifier classes."""


@hookspec
def tsbench_probes(register: Register) -> None:
    """Register Probe classes."""
