"""Cleaning up without hiding what went wrong before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def afterwards(clean_up: Callable[[], object]) -> Iterator[None]:
    """Clean up at the end, as `finally` does; what fails in that never takes the place of an earlier error."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            clean_up()
        raise
    clean_up()
