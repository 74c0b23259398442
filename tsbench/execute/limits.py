"""Limits of one run, seconds and resident memory, and what is known of a process that came to its end."""

from __future__ import annotations

import contextlib
import math
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from tsbench.errors import UsageError

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Limits:
    """What one run may take; None is no limit. seconds : from its first line of work; memory : resident bytes.

    The memory is that of the worker process and all processes it started, as the operating system counts it; it is
    watched, so that an allocation faster than WATCH_SECONDS can pass the limit before the run is ended.
    """

    seconds: float | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory is not None


def parse_limits(time_limit: float | None, memory_limit: str | int | None) -> Limits:
    """Read --time-limit and --memory-limit; raises UsageError on nonsense."""
    number = isinstance(time_limit, int | float) and not isinstance(time_limit, bool)
    if time_limit is not None and not (number and math.isfinite(time_limit) and time_limit > 0):
        raise UsageError(f"--time-limit {f'{time_limit:g}' if number else time_limit}: give seconds above 0")
    return Limits(time_limit, None if memory_limit is None else parse_size(str(memory_limit)))


def check_memory(limits: Limits, machine: str = "this machine") -> None:
    """Raise UsageError, which names the machine, where it cannot enforce the limit of memory."""
    if limits.memory is None:
        return
    total = psutil.virtual_memory().total
    if limits.memory > total:
        asked = in_words(limits.memory)
        raise UsageError(f"--memory-limit: {machine} has {in_words(total)} in all, {asked} were asked for; give less")
    try:
        tree_memory(psutil.Process().pid)
    except psutil.Error as error:
        raise UsageError(f"--memory-limit: {machine} does not tell the memory of a process ({error})") from None


def parse_size(text: str) -> int:
    """Return bytes of "512M", "4G", "1.5GiB" (powers of 1024); raises UsageError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = int(float(match[1]) * UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise UsageError(f"--memory-limit {text}: give a size above 0 such as 512M or 4G")
    return size


def in_words(size: int) -> str:
    """Return a size in bytes with the unit that suits it."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def tree_memory(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants; raises psutil.Error when it has gone."""
    process = psutil.Process(pid)
    total = int(process.memory_info().rss)
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += int(child.memory_info().rss)
    return total


def ending(exitcode: int | None) -> str:
    """Say how a process ended: the signal's name or the exit code."""
    if exitcode is None:
        return "ended without leaving an exit code"
    if exitcode >= 0:
        return f"left with exit code {exitcode}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-exitcode).name}"
    return f"was ended by signal {-exitcode}"


def kernel_oom_kills() -> int:
    """Return how many processes the kernel has killed for want of memory, of this control group or machine."""
    files = [Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat")]
    with contextlib.suppress(OSError, IndexError):
        group = Path("/proc/self/cgroup").read_text(encoding="ascii").rsplit("::", 1)[1].strip().lstrip("/")
        files.insert(0, Path("/sys/fs/cgroup") / group / "memory.events")
    for file in files:
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in file.read_text(encoding="ascii").splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0
