"""The worker: executes runs one after the other and keeps what the next one can share."""

from __future__ import annotations

import contextlib
import copy
import importlib
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsbench.corruptions import corrupt
from tsbench.data import normalise
from tsbench.data.batch import Batch
from tsbench.data.dataset import Data, check_fold
from tsbench.data.panel import Panel
from tsbench.data.splits import label_subset, unlabelled_index
from tsbench.discovery.plugins import Plugins
from tsbench.errors import (
    CODE_OF_OTHERS_FAILS,
    InvalidDataError,
    MethodError,
    StoreError,
    TsbenchError,
    TsbenchWarning,
    returned,
)
from tsbench.identity import seed_everything
from tsbench.learning import clock
from tsbench.learning import loop as training
from tsbench.measure import resources
from tsbench.measure.contracts import check_numbers
from tsbench.measure.trained import Parts, Trained
from tsbench.measure.training_part import training_part
from tsbench.measure.transforms import apply_transforms
from tsbench.methods.classifier import Classifier
from tsbench.methods.params import resolve, validate
from tsbench.methods.probe import Cases, Features, Predictor, Probe
from tsbench.methods.ssl import Diagnosis, SSLMethod
from tsbench.plan.datasets import check_planned, load_planned, open_dataset
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec, Source
from tsbench.protocol import ARCHIVE
from tsbench.store import artifacts, checkpoints
from tsbench.tasks import labelled_task, task_of
from tsbench.tasks.base import Answer
from tsbench.tasks.score import metrics_of, predictions_of

