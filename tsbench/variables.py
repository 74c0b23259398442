"""Variables of the environment, and what stands in for them while a `Bench` is at work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

_given: ContextVar[Mapping[str, str]] = ContextVar("given")


def variable(name: str) -> str:
    """Return a variable, "" where it is not set."""
    return _given.get({}).get(name, os.environ.get(name, ""))


@contextlib.contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Let `variable` return these values, in this thread and until the end of the context."""
    token = _given.set({**_given.get({}), **given})
    try:
        yield
    finally:
        _given.reset(token)
