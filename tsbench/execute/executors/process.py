"""What happens inside a worker process: it is set up once, then does one run after the other."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import select
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tsbench.discovery.plugins import KINDS, Plugins, plugins
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store.artifacts import Folder

if TYPE_CHECKING:
    from tsbench.measure.worker import Worker

STEP_SECONDS = 0.1
DUMP_SIGNAL = signal.SIGUSR1


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker process needs to make its Worker: all of it can be pickled.

    store : URL in which checksums of checkpoints are looked up, "" for none (then no checkpoint is reused).
    environment : variables to set before anything is imported. remote : the plan was made on another machine, so that
    plugins and their versions are compared before each run and errors name the machine.
    """

    device: str = "cpu"
    plugin_files: tuple[Path, ...] = ()
    store: str = ""
    checkpoint_folder: Folder | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    remote: bool = False

    def make(self) -> Worker:
        """Return the Worker of this process; imports torch."""
        from tsbench.measure.worker import Worker

        found = plugins()
        for path in self.plugin_files:
            found.load_file(path)
        return Worker(found, self.device, self.checkpoint_folder, self._sha256_of)

    def _sha256_of(self, pretrain_key: str) -> str | None:
        from tsbench.errors import TsbenchError
        from tsbench.store.store import Store

        if not self.store:
            return None
        try:
            store = Store(self.store, must_exist=True)
        except TsbenchError:  # a node that cannot reach the store trains anew
            return None
        with contextlib.suppress(TsbenchError), contextlib.closing(store):
            return store.checkpoint_sha256(pretrain_key)
        return None


class _Here:
    """The worker of this process and the pipe on which it tells the driver what it does."""

    worker: Worker | None = None
    problem = ""
    messages: Connection
    remote: bool
    last_step = 0.0


def start(settings: WorkerSettings, messages: Connection, trace_file: str) -> None:
    """Set this process up: its own process group, a guard in it, tracebacks of crashes, and a warm Worker."""
    os.setsid()
    parent = multiprocessing.parent_process()
    assert parent is not None
    _guard(parent.sentinel)
    trace = open(trace_file, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open as long as the process lives
    faulthandler.enable(trace)
    faulthandler.register(DUMP_SIGNAL, trace)
    os.environ.update(settings.environment)
    _Here.messages, _Here.remote = messages, settings.remote
    try:
        _Here.worker = settings.make()
    except Exception as error:  # a plugin file that is gone, say: told by each run, since nobody reads this process
        _Here.problem = f"the worker process cannot start: {type(error).__name__}: {error}"
    memory = psutil.Process().memory_info().rss  # taken here: when the message is read a run may have begun
    messages.send(("ready", _environment() if settings.remote else None, memory))


def run(spec: RunSpec) -> Result:
    """Do one run with the Worker of this process; it begins when what it is made of has been imported."""
    worker = _Here.worker
    if worker is not None:
        worker.prepare(spec)
    began = time.time()
    _Here.messages.send(("began", began, psutil.Process().memory_info().rss))
    problem = _Here.problem if worker is None or not _Here.remote else _mismatch(spec, worker.plugins)
    if problem or worker is None:
        result = Result(spec, "failed", started=began, finished=time.time(), error=problem)
    else:
        worker.progress, worker.note = _tell_step, _tell_note
        result = worker.run(spec)
    if result.error and _Here.remote:
        result.error = f"on {socket.gethostname()}: {result.error}"
    return result


def _mismatch(spec: RunSpec, plugins: Plugins) -> str:
    """Say what this machine's plugins lack, or have in another version than the plan was made with; "" if nothing."""
    from tsbench.errors import UsageError

    wanted = {("methods", spec.base_method): spec.method_version}
    for part, version in spec.versions.items():
        kind, _, name = part.partition(":")
        if f"{kind}s" in KINDS:
            wanted[f"{kind}s", name.partition(":")[0] if kind == "transform" else name] = version
    for (kind, name), version in wanted.items():
        try:
            found = int(plugins[kind].get(name).version)
        except UsageError as error:
            return f"{error}; install the plugin that brings it on every node"
        if found != version:
            return (
                f"{kind[:-1]} '{name}' has version {found} here, {version} where the run was planned; install the same"
            )
    return ""


def _environment() -> dict[str, Any]:
    from tsbench.measure.resources import environment

    return environment()


def _tell_step(step: int, total: int, loss: float) -> None:
    now = time.monotonic()
    if now - _Here.last_step >= STEP_SECONDS or step == total:
        _Here.last_step = now
        _Here.messages.send(("step", step, total, float(loss)))


def _tell_note(doing: str, seconds: float) -> None:
    _Here.messages.send(("note", doing, seconds))


def _guard(parent: int) -> None:
    """Fork a process that kills this process group when the driver dies, however hung or busy the worker is.

    It keeps nothing open but the read end of a pipe whose other end the driver holds; it is forked twice, so that it
    is no child of the worker, and before any thread is started.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.closerange(0, parent)
            os.closerange(parent + 1, os.sysconf("SC_OPEN_MAX"))
            watched = select.poll()
            watched.register(parent, select.POLLIN | select.POLLHUP | select.POLLERR)
            while not watched.poll():
                pass
            os.killpg(0, signal.SIGKILL)
    finally:
        os._exit(0)
