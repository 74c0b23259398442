"""Who does which run: an owner claims it in the store as long as its driver lives, so that drivers share one store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import threading
from pathlib import Path
from types import TracebackType

import psutil

from tsbench.errors import StoreError
from tsbench.store.claims import CLAIM_EXPIRY
from tsbench.store.store import Store

PID_DIGITS = 10  # fewer than that, on any system


def machine() -> str:
    """Return a name for what process ids are unique in: a boot of this machine, or a container on it."""
    parts = [re.sub(r"[^\w.-]", "_", socket.gethostname())]  # it becomes part of file names
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            file = Path(path)
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii").strip())
    return f"{parts[0]}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}"


def owner_name() -> str:
    """Return the name of this driver: machine, process id and when the process was started, by a clock nobody sets."""
    ticks = _start_ticks(os.getpid())
    return f"{machine()}-{os.getpid()}-{int(psutil.Process().create_time()) if ticks is None else f't{ticks}'}"


def is_dead(owner: str) -> bool:
    """Say whether an owner was a driver on this machine that has ended; False for one that cannot be known.

    Where a name ends in the time of day (older drivers, and where there is no /proc) a process of its number may be it:
    who sets the clock moves what is known of its start.
    """
    where, _, started = owner.rpartition("-")
    where, _, pid = where.rpartition("-")
    if where != machine() or not (pid.isascii() and pid.isdecimal() and len(pid) < PID_DIGITS):
        return False
    if not psutil.pid_exists(int(pid)):
        return True
    ticks = _start_ticks(int(pid))
    return ticks is not None and started.startswith("t") and started != f"t{ticks}"


def _start_ticks(pid: int) -> int | None:
    """Return when a process was started, in ticks since this machine was; None where that cannot be read."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        # The name of the program, in brackets, may hold anything; the 22nd field is the 20th after it.
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    return None


class Owner:
    """This driver as one who claims runs: a context in which a thread renews its claims; all are given back at the end.

    force : claim runs that have succeeded as well. Claims of drivers that died on this machine are given back at
    once; those of other machines expire by themselves.
    """

    def __init__(self, store: Store, force: bool = False) -> None:
        self.store, self.force, self.name = store, force, owner_name()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="tsbench-heartbeat", daemon=True)

    def __enter__(self) -> Owner:
        self.release_dead()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        with contextlib.suppress(StoreError):  # they expire where the store cannot be written
            self.store.release(self.name)

    def take(self, key: str, split: str = "") -> bool:
        """Claim a run; False when another driver has it, or it has succeeded meanwhile (on this split)."""
        return self.store.claim(key, self.name, self.force, split)

    def release_dead(self) -> None:
        """Give back what drivers of this machine held when they died."""
        for owner in set(self.store.claimed().values()):
            if is_dead(owner):
                self.store.release(owner)

    def _renew(self) -> None:
        while not self._over.wait(CLAIM_EXPIRY / 4):
            with contextlib.suppress(StoreError):  # a store out of reach for a moment must not end a long run
                self.store.heartbeat(self.name)
