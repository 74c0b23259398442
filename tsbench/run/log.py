"""The log of a driver: one JSON object per line, beside the store."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from tsbench.run.spec import Result, RunSpec
from tsbench.run.store import Store

KEY_DIGITS = 16
"""Digits of a key in the list of a plan: enough to tell runs apart, and a quarter of the bytes."""

logger = logging.getLogger("tsbench.run")


def log_folder(store: Store) -> Path:
    """Return the folder of the logs: with the artefacts, or in ./tsbench-artifacts where those are elsewhere."""
    artifacts = store.artifacts
    return (artifacts if isinstance(artifacts, Path) else Path("tsbench-artifacts")) / "logs"


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event, and the fields of its `extra={"fields": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        return json.dumps({"time": when, "level": record.levelname, "event": record.getMessage(), **fields})


class _File(logging.FileHandler):
    """A file in which a line may be missing: a full disk ends no run, and hides no error."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Say nothing."""

    def close(self) -> None:
        """Close the file; what it cannot take is left out."""
        with contextlib.suppress(OSError):
            super().close()


class DriverLog:
    """Writes what a driver does to <folder>/<owner>.jsonl while the context lasts.

    Events: plan (how many runs were asked for, the keys to do), started, finished (status, seconds by stage), lost (a
    run whose worker vanished before its end and that is given out again), left out (a node of a cluster that cannot
    enforce the limits), end.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self.path, self.owner = folder / f"{owner}.jsonl", owner

    def __enter__(self) -> DriverLog:
        self._handler: logging.Handler = logging.NullHandler()
        with contextlib.suppress(OSError):  # a folder that cannot be written ends no run
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handler = _File(self.path, encoding="utf-8")
        self._handler.setFormatter(JsonFormatter())
        logger.addHandler(self._handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("end", error=type(error).__name__ if error else "")
        logger.removeHandler(self._handler)
        self._handler.close()

    def plan(self, asked: int, todo: Iterable[RunSpec], force: bool) -> None:
        """Note the plan, from which `tsbench status` tells what is left; force : runs that have succeeded as well."""
        keys = [spec.key[:KEY_DIGITS] for spec in todo]
        self._write("plan", owner=self.owner, pid=os.getpid(), runs=asked, force=force, todo=len(keys), keys=keys)

    def started(self, spec: RunSpec, slot: int) -> None:
        """Note that a worker was given a run."""
        self._write("started", worker=slot, **_about(spec))

    def lost(self, spec: RunSpec, slot: int) -> None:
        """Note that a worker vanished with a run, which will be given out again."""
        self._write("lost", worker=slot, **_about(spec))

    def finished(self, result: Result, slot: int) -> None:
        """Note how a run ended, with the seconds of each stage."""
        seconds = round(result.finished - result.started, 3)
        stages = {stage: round(value, 4) for stage, value in result.durations.items()}
        about = {**_about(result.spec), "status": result.status, "seconds": seconds, "stages": stages}
        self._write("finished", worker=slot, **about, error=result.error)

    def _write(self, event: str, **fields: Any) -> None:
        logger.info(event, extra={"fields": fields})


def _about(spec: RunSpec) -> dict[str, Any]:
    return {
        "key": spec.key,
        "method": spec.label,
        "dataset": spec.dataset,
        "protocol": spec.protocol.name,
        "fold": spec.fold,
        "seed": spec.seed,
    }