Sha256Of = Callable[[str], str | None]


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
        checkpoint_folder: artifacts.Folder | None = None,
        sha256_of: Sha256Of = lambda key: None,
        progress: training.Progress | None = None,
        note: clock.Note = clock.silent,
    ) -> None:
        self.plugins = plugins
        self.device = device
        self.checkpoint_folder = checkpoint_folder
        self.sha256_of = sha256_of
        self.progress = progress
        self.note = note
        self._memory: dict[str, tuple[Any, Any]] = {}

    def run(self, spec: RunSpec) -> Result:
        """Execute one run; whatever goes wrong becomes a Result, only KeyboardInterrupt passes through."""
        self.prepare(spec)
        result = Result(spec, "succeeded", started=time.time(), device=self.device)
        resources.reset_peak_memory(self.device)
        held, compiled = resources.peak_memory(self.device), clock.compile_seconds()
        try:
            with warnings.catch_warnings(record=True) as caught, clock.watching(self.note):
                warnings.simplefilter("always", TsbenchWarning)
                resources.limit_threads(spec.threads)
                self._execute(spec, result)
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._memory.clear()
            _fail(result, "oom", error, self.plugins.packages())
        except CODE_OF_OTHERS_FAILS as error:  # a library that leaves the interpreter ends its run only
            _fail(result, "failed", error, self.plugins.packages())
        else:
            noted = [str(w.message) for w in caught if issubclass(w.category, TsbenchWarning)]
            result.warnings = tuple(dict.fromkeys([*result.warnings, *noted]))
        result.peak_memory_bytes = max(0, resources.peak_memory(self.device) - held)
        result.facts["memory_at_start_bytes"] = held
        if clock.compile_seconds() > compiled:
            result.durations["compile"] = clock.compile_seconds() - compiled
        result.finished = time.time()
        return result

    def prepare(self, spec: RunSpec) -> None:
        """Import what a run is made of, before any clock of it runs; what cannot be had is for the run to say."""
        with contextlib.suppress(*CODE_OF_OTHERS_FAILS):
            cls = self.plugins["methods"].get(spec.base_method)
            resolve(cls.Params, spec.params, self._component, spec.method)
            open_dataset(spec.dataset_ref or spec.dataset, self.plugins, "")
            for name in spec.protocol.transforms:
                self.plugins["transforms"].get(name.partition(":")[0])
            if not spec.own_probe:
                self.plugins["probes"].get(spec.protocol.probe)
                if cls.trains and not spec.untrained:
                    importlib.import_module("torch._dynamo")  # as torch's optimisers do at their first step

    def _execute(self, spec: RunSpec, result: Result) -> None:
        with _timed(result, "load"):
            parts = self._fold(spec)
        result.facts.update(n_train=len(parts.train), n_labelled=len(parts.labelled), n_test=len(parts.test))
        if parts.unlabelled is not None:
            result.facts["n_unlabelled"] = len(parts.unlabelled)
        answer = self._classify(spec, parts, result) if spec.own_probe else self._probe(spec, parts, result)
        task, classes = parts.train.task, parts.train.classes
        result.predictions = predictions_of(task, parts.fold.test, parts.y_test, answer, classes)
        result.metrics = metrics_of(result.predictions)

    def features(self, spec: RunSpec) -> Features:
        """Return the frozen features of a run's test part with its labels; trained anew where no checkpoint is kept."""
        resources.limit_threads(spec.threads)
        parts = self._fold(spec)
        x = self._trained(spec, parts).encode(parts, "test")
        return Features(x, parts.y_test, len(parts.train.classes), parts.train.task)

    def _fold(self, spec: RunSpec) -> Parts:
        which = (spec.dataset_ref or spec.dataset, spec.fingerprint)  # two datasets may differ in their groups alone
        data = self._remember("data", which, lambda: self._load(spec))
        how = (spec.split, spec.protocol.split, spec.protocol.transforms)
        key = (*which, spec.group, spec.fold, spec.normalisation, *how)
        parts: Parts = self._remember("parts", (key, spec.protocol.condition), lambda: self._parts(spec, data, key))
        return parts

    def _remember(self, slot: str, key: Any, make: Callable[[], Any]) -> Any:
        """Return what a slot holds for this key, making it anew (and dropping the old first) when it holds another."""
        if slot not in self._memory or self._memory[slot][0] != key:
            self._memory.pop(slot, None)
            self._memory[slot] = (key, make())
        return self._memory[slot][1]

    def _load(self, spec: RunSpec) -> Data:
        if spec.part_of is not None:
            return training_part(spec.part_of, self.plugins).data
        handle = open_dataset(spec.dataset_ref or spec.dataset, self.plugins, "")
        return load_planned(handle, spec.fingerprint)

    def _parts(self, spec: RunSpec, data: Data, key: tuple[Any, ...]) -> Parts:
        handle = open_dataset(spec.dataset_ref or spec.dataset, self.plugins, "")
        card = handle.card
        panel, folds = data.panel, spec.protocol.folds(data, card)
        task = labelled_task(spec.dataset, panel)
        fold = folds[spec.fold]
        check_fold(fold, len(panel), f"{spec.dataset}, fold {spec.fold}")
        if spec.part_of is None:
            check_planned(handle, spec.split, data, fold, spec.protocol)
        try:
            task.check_learnable(task.target(panel, fold.train), panel.classes)
        except InvalidDataError as error:
            raise InvalidDataError(f"{spec.dataset}: {error}") from None
        statistics = normalise.channel_statistics(panel, fold.train)  # refuses a channel without values in training
        condition = spec.protocol.condition

        def prepared(panel: Panel) -> Panel:
            panel = statistics.apply(panel) if spec.normalisation == "channel" else panel
            return apply_transforms(panel, spec.protocol.transforms, self.plugins)

        def corrupted(panel: Panel) -> Panel:
            if condition.corruption == "none":
                return panel
            return corrupt(panel, condition.corruption, condition.level, f"{spec.fingerprint}:{spec.fold}")

        panel = prepared(panel)
        hard, unlabelled = corrupted(panel), None
        index = unlabelled_index(data, fold, spec.protocol.group(card), spec.protocol.own_split)
        if data.unlabelled is not None and index is not None:
            unlabelled = prepared(data.unlabelled.select(index))
            unlabelled = corrupted(unlabelled) if condition.corrupts("pretrain") else unlabelled
        train, later = panel.select(fold.train), hard if condition.corrupts("downstream") else panel
        test = (hard if condition.corrupts("test") else panel).select(fold.test)
        return Parts(
            key,
            condition.corruption_text(),
            pretrain=hard.select(fold.train) if condition.corrupts("pretrain") else train,
            unlabelled=unlabelled,
            train=later.select(fold.train),
            labelled=label_subset(task.strata(task.target(panel, fold.train)), condition.label_fraction, spec.fold),
            validation=None if fold.validation is None else later.select(fold.validation),
            test=test.without_labels(),
            fold=fold,
            y_test=test.y,
        )

    def _classify(self, spec: RunSpec, parts: Parts, result: Result) -> Answer:
        cls = self.plugins["methods"].get(spec.method)
        method: Classifier = cls(resolve(cls.Params, spec.params, self._component, spec.method))
        rng = np.random.default_rng(seed_everything(spec.key, "fit"))
        with _timed(result, "fit"):
            method.fit(parts.train.select(parts.labelled), parts.validation, rng)
        with _timed(result, "predict"):
            scores = method.predict_scores(parts.test)
        return task_of(parts.train.task).decide(spec.method, scores, len(parts.test), len(parts.train.classes))

    def _probe(self, spec: RunSpec, parts: Parts, result: Result) -> Answer:
        probe_cls = self.plugins["probes"].get(spec.protocol.probe)
        probe: Probe = probe_cls(validate(probe_cls.Params, spec.protocol.probe_params, spec.protocol.probe))
        trained = self._trained(spec, parts)
        trained.describe(result)
        fit = self._fit_on_features if probe.needs == "features" else self._fit_on_module
        given, calibrated = fit(spec, probe, trained, parts, result)
        owner, n_classes = f"probe {spec.protocol.probe}", len(parts.train.classes)
        return task_of(parts.train.task).check(owner, given, len(parts.test), n_classes, calibrated)

    def _trained(self, spec: RunSpec, parts: Parts) -> Trained:
        cls = self.plugins["methods"].get(spec.base_method)
        panels = [parts.pretrain.select(parts.labelled)] if cls.supervised else [parts.pretrain]
        if parts.unlabelled is not None and not cls.supervised:
            panels.append(parts.unlabelled)
        key = self._pretrain_key(spec, parts, cls.supervised)
        trained: Trained = self._remember(
            "method", (key, spec.sources_split), lambda: self._pretrain(spec, key, panels)
        )
        channels = trained.n_channels
        if not cls.any_channels and parts.test.shape.n_channels not in channels:
            raise MethodError(
                f"{spec.method} was pre-trained on series of {' or '.join(map(str, channels))} channels and cannot "
                f"encode {spec.dataset}, which has {parts.test.shape.n_channels}"
            )
        return trained

    def _source(self, spec: RunSpec, source: Source) -> list[Panel]:
        """Return the training part of a source's own split and its unlabelled cases, normalised and transformed."""
        handle = open_dataset(source.dataset_ref, self.plugins, "")
        data = load_planned(handle, source.fingerprint)
        panel, fold = data.panel, data.folds["archive"][0]
        check_planned(handle, source.split, data, fold, ARCHIVE)
        train = fold.train
        statistics = normalise.channel_statistics(panel, train)
        parts = [panel.select(train).without_labels(), *([] if data.unlabelled is None else [data.unlabelled])]
        if source.normalisation == "channel":
            parts = [statistics.apply(part) for part in parts]
        return [apply_transforms(part, spec.protocol.transforms, self.plugins) for part in parts]

    def _fit_on_features(
        self, spec: RunSpec, probe: Probe, trained: Trained, parts: Parts, result: Result
    ) -> tuple[Any, bool]:
        """Fit a probe on frozen features and predict the test part, encoded only after the fit.

        Return what was predicted and whether its scores are probabilities.
        """
        n_classes, task = len(parts.train.classes), parts.train.task
        with _timed(result, "encode"):
            x, y = trained.encode(parts, "train"), _labels(parts.train)
            train = Features(x[parts.labelled], y[parts.labelled], n_classes, task)
            validation = None
            if parts.validation is not None:
                x = trained.encode(parts, "validation")
                validation = Features(x, _labels(parts.validation), n_classes, task)
        predictor = _fit(spec, probe, None, train, validation, result)
        with _timed(result, "encode"):
            x_test = trained.encode(parts, "test")
        with _timed(result, "predict"):
            return predictor.predict(x_test), predictor.probabilities

    def _fit_on_module(
        self, spec: RunSpec, probe: Probe, trained: Trained, parts: Parts, result: Result
    ) -> tuple[Any, bool]:
        """Fit a probe that trains a copy of the method itself, and predict the test part."""
        if probe.needs != "module":
            raise MethodError(f"probe {spec.protocol.probe} needs '{probe.needs}', which runs cannot give yet")

        def cases(panel: Panel) -> Cases:
            batch = Batch.from_panel(panel.without_labels(), self.device)
            return Cases(batch, _labels(panel), len(panel.classes), panel.task)

        train = cases(parts.train.select(parts.labelled))
        validation = None if parts.validation is None else cases(parts.validation)
        predictor = _fit(spec, probe, copy.deepcopy(trained.method), train, validation, result)
        with _timed(result, "predict"):
            return predictor.predict(Batch.from_panel(parts.test, self.device)), predictor.probabilities

    def _pretrain_key(self, spec: RunSpec, parts: Parts, supervised: bool) -> str:
        """Return the key of the weights: the labelled cases count where labels are used."""
        used = parts.fold.train[parts.labelled] if supervised else parts.fold.train
        corruption = spec.protocol.condition.corruption_text() if spec.protocol.condition.corrupts("pretrain") else ""
        extra = "" if supervised or parts.unlabelled is None else parts.unlabelled.fingerprint()
        return spec.pretrain_key(used, corruption, extra)

    def _pretrain(self, spec: RunSpec, key: str, own: list[Panel]) -> Trained:
        """Return the trained method: from its checkpoint where there is one, else by training it now."""
        cls = self.plugins["methods"].get(spec.base_method)
        method: SSLMethod = cls(resolve(cls.Params, spec.params, self._component, spec.method))
        seed_everything(key, "build")
        panels = [panel for source in spec.sources for panel in self._source(spec, source)] or own
        shapes = [p.shape if cls.supervised else replace(p.shape, n_classes=0) for p in panels]
        method.build(shapes)
        method.to(self.device)
        method.eval()
        channels = tuple(sorted({shape.n_channels for shape in shapes}))
        if spec.untrained:
            return Trained(method, self.device, key, {"steps": 0, "seconds": 0.0}, None, channels)
        found = self._checkpoint(key)
        # The key of sources does not say which of their cases were for training: the checkpoint does.
        if found is not None and found.report.get("sources", "") == spec.sources_split:
            _check_steps(method, found.report["steps"])
            method.load_state_dict(found.state)
            kept = (key, f"{key}.safetensors", self.sha256_of(key) or "")
            return Trained(method, self.device, key, {**found.report, "reused": 1}, kept, channels)
        record, checkpoint = self._train(method, key, panels, spec.sources_split)
        return Trained(method, self.device, key, record, checkpoint, channels)

    def _train(
        self, method: SSLMethod, key: str, panels: list[Panel], sources_split: str
    ) -> tuple[dict[str, Any], tuple[str, str, str] | None]:
        sources = [Batch.from_panel(panel, self.device, labels=method.supervised) for panel in panels]
        report = training.fit(method, sources, seed_everything(key, "fit"), self.progress)
        _check_steps(method, report.steps)
        name = type(method).__name__
        prepared = [method.prepare(source) for source in sources]
        diagnosis = returned(method.diagnose(prepared), Diagnosis, f"{name}.diagnose")
        record = {
            "steps": report.steps,
            "seconds": report.seconds,
            "curve": report.curve,
            "diagnosis": check_numbers(f"{name}.diagnose", diagnosis.values),
            "warnings": list(diagnosis.warnings),
            "sources": sources_split,
        }
        if self.checkpoint_folder is None:
            return record, None
        checkpoint = checkpoints.Checkpoint(dict(method.state_dict()), record)
        try:
            name, sha256 = checkpoints.save(self.checkpoint_folder, key, checkpoint)
        except StoreError as error:  # what was trained is here all the same
            return {**record, "warnings": [*diagnosis.warnings, f"the weights are not kept: {error}"]}, None
        return record, (key, name, sha256)

    def _checkpoint(self, key: str) -> checkpoints.Checkpoint | None:
        if self.checkpoint_folder is None:
            return None
        return checkpoints.load(self.checkpoint_folder, key, self.sha256_of(key), self.device)

    def _component(self, kind: str, name: str) -> type[Any]:
        cls: type[Any] = self.plugins[kind].get(name)
        return cls


