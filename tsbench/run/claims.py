"""Who does which run: claims in the store, renewed while the driver lives, so that drivers share one store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path
from types import TracebackType

import psutil

from tsbench.errors import StoreError
from tsbench.run import store as stores
from tsbench.run.store import Store


def machine() -> str:
    """Return a name for what process ids are unique in: a boot of this machine, or a container on it."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            file = Path(path)
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii").strip())
    return f"{parts[0]}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}"


def owner_name() -> str:
    """Return the name of this driver: machine, process id and when the process was started."""
    return f"{machine()}-{os.getpid()}-{int(psutil.Process().create_time())}"


def is_dead(owner: str) -> bool:
    """Say whether an owner was a driver on this machine that has ended; False for one that cannot be known."""
    where, _, rest = owner.rpartition("-")
    where, _, pid = where.rpartition("-")
    if where != machine():
        return False
    try:
        return bool(abs(psutil.Process(int(pid)).create_time() - int(rest)) > 2)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False


class Claims:
    """The claims of this driver: a context in which a thread renews them; all are given back at the end.

    force : claim runs that have succeeded as well. Claims of drivers that died on this machine are given back at
    once; those of other machines expire by themselves.
    """

    def __init__(self, store: Store, force: bool = False) -> None:
        self.store, self.force, self.owner = store, force, owner_name()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="tsbench-heartbeat", daemon=True)

    def __enter__(self) -> Claims:
        self.release_dead()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        with contextlib.suppress(StoreError):  # they expire where the store cannot be written
            self.store.release(self.owner)

    def take(self, key: str, split: str = "") -> bool:
        """Claim a run; False when another driver has it, or it has succeeded meanwhile (on this split)."""
        return self.store.claim(key, self.owner, self.force, split)

    def release_dead(self) -> None:
        """Give back what drivers of this machine held when they died."""
        for owner in set(self.store.claimed().values()):
            if is_dead(owner):
                self.store.release(owner)

    def _renew(self) -> None:
        while not self._over.wait(stores.CLAIM_EXPIRY / 4):
            with contextlib.suppress(StoreError):  # a store out of reach for a moment must not end a long run
                self.store.heartbeat(self.owner)
