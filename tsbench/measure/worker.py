"""The worker: executes runs one after the other and keeps what the next one can share."""

from __future__ import annotations

import contextlib
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsbench.discovery.plugins import Plugins
from tsbench.errors import CODE_OF_OTHERS_FAILS, TsbenchError, TsbenchWarning
from tsbench.learning import clock
from tsbench.learning.learner import Learner
from tsbench.learning.loop import Progress
from tsbench.measure import resources
from tsbench.measure.folds import Parts, choose_fold, divide, preparation
from tsbench.measure.load import Ingredients, find, load
from tsbench.measure.pretrain import Checkpoints, Pretrained, own_panels, pretrain, source_panels
from tsbench.measure.probe import Answer, Judge, classify
from tsbench.methods.contracts import stored_scores
from tsbench.methods.probe import Features
from tsbench.plan.result import Result, Status
from tsbench.plan.spec import RunSpec
from tsbench.store.artifacts import Folder
from tsbench.tasks.score import Predictions, metrics_of


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
        self.plugins = plugins
        self.device = device
        self.checkpoints = Checkpoints(checkpoint_folder, sha256_of)
        self.progress = progress
        self.note = note
        self._memory: dict[str, tuple[Any, Any]] = {}

    def prepare(self, spec: RunSpec) -> None:
        """Import what a run is made of, before any clock of it runs; what cannot be had is for the run to say."""
        with contextlib.suppress(*CODE_OF_OTHERS_FAILS):
            find(spec, self.plugins)

    def run(self, spec: RunSpec) -> Result:
        """Execute one run; whatever goes wrong becomes a Result, only KeyboardInterrupt passes through."""
        result, compiled = Result(spec, "succeeded", started=time.time(), device=self.device), clock.compile_seconds()
        try:
            with warnings.catch_warnings(record=True) as caught, clock.watching(self.note):
                warnings.simplefilter("always", TsbenchWarning)
                made = find(spec, self.plugins)  # what is imported here is no part of the run
                result.started, compiled = time.time(), clock.compile_seconds()
                resources.reset_peak_memory(self.device)
                result.facts["memory_at_start_bytes"] = resources.peak_memory(self.device)
                resources.limit_threads(spec.threads)
                self._execute(made, spec, result)
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._memory.clear()
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

    def features(self, spec: RunSpec) -> Features:
        """Return the frozen features of a run's test part with its labels; trained anew where no checkpoint is kept."""
        made = find(spec, self.plugins)
        resources.limit_threads(spec.threads)
        parts = self._parts(made, spec)
        return Features(self._pretrained(made, spec, parts).features.of(parts, "test"), parts.y_test, parts.n_classes)

    def _execute(self, made: Ingredients, spec: RunSpec, result: Result) -> None:
        durations = result.durations
        with clock.timed(durations, "load"):
            parts = self._parts(made, spec)
        result.facts.update(n_train=len(parts.train), n_labelled=len(parts.labelled), n_test=len(parts.test))
        if parts.unlabelled is not None:
            result.facts["n_unlabelled"] = len(parts.unlabelled)
        if made.probe is None:
            answer = classify(spec.method, made.method(made.settings), parts, spec.key, durations)
        else:
            trained = self._pretrained(made, spec, parts)
            trained.describe(result)
            judge = Judge(f"probe {spec.protocol.probe}", made.probe, spec.key, durations, self.progress)
            answer = judge.decide(trained.features, parts)
        result.facts.update(answer.facts)
        result.predictions = _predictions(parts, answer)
        result.metrics = metrics_of(result.predictions)

    def _parts(self, made: Ingredients, spec: RunSpec) -> Parts:
        """Return the prepared parts of a run's fold."""
        protocol, part_of = spec.protocol, spec.part_of
        which = (spec.reference, spec.fingerprint)  # two datasets may differ in their groups alone
        data = self._remember("data", which, lambda: load(made.handle, spec.fingerprint, part_of))
        key = (*which, spec.group, spec.fold, spec.normalisation, spec.split, protocol.split, protocol.transforms)

        def cut() -> Parts:
            chosen = choose_fold(made.handle, data, protocol, spec.fold, "" if part_of is not None else spec.split)
            train = chosen.fold.train
            prepared = preparation(data.panel, train, spec.normalisation, protocol.transforms, self.plugins)
            return divide(key, data, chosen, prepared, protocol.condition, f"{spec.fingerprint}:{spec.fold}")

        parts: Parts = self._remember("parts", (key, protocol.condition), cut)
        return parts

    def _pretrained(self, made: Ingredients, spec: RunSpec, parts: Parts) -> Pretrained:
        """Return the trained method of a run, which it may share with others."""
        condition, transforms = spec.protocol.condition, spec.protocol.transforms
        own, cases, unlabelled = own_panels(parts, made.method.supervised)
        corruption = parts.corruption if condition.corrupts("pretrain") else ""
        key = spec.pretrain_key(cases, corruption, unlabelled)

        def make() -> Pretrained:
            learner = Learner.of(spec.method, made.method, made.settings, device=self.device)
            panels = [panel for source in spec.sources for panel in source_panels(source, transforms, self.plugins)]
            return pretrain(learner, key, panels or own, self.checkpoints, spec.sources_split, self.progress)

        trained: Pretrained = self._remember("method", (key, spec.sources_split), make)
        trained.learner.check_channels(parts.test.n_channels, spec.dataset)
        return trained

    def _remember(self, slot: str, key: Any, make: Callable[[], Any]) -> Any:
        """Return what a slot holds for this key, making it anew (and dropping the old first) when it holds another."""
        if slot not in self._memory or self._memory[slot][0] != key:
            self._memory.pop(slot, None)
            self._memory[slot] = (key, make())
        return self._memory[slot][1]


def _predictions(parts: Parts, answer: Answer) -> Predictions:
    """Return an answer as it is stored, beside the truth."""
    return Predictions(
        cases=parts.fold.test.astype(np.int32),
        y_true=parts.y_test.astype(np.int32),
        y_pred=np.asarray(answer.y_pred).astype(np.int32),
        scores=stored_scores(answer.scores),
        classes=parts.train.classes,
    )


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