def _check_steps(method: SSLMethod, steps: int) -> None:
    """Raise MethodError where a method that trains made no step: its row would be its untrained twin's."""
    if method.trains and not steps:
        raise MethodError(
            f"{type(method).__name__} trained no step: its parameters leave none; raise those that count its steps or "
            "epochs, or run the untrained twin, random:METHOD"
        )


def _labels(panel: Panel) -> Any:
    assert panel.y is not None
    return panel.y


def _fit(
    spec: RunSpec, probe: Probe, method: SSLMethod | None, train: Any, validation: Any, result: Result
) -> Predictor:
    """Fit a probe, seeded, and note what it chose."""
    name = f"probe {spec.protocol.probe}"
    rng = np.random.default_rng(seed_everything(spec.key, "probe"))
    with _timed(result, "probe"):
        predictor = returned(probe.fit(method, train, validation, rng), Predictor, f"{name}, fit")  # type: ignore[type-abstract]
    details = check_numbers(f"{name}, details", predictor.details())
    result.facts.update({f"probe_{key}": value for key, value in details.items()})
    return predictor


def _fail(result: Result, status: Any, error: BaseException, packages: set[str]) -> None:
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


@contextlib.contextmanager
def _timed(result: Result, stage: str) -> Iterator[None]:
    started = clock.work_seconds()
    yield
    result.durations[stage] = result.durations.get(stage, 0.0) + clock.work_seconds() - started
