"""Reading shards in a process apart: a file whose bytes crash a library ends that process alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pebble import ProcessPool

from tsbench.errors import StoreError
from tsbench.evidence.shard import Row, read

MEMORY = 4 * 2**30  # bytes of address space, most of it libraries
SECONDS = 60
AHEAD = 2


def read_all(paths: Iterable[Path]) -> Iterator[tuple[Path, list[Row], str]]:
    """Yield path, rows and "" of each shard, in this order; no rows and why where it cannot be read."""
    context, ahead = multiprocessing.get_context("spawn"), deque[tuple[Path, Any]]()
    with ProcessPool(max_workers=1, context=context, initializer=_limit) as pool:
        for path in paths:
            ahead.append((path, pool.schedule(read, args=[path], timeout=SECONDS)))
            if len(ahead) > AHEAD:
                yield _outcome(*ahead.popleft())
        while ahead:
            yield _outcome(*ahead.popleft())


def _outcome(path: Path, future: Any) -> tuple[Path, list[Row], str]:
    try:
        return path, future.result(), ""
    except StoreError as error:
        return path, [], str(error)
    except Exception as error:  # it crashed, took too long, or more memory
        return path, [], f"{path}: cannot be read: {type(error).__name__} of the process that read it"


def _limit() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
