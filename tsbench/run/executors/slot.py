"""One slot: a warm worker process behind a pebble pool of one, replaced whenever it has died."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
from pebble import ProcessExpired, ProcessPool

from tsbench.errors import TsbenchError, UsageError
from tsbench.run.executors import process
from tsbench.run.limits import Limits, ending, in_words, kernel_oom_kills, tree_memory
from tsbench.run.spec import Result, RunSpec, Status

DUMP_SECONDS = 0.05
START_SECONDS = 300.0


class WorkerError(TsbenchError):
    """Worker processes cannot be started on this machine."""


class Slot:
    """Does one run at a time in a process of its own; `ended` is called, in another thread, when a run has ended.

    A pool of one worker is what gives the choice of the worker that gets a run. pebble's own time limit is not used:
    it sends SIGTERM to the worker alone, waits, and leaves what the worker started alive. Here a limit, a crash and
    the end of the slot all kill the process group, which the guard in it (executors/process.py) keeps alive, so that
    its number cannot be another's by then.
    """

    def __init__(self, settings: process.WorkerSettings, limits: Limits, ended: Callable[[], None]) -> None:
        self.settings, self.limits, self._ended = settings, limits, ended
        self.spec: RunSpec | None = None
        self.environment: dict[str, Any] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="tsbench-", ignore_cleanup_errors=True)
        self._trace = Path(self._folder.name) / "trace"
        self._began: float | None = None
        self._verdict: tuple[Status, str] | None = None
        self._peak = self._base = self._oom_kills = 0
        self._clock = 0.0  # of the moment a run began, whatever is done to the time of day; later by each pause
        self._paused: float | None = None
        self._launch()

    def submit(self, spec: RunSpec) -> None:
        """Begin a run, in a new worker where the last one has died idle."""
        if not self._pool.active or self._process is None or not self._process.is_alive():
            self._replace()
        self.spec, self._began, self._peak, self._verdict = spec, None, 0, None
        self._base, self._paused = 0, None
        self._submitted, self._oom_kills = time.monotonic(), kernel_oom_kills()
        self._future = self._schedule(process.run, spec)

    def check(self, step: Callable[[int, int, float], None], note: Callable[[str], None]) -> None:
        """Read what the worker tells, and end the run when it is over a limit; raises UsageError on a hopeless one."""
        self._read(step, note)
        if self.spec is None or self._verdict is not None or self._future.done():
            return
        if self._began is None:
            if time.monotonic() - self._submitted > START_SECONDS:  # hung before the run: it is given out again
                self._kill_group()
            return
        with contextlib.suppress(psutil.Error):
            self._peak = max(self._peak, self._memory())
        limits, seconds = self.limits, self._working()
        if limits.memory is not None and self._peak > limits.memory:
            self._end("oom", f"took {in_words(self._peak)}, over --memory-limit {in_words(limits.memory)}")
        elif limits.seconds is not None and seconds > limits.seconds:
            self._end("timeout", f"took longer than --time-limit {limits.seconds:g} s")

    def collect(self) -> tuple[RunSpec, Result | None] | None:
        """Return the run that has ended with its result, None in its place when the run never began; else None."""
        if self.spec is None or not self._future.done():
            return None
        self._read(lambda *_: None, lambda *_: None)
        spec, self.spec = self.spec, None
        error = self._future.exception()
        if self._verdict is None and not isinstance(error, ProcessExpired | BrokenProcessPool):
            if error is None:
                return spec, self._future.result()
            # it raised past the worker, or its result cannot be sent
            trace = getattr(error, "traceback", "")
            return spec, self._result(spec, "failed", f"{type(error).__name__}: {error}", trace)
        result = None if self._began is None else self._autopsy(spec)
        self._replace()
        return spec, result

    def close(self) -> None:
        """End the worker with everything it started."""
        self._kill_group()
        pool = self._pool
        pool.stop()  # type: ignore[no-untyped-call]
        # joined aside: a worker killed within a message leaves a thread of the pool waiting for the rest of it
        threading.Thread(target=_join, args=(pool,), daemon=True).start()
        self._messages.close()

    def _launch(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._messages, theirs = context.Pipe(duplex=False)
        before = {child.pid for child in multiprocessing.active_children()}
        arguments = (self.settings, theirs, str(self._trace))
        self._pool = ProcessPool(1, initializer=process.start, initargs=arguments, context=context)
        if not self._pool.active:  # asking starts the worker
            raise WorkerError("a worker process cannot be started")
        # A closed pipe cannot be handed on, so pebble does not start a second worker in this pool: a pool whose
        # worker was killed may have lost a lock or half a message with it, and is given up instead.
        theirs.close()
        self._process: BaseProcess | None = next(
            (child for child in multiprocessing.active_children() if child.pid not in before), None
        )
        self._killed = False

    def _replace(self) -> None:
        self.close()
        self._launch()

    def _schedule(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any]
        try:
            future = self._pool.schedule(function, args=arguments)
        except RuntimeError:  # the worker has died since it was looked at
            future = Future()
            future.set_exception(BrokenProcessPool())
        future.add_done_callback(lambda _: self._ended())
        return future

    def _working(self) -> float:
        """Return the seconds the run has worked: the clock stands still while its process imports or compiles.

        It goes on after START_SECONDS of one such pause, which may never end.
        """
        now = time.monotonic()
        return (now if self._paused is None else max(self._paused, now - START_SECONDS)) - self._clock

    def _read(self, step: Callable[[int, int, float], None], note: Callable[[str], None]) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._messages.poll():
                kind, *content = self._messages.recv()
                if kind == "began":
                    (self._began, self._base), self._clock = content, time.monotonic()
                elif kind == "step":
                    step(*content)
                elif kind == "note":
                    doing, seconds = content
                    self._clock, self._paused = self._clock + seconds, time.monotonic() if doing else None
                    note(doing)
                elif kind == "ready":
                    self.environment, base = content
                    self._refuse_hopeless_limit(base)

    def _refuse_hopeless_limit(self, base: int) -> None:
        limit = self.limits.memory
        if limit is not None and base > limit:
            raise UsageError(f"--memory-limit {in_words(limit)}: a worker takes {in_words(base)} before any run")

    def _memory(self) -> int:
        """Return the worker's resident bytes, with those of its children where they are limited (a costly search)."""
        if self._process is None or self._process.pid is None:
            return 0
        if self.limits.memory is not None:
            return tree_memory(self._process.pid)
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def _end(self, status: Status, reason: str) -> None:
        """Kill the run, after it has written where it was."""
        self._verdict = status, reason
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            with contextlib.suppress(OSError):
                os.kill(self._process.pid, process.DUMP_SIGNAL)
                time.sleep(DUMP_SECONDS)
        self._kill_group()

    def _kill_group(self) -> None:
        if self._killed or self._process is None or self._process.pid is None:
            return
        self._killed = True
        for kill in (os.killpg, os.kill):  # a worker that has no group of its own yet is killed alone
            with contextlib.suppress(OSError):
                kill(self._process.pid, signal.SIGKILL)
                return

    def _autopsy(self, spec: RunSpec) -> Result:
        """Return what is known of a run whose process has died."""
        self._kill_group()
        if self._process is not None:
            self._process.join(1.0)
        code = None if self._process is None else self._process.exitcode
        status, reason = self._verdict or ("crashed", f"the worker process {ending(code)}")
        if self._verdict is None and code == -signal.SIGKILL and kernel_oom_kills() > self._oom_kills:
            status, reason = "oom", "the kernel killed the worker for want of memory"
        trace = ""
        with contextlib.suppress(OSError):
            trace = self._trace.read_text(encoding="utf-8", errors="replace")
        return self._result(spec, status, reason, trace)

    def _result(self, spec: RunSpec, status: Status, reason: str, trace: str) -> Result:
        device, now = self.settings.device, time.time()
        times = {"started": self._began or now, "finished": now}
        memory = {"peak_memory_bytes": max(0, self._peak - self._base), "facts": {"memory_at_start_bytes": self._base}}
        about = {"device": device, "error": reason, "traceback": trace}
        return Result(spec, status, **times, **memory, **about)  # type: ignore[arg-type]


def _join(pool: ProcessPool) -> None:
    with contextlib.suppress(RuntimeError, OSError):
        pool.join()
