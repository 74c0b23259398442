"""The worker: executes runs one after the other and keeps what the next one can share."""

from __future__ import annotations

import contextlib
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from tsbench.discovery.plugins import Plugins
from tsbench.errors import CODE_OF_OTHERS_FAILS, TsbenchError, TsbenchWarning
from tsbench.learning import clock
from tsbench.learning.loop import Progress
from tsbench.measure import resources
from tsbench.measure.load import find
from tsbench.measure.pretrain import Checkpoints
from tsbench.measure.run import Run, Shared
from tsbench.plan.result import Result, Status
from tsbench.plan.spec import RunSpec
from tsbench.store.artifacts import Folder


class Worker:
    """Executes RunSpecs in this process, whose numeric libraries it limits to the threads a spec asks for.

    checkpoint_folder : where trained weights are kept; sha256_of(pretrain_key) returns the recorded checksum of a
    checkpoint, or None. The last dataset, fold and trained method stay in memory for the next run. progress, note :
    called with the steps of a training, and with what this process does once (`clock.Note`).
    """

    def __init__(
        self,
        plugins: Plugins,
        device: str = "cpu",
        checkpoint_folder: Folder | None = None,
        sha256_of: Callable[[str], str | None] = lambda key: None,
        progress: Progress | None = None,
        note: clock.Note = clock.silent,
    ) -> None:
        self.plugins, self.device, self.progress, self.note = plugins, device, progress, note
        self.shared = Shared(plugins, device, Checkpoints(checkpoint_folder, sha256_of))

    def prepare(self, spec: RunSpec) -> None:
        """Import what a run is made of, before any clock of it runs; what cannot be had is for the run to say."""
        with contextlib.suppress(*CODE_OF_OTHERS_FAILS):
            find(spec, self.plugins)

    def run(self, spec: RunSpec) -> Result:
        """Execute one run; whatever goes wrong becomes a Result, only KeyboardInterrupt passes through."""
        self.shared.progress = self.progress
        result, compiled = Result(spec, "succeeded", started=time.time(), device=self.device), clock.compile_seconds()
        try:
            with warnings.catch_warnings(record=True) as caught, clock.watching(self.note):
                warnings.simplefilter("always", TsbenchWarning)
                run = Run(spec, self.shared)  # what is imported here is no part of the run
                result.started, compiled = time.time(), clock.compile_seconds()
                resources.reset_peak_memory(self.device)
                result.facts["memory_at_start_bytes"] = resources.peak_memory(self.device)
                resources.limit_threads(spec.threads)
                run.measure(result)
        except (MemoryError, torch.OutOfMemoryError) as error:
            self.shared.forget()
            _fail(result, "oom", error, self.plugins.packages())
        except CODE_OF_OTHERS_FAILS as error:  # a library that leaves the interpreter ends its run only
            _fail(result, "failed", error, self.plugins.packages())
        else:
            noted = [str(w.message) for w in caught if issubclass(w.category, TsbenchWarning)]
            result.warnings = tuple(dict.fromkeys([*result.warnings, *noted]))
        peak = resources.peak_memory(self.device)
        result.peak_memory_bytes = max(0, peak - int(result.facts.setdefault("memory_at_start_bytes", peak)))
        if clock.compile_seconds() > compiled:
            result.durations["compile"] = clock.compile_seconds() - compiled
        result.finished = time.time()
        return result

    def opened(self, spec: RunSpec) -> Run:
        """Return a run to ask for more than its result; trained anew, with a warning, where no checkpoint is kept."""
        run = Run(spec, self.shared, again=True)
        resources.limit_threads(spec.threads)
        return run


def _fail(result: Result, status: Status, error: BaseException, packages: set[str]) -> None:
    result.status = status
    text = str(error).strip() or type(error).__name__
    if not isinstance(error, TsbenchError):
        text = f"{type(error).__name__}: {text}{_place(error, packages)}"
    result.error = " ".join(text.split())
    result.traceback = "".join(traceback.format_exception(error))
    result.metrics, result.predictions = {}, None


def _place(error: BaseException, packages: set[str]) -> str:
    """Say in which function of these packages an error arose: " (in Mine.build, mine.py line 12)"."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in packages:
            place = f" (in {frame.f_code.co_qualname}, {Path(frame.f_code.co_filename).name} line {line})"
    return place
