"""Runs on a Ray cluster: an actor per slot, each with a worker process of its own on its node."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from tsbench.errors import TsbenchError, UsageError
from tsbench.run.executors.base import Done, Executor, Note, Step, silent
from tsbench.run.executors.local import WATCH_SECONDS, Local
from tsbench.run.executors.process import WorkerSettings
from tsbench.run.limits import Limits, check_memory
from tsbench.run.spec import Result, RunSpec
from tsbench.urls import shown, without_secrets

logger = logging.getLogger("tsbench.run")

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 60.0
START_SECONDS = 300.0


class ClusterError(TsbenchError):
    """The Ray cluster cannot be reached, or no node of it can do a run."""


class Agent:
    """The actor: a local executor of one slot, so that limits and crashes are dealt with on the node itself.

    What ends a run ends its worker process only; the actor dies with its node, or when the driver says so.
    """

    def __init__(self, settings: WorkerSettings, limits: Limits) -> None:
        os.environ.update(settings.environment)
        self._limits = limits
        self._local = Local([settings], limits)

    def ready(self) -> None:
        """Answer, once the actor has a place; raises UsageError where its node cannot enforce the limits."""
        check_memory(self._limits, f"node {socket.gethostname()}")

    def run(self, spec: RunSpec) -> tuple[Result | None, dict[str, Any] | None]:
        """Do one run; return its result (None when the worker vanished before) and this node's environment."""
        self._local.submit(0, spec)
        while not (done := self._local.wait(lambda *_: None)):
            pass
        return done[0].result, done[0].environment


@dataclass
class _Remote:
    """An actor, the call under way on it, and the run it was given; ready once the actor has a place on a node."""

    actor: Any
    call: Any
    ready: bool = False
    spec: RunSpec | None = None


