"""Where runs are done: this process, worker processes or a Ray cluster, and what each may take."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.errors import UsageError
from tsbench.variables import variable

if TYPE_CHECKING:
    from tsbench.discovery.plugins import Plugins
    from tsbench.execute.executors.base import Executor
    from tsbench.execute.limits import Limits
    from tsbench.measure.worker import Worker
    from tsbench.store.store import Store

EXECUTORS = ("local", "ray")
MOST_WORKERS = 1024


@dataclass(frozen=True)
class Where:
    """Where runs are done and what each may take: the options of 'tsbench run'."""

    device: str = "auto"
    workers: int = 1
    executor: str = "local"
    address: str = ""
    time_limit: float | None = None
    memory_limit: str | int | None = None

    def check(self) -> Limits:
        """Return the limits of a run; raises UsageError on values that cannot be had.

        What memory there is matters where the runs are done: the nodes of a Ray cluster look themselves.
        """
        from tsbench.execute.limits import check_memory, parse_limits

        check_count("--workers", self.workers)
        if self.executor not in EXECUTORS:
            raise UsageError(f"--executor {self.executor}: choose one of {', '.join(EXECUTORS)}")
        if self.address and self.executor != "ray":
            raise UsageError("--address is for --executor ray")
        limits = parse_limits(self.time_limit, self.memory_limit)
        if self.executor != "ray":
            check_memory(limits)
        return limits

    def make_executor(
        self, plugins: Plugins, threads: int, store: Store | None = None, force: bool = False
    ) -> Executor:
        """Return what has the runs done: this process, worker processes (several, or with limits), or a Ray cluster.

        Checkpoints are kept beside the store, for `force` without using what is there; without a store there are none.
        """
        from tsbench.execute.executors.process import WorkerSettings
        from tsbench.measure.resources import pick_devices
        from tsbench.store.checkpoints import check_folder

        limits = self.check()
        if store is not None:
            check_folder(store.checkpoint_folder)
        settings = WorkerSettings(
            plugin_files=plugins.files(),
            store="" if force or store is None else _shareable_url(store),
            checkpoint_folder=None if store is None else _absolute(store.checkpoint_folder),
            environment={name: value for name in ("TSBENCH_DATA", "TSBENCH_OFFLINE") if (value := variable(name))},
        )
        if self.executor == "ray":
            from tsbench.execute.executors.ray import Ray

            return Ray(settings, limits, self.address, self.workers, self.device, threads)
        devices = pick_devices(self.device)
        if self.workers == 1 and len(devices) == 1 and not limits:
            from tsbench.execute.executors.inline import Inline

            return Inline(self.make_worker(plugins, store, force))
        from tsbench.execute.executors.local import Local

        return Local([replace(settings, device=name) for name in devices for _ in range(self.workers)], limits)

    def make_worker(self, plugins: Plugins, store: Store | None = None, force: bool = False) -> Worker:
        """Return a Worker that keeps its checkpoints beside the store, if any; `force` uses none that is there."""
        from tsbench.measure.resources import pick_device
        from tsbench.measure.worker import Worker

        if store is None:
            return Worker(plugins, pick_device(self.device))
        sha256_of = (lambda key: None) if force else store.checkpoint_sha256
        return Worker(plugins, pick_device(self.device), store.checkpoint_folder, sha256_of)


def check_count(option: str, value: object) -> None:
    """Raise UsageError unless this is a whole number from 1 to MOST_WORKERS."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_WORKERS:
        raise UsageError(f"{option} {value}: give a whole number from 1 to {MOST_WORKERS}")


def check_hours(option: str, value: object) -> float:
    """Return hours as seconds; raises UsageError unless this is a number above 0, which may be infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value <= 0:
        raise UsageError(f"{option} {value}: give a number of hours above 0")
    return float(value) * 3600


def _shareable_url(store: Store) -> str:
    """Return the store's URL for other processes of this user: an absolute file name, or with its password."""
    return str(store.file.resolve()) if store.file else store.url.render_as_string(hide_password=False)


def _absolute(folder: Any) -> Any:
    return folder.resolve() if isinstance(folder, Path) else folder
