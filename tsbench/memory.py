"""Whether there is memory for what is about to be read, asked before it is read."""

from __future__ import annotations

import psutil

from tsbench.errors import InvalidDataError

_limit: int | None = None


def limit_reading(n_bytes: int | None) -> None:
    """Let this process read no data that takes more than this (--memory-limit); None is no limit."""
    global _limit
    _limit = n_bytes


def check_room(n_bytes: int) -> None:
    """Raise InvalidDataError where reading, which takes this many bytes, takes more than is free or allowed."""
    free = int(psutil.virtual_memory().available)
    room, whose = (free, "that are free") if _limit is None or free < _limit else (_limit, "of --memory-limit")
    if n_bytes > room:
        raise InvalidDataError(
            f"takes {_in_words(n_bytes)} of memory to read, more than the {_in_words(room)} {whose}; "
            "use a machine with more memory, or cut the data down"
        )


def _in_words(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"