class Ray(Executor):
    """Slots are actors that Ray places: `workers` on each GPU, or on each node where runs compute on CPU.

    address : "" starts a cluster on this machine, or takes the one RAY_ADDRESS names; "auto", "host:port",
    "ray://host:port". threads : CPUs that a run takes. A run lost with its node is reported without a result, to be
    given out again, and its actor is placed anew wherever the cluster has room. A node that cannot enforce the limits
    is left without runs. Raises UsageError without Ray, without a GPU where one is wanted, or when no node can enforce
    the limits; ClusterError when nothing answers.
    """

    def __init__(
        self, settings: WorkerSettings, limits: Limits, address: str, workers: int, device: str, threads: int
    ) -> None:
        self._connect(address)
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        if device == "auto":
            device = "cuda" if gpus else "cpu"
        if device not in ("cpu", "cuda"):
            raise UsageError(f"--device {device}: on a cluster Ray chooses the GPU; give auto, cpu or cuda")
        if device == "cuda" and not gpus:
            raise UsageError("--device cuda: the cluster has no GPU; use --device cpu")
        share = math.floor(1e4 / workers) / 1e4  # Ray counts in ten-thousandths
        places = [min(workers, int(node.get("CPU", 0)) // threads) for node in nodes]
        count = gpus * workers if device == "cuda" else sum(places)
        if count == 0:
            raise UsageError(f"--executor ray: no node of the cluster has {threads} CPUs")
        needs = {"num_cpus": threads, "num_gpus": share if device == "cuda" else 0}
        self._actor = ray.remote(Agent).options(max_restarts=0, scheduling_strategy="SPREAD", **needs)
        self._arguments = replace(settings, device=device, remote=True), limits
        self._remotes = [self._place() for _ in range(count)]
        self._last_ready = time.monotonic()

    def idle(self) -> list[int]:
        """Return the slots whose actor has a place and no run."""
        return [number for number, remote in enumerate(self._remotes) if remote.ready and remote.spec is None]

    def submit(self, slot: int, spec: RunSpec) -> None:
        """Send the run to the slot's actor."""
        remote = self._remotes[slot]
        remote.spec, remote.call = spec, remote.actor.run.remote(spec)

    def wait(self, step: Step, note: Note = silent) -> list[Done]:
        """Return the runs that ended within WATCH_SECONDS; what is done meanwhile is not told."""
        import ray

        calls = [remote.call for remote in self._remotes if remote.call is not None]
        if not calls:
            time.sleep(WATCH_SECONDS)
            return []
        ray.wait(calls, num_returns=1, timeout=WATCH_SECONDS)
        ended = set(ray.wait(calls, num_returns=len(calls), timeout=0)[0])
        done = [self._collect(slot) for slot, remote in enumerate(self._remotes) if remote.call in ended]
        if any(remote.ready for remote in self._remotes):
            self._last_ready = time.monotonic()
        elif time.monotonic() - self._last_ready > START_SECONDS:
            raise ClusterError(f"no node of the Ray cluster could start a worker within {START_SECONDS:.0f} s")
        return [one for one in done if one is not None]

    def stop(self) -> None:
        """Kill the actors, whose workers die with them, and leave the cluster."""
        import ray

        for remote in self._remotes:
            with contextlib.suppress(Exception):
                ray.kill(remote.actor)
        if self._joined:
            ray.shutdown()

    def _collect(self, slot: int) -> Done | None:
        """Take the answer of an actor; one that is lost is replaced, and its run reported without a result."""
        import ray

        remote = self._remotes[slot]
        spec = remote.spec
        try:
            answer = ray.get(remote.call)
        except ray.exceptions.RayTaskError as error:  # the agent itself failed: its cause is a TsbenchError or a bug
            cause = getattr(error, "cause", None)
            if isinstance(cause, UsageError) and spec is None:
                self._leave_out(remote, cause)
                return None
            raise (
                cause if isinstance(cause, TsbenchError) else ClusterError(f"a worker of the cluster: {error}")
            ) from None
        except ray.exceptions.RayError:
            with contextlib.suppress(Exception):
                ray.kill(remote.actor)
            self._remotes[slot] = self._place()
            return None if spec is None else Done(slot, spec, None)
        remote.ready, remote.spec, remote.call = True, None, None
        return None if spec is None else Done(slot, spec, *answer)

    def _leave_out(self, remote: _Remote, reason: UsageError) -> None:
        """Give no run to an actor, which keeps its place so that no other is put there; raise when none is left."""
        remote.call = None
        logger.warning("left out", extra={"fields": {"error": str(reason)}})
        if not any(other.ready or other.call for other in self._remotes):
            raise reason

    def _place(self) -> _Remote:
        actor = self._actor.remote(*self._arguments)
        return _Remote(actor, actor.ready.remote())  # type: ignore[attr-defined]

    def _connect(self, address: str) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UsageError('--executor ray needs Ray: pip install "tsbench[ray]"')
        check_address(address)
        import ray

        self._joined = not ray.is_initialized()
        if not self._joined:
            return
        if not address and not os.environ.get("RAY_ADDRESS"):
            # in this thread: the processes of a cluster started here end with the thread that started them
            ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
            return
        problem: list[BaseException] = []

        def join() -> None:
            try:
                ray.init(address or None, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as error:
                problem.append(error)

        thread = threading.Thread(target=join, daemon=True)
        thread.start()
        thread.join(CONNECT_SECONDS)
        where = f"--address {shown(address)}" if address else "--executor ray"
        if thread.is_alive():
            raise ClusterError(f"{where}: no Ray cluster answered within {CONNECT_SECONDS:.0f} s")
        if problem:
            raise ClusterError(f"{where}: {' '.join(without_secrets(str(problem[0]), address).split())[:300]}")


def check_address(address: str) -> None:
    """Raise UsageError for an address that is none, ClusterError when nothing answers there within seconds."""
    if address in ("", "auto", "local"):
        return
    try:
        parts = urlsplit(address if "://" in address else f"ray://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise UsageError(f"--address {shown(address)}: give auto, host:port or ray://host:port")
    try:
        socket.create_connection((host, port), ANSWER_SECONDS).close()
    except OSError as error:
        raise ClusterError(f"--address {shown(address)}: nothing answers there ({error}); is the cluster up?") from None
