"""One run, step by step: load, fold, pre-train, represent, decide, score."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tsbench.data.copies import same_cases
from tsbench.data.dataset import Data
from tsbench.data.join import widened
from tsbench.data.panel import CASE, Panel
from tsbench.data.scale import Scale, other_unit
from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchWarning, UsageError
from tsbench.learning.clock import timed
from tsbench.learning.learner import Learner
from tsbench.learning.loop import Progress
from tsbench.learning.selection import LAST, asked_of
from tsbench.measure.decider import Decider, Explainable
from tsbench.measure.folds import Parts, Preparation, choose_fold, divide, preparation
from tsbench.measure.imputation import Windows, hidden_values, impute, windows
from tsbench.measure.load import find, load
from tsbench.measure.newcomers import check_steps, fitted
from tsbench.measure.pretrain import Checkpoints, Pretrained, own_panels, pretrain, source_panels, warn_anew
from tsbench.measure.probe import Judge, classify
from tsbench.measure.represent import WithStatic
from tsbench.measure.retrieval import Gallery, retrieve, with_text
from tsbench.methods.capabilities import fits_itself
from tsbench.methods.probe import Features
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.store.vectors import VectorFiles
from tsbench.tasks.base import Answer
from tsbench.tasks.score import Predictions, metrics_of, predictions_of
from tsbench.text import first_few


@dataclass
class Shared:
    """What the runs of a process share: the last dataset, fold and trained method stay for the next run."""

    plugins: Plugins
    device: str
    checkpoints: Checkpoints
    progress: Progress | None = None
    _last: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def remember(self, slot: str, key: Any, make: Callable[[], Any]) -> Any:
        """Return what a slot holds for this key, making it anew (and dropping the old first) when it holds another."""
        if slot not in self._last or self._last[slot][0] != key:
            self._last.pop(slot, None)
            self._last[slot] = (key, make())
        return self._last[slot][1]

    def forget(self) -> None:
        """Give the memory back."""
        self._last.clear()


class Run:
    """One run under way. A step is taken when a later one needs it; what others made is shared.

    again : the run was done before; a training that has to be done once more is warned of.

    Raises UsageError and the like where what it is made of cannot be had.
    """

    def __init__(self, spec: RunSpec, shared: Shared, again: bool = False) -> None:
        self.spec, self.shared, self.again = spec, shared, again
        self.made = find(spec, shared.plugins)

    @cached_property
    def data(self) -> Data:
        """The data, checked against the plan."""
        spec = self.spec
        which = (spec.reference, spec.fingerprint, spec.permuted)  # two datasets may differ in their groups alone

        def read() -> tuple[Data, list[str]]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", TsbenchWarning)
                data = load(self.made.handle, spec.fingerprint, spec.part_of, spec.permuted)
            return data, [str(one.message) for one in caught if issubclass(one.category, TsbenchWarning)]

        data: Data
        data, said = self.shared.remember("data", which, read)
        for text in said:  # in the row of every run on this data, not of the first alone
            warnings.warn(text, TsbenchWarning, stacklevel=1)
        return data

    @cached_property
    def parts(self) -> Parts:
        """The prepared parts of the fold."""
        spec, protocol = self.spec, self.spec.protocol
        planned = spec.reference, spec.fingerprint, spec.group, spec.fold, spec.normalisation, spec.split
        key = (*planned, protocol.split, protocol.transforms, spec.permuted)
        data = self.data  # in its slot before the old fold is dropped

        def cut() -> Parts:
            split = "" if spec.part_of is not None else spec.split
            chosen = choose_fold(self.made.handle, data, protocol, spec.fold, split)
            train, transforms = chosen.fold.train, protocol.transforms

            def prepare(panel: Panel) -> Preparation:
                return preparation(panel, train, spec.normalisation, transforms, self.shared.plugins)

            return divide(key, data, chosen, prepare, protocol.condition, self.made.corrupter, self.made.trainer)

        parts: Parts = self.shared.remember("parts", (key, protocol.condition), cut)
        return parts

    @cached_property
    def trained(self) -> Pretrained:
        """The trained method, from a checkpoint where there is one."""
        spec, made, shared = self.spec, self.made, self.shared
        own, cases, unlabelled = own_panels(self.parts, made.method.supervised, "text" in made.method.reads)
        taught = spec.protocol.condition.in_training
        corruption = "" if taught is None else taught.drawn()
        chosen = self.parts.fold.validation if asked_of(made.settings.params)[0] != LAST else None
        key = spec.pretrain_key(cases, corruption, unlabelled, chosen)

        def make() -> Pretrained:
            learner = Learner.of(spec.method, made.method, made.settings, device=shared.device)
            transforms = spec.protocol.transforms
            asked = transforms, shared.plugins, spec.permuted
            panels = [panel for source in spec.sources for panel in source_panels(source, *asked)]
            learner.build([panel.shape for panel in panels or own], key)
            self._check_channels(learner)  # before any training
            return pretrain(
                learner,
                panels or own,
                shared.checkpoints,
                spec.sources_split,
                shared.progress,
                self.parts.selection,
                self.again,
            )

        trained: Pretrained = shared.remember("method", (key, spec.sources_split), make)
        self._check_channels(trained.learner)
        return trained

    @cached_property
    def weights(self) -> str:
        """What decides: a "checkpoint", or weights "trained anew", "fitted anew" (none are kept) or "untrained"."""
        if fits_itself(self.made.method):
            warn_anew(f"{self.spec.method} keeps no checkpoint: it is fitted anew")
            return "fitted anew"
        if self.trained.learner.untrained:
            return "untrained"
        return "checkpoint" if self.trained.reused else "trained anew"

    def _check_channels(self, learner: Learner) -> None:
        """Raise MethodError where a method trained on these panels could not encode the series of this fold."""
        learner.check_channels(self.parts.test.n_channels, self.spec.dataset)

    @property
    def _appends(self) -> bool:
        """Say whether the probe is given static values."""
        return self.spec.protocol.static == "append"

    @property
    def _learns_unlabelled(self) -> bool:
        """Say whether the method would be trained on cases without labels of the dataset."""
        spec, cls = self.spec, self.made.method
        return not (fits_itself(cls) or cls.supervised or spec.untrained or spec.sources or "text" in cls.reads)

    def test_features(self) -> Features:
        """Return the frozen features of the test part with its labels."""
        parts = self.parts
        return Features(self.trained.features.of(parts, "test"), parts.y_test, parts.n_classes, parts.task.name)

    def explainable(self) -> Explainable:
        """Return the scores of the run as a differentiable function; raises UsageError where they are none."""
        name, made, protocol = self.spec.method, self.made, self.spec.protocol
        if fits_itself(made.method):
            raise UsageError(f"{name} fits itself and has no gradient: take a net, or features under a linear probe")
        if self.spec.imputes:
            raise UsageError(f"{name} fills in missing values here and decides nothing: take another protocol")
        if self.spec.retrieves:
            raise UsageError(f"{name} retrieves here and decides nothing: take another protocol")
        learner, parts, head = self.trained.learner, self.parts, None
        if made.probe is not None:
            if made.probe.needs != "features" or self._appends:
                raise UsageError(f"protocol '{protocol.name}' has more than features under its probe: take a plain one")
            judge = Judge(f"probe {protocol.probe}", made.probe, self.spec.key, {})
            head = judge.fitted(self.trained.features, parts).linear()
            if head is None:
                raise UsageError(f"probe {protocol.probe} is not linear in the features: take ridge, linear or own")
        untrained = learner.untrained_twin()
        return Explainable(
            Decider(learner.method, head),
            Decider(untrained.method, head),
            parts.test,
            parts.fold.test,
            self.data.panel.case_names(),
            parts.train.classes,
            parts.task.name,
            learner.device,
            name,
        )

    def windows(self) -> Windows:
        """Return cases of the test part as they were and with what was hidden filled in, of a protocol that hides."""
        return windows(self.trained.learner, self.parts)

    def gallery(self) -> Gallery:
        """Return the cases of the dataset that have a text, beside what finds them."""
        files = VectorFiles(self.shared.checkpoints.folder, self.spec.key, self.spec.fingerprint)
        return Gallery(self.trained.learner, self.parts, self.data.panel, set(self.made.method.reads), files)

    def predict(self, panel: Panel, name: str) -> Answer:
        """Decide on cases of other data, called `name`, in place of the test part: `fitted`, then prepared as it is.

        What corrupts the test part does not reach them. Raises InvalidDataError where they do not match.
        """
        parts = self.parts
        assert parts.prepare is not None
        like = self.data.panel
        needs = {*self.made.method.reads, *(["static"] if self._appends else [])}
        panel, said = fitted(panel.without_labels(), like, name, needs)
        for text in filter(None, [*said, *self._told(panel, name)]):
            warnings.warn(text, TsbenchWarning, stacklevel=2)
        if not fits_itself(self.made.method):
            check_steps(panel, self.trained.learner.method.most_steps, name, self.spec.method)
        if bool((like.lengths < like.n_timepoints).any()):  # what is tied to the longest case has met shorter ones
            panel = widened(panel, like.n_timepoints)
        key = (parts.key, name, panel.fingerprint())
        self.parts = replace(parts, key=key, test=parts.prepare(panel), y_test=None, missing={})
        _ = self.weights  # which later steps no longer tell
        return self._decide(Result(self.spec, "succeeded"))

    def _told(self, panel: Panel, name: str) -> list[str]:
        """Return what is to be said of cases of other data, beside the training cases."""
        parts, train = self.parts, self.data.panel.select(self.parts.fold.train)
        assert parts.prepare is not None
        said = [*Scale.of(train).told(panel, name), other_unit(panel, parts.prepare.statistics, name)]
        if parts.prepare.statics is not None and panel.static is not None:
            said += [f"{name}: {text}" for text in parts.prepare.statics.unknown(panel)]
        if len(same := same_cases(panel, train)):
            names = panel.case_names()
            said.append(
                f"{name}: {len(same)} of {len(panel)} cases are cases that the run was trained on: "
                f"{first_few([names[case] for case in same])}; what it says of them, and metrics over them, flatter"
            )
        return said

    def measure(self, result: Result) -> None:
        """Take all steps, and write what came of them into the result."""
        with timed(result.durations, "load"):
            parts = self.parts
        result.facts.update(n_train=len(parts.train), n_labelled=len(parts.labelled), n_test=len(parts.test))
        result.facts.update(parts.missing)
        if parts.unlabelled is not None:
            result.facts["n_unlabelled"] = len(parts.unlabelled)
        apart = parts.apart if self._learns_unlabelled else ""
        for text in filter(None, [*parts.unseen, parts.idle, apart]):
            warnings.warn(text, TsbenchWarning, stacklevel=1)
        if self._appends or "static" in self.made.method.reads:
            for text in parts.unknown:
                warnings.warn(text, TsbenchWarning, stacklevel=1)
        if self.spec.imputes:
            result.predictions = self._impute(result)
            result.metrics = _defined(metrics_of(result.predictions), "hidden values")
            return
        if self.spec.retrieves:
            result.predictions = self._retrieve(result)
            result.metrics = _defined(metrics_of(result.predictions), "texts")
            return
        answer, classes = self._decide(result), parts.train.classes
        result.predictions = predictions_of(
            parts.task.name, parts.fold.test, parts.y_test, answer, classes, parts.test.meta.get(CASE)
        )
        result.metrics = _defined(metrics_of(result.predictions), "labels")

    def _impute(self, result: Result) -> Predictions:
        """Fill in what is hidden of the test part, which is looked for before any training."""
        hidden = hidden_values(self.parts)
        result.facts.update(n_hidden=hidden.total, n_scored=len(hidden.values))
        metric, _ = asked_of(self.made.settings.params)
        if metric != LAST and self.parts.fold.validation is not None:
            said = f"select={metric}: decisions chose the state, of which the values it fills in are measured; "
            warnings.warn(f"{said}select=last (and plateau=none) takes the last", TsbenchWarning, stacklevel=2)
        self.trained.describe(result)
        with timed(result.durations, "predict"):
            return impute(self.trained.learner, self.parts, hidden)

    def _retrieve(self, result: Result) -> Predictions:
        """Find the texts of the test part by its series, and its series by their texts."""
        result.facts["n_without_text"] = len(self.parts.test) - len(with_text(self.parts.test))
        self.trained.describe(result)
        with timed(result.durations, "predict"):
            return retrieve(self.trained.learner, self.parts, self.spec.protocol.rerank)

    def _decide(self, result: Result) -> Answer:
        """Decide on the test part, by the method's own rule or by the probe."""
        spec, made = self.spec, self.made
        if fits_itself(made.method):
            return classify(spec.method, made.method(made.settings), self.parts, spec.key, result.durations)
        self.trained.describe(result)
        if made.probe is None:
            with timed(result.durations, "predict"):
                return self.trained.learner.predict_prepared(self.parts.test)
        judge = Judge(f"probe {spec.protocol.probe}", made.probe, spec.key, result.durations, self.shared.progress)
        features = self.trained.features
        answer, facts = judge.decide(WithStatic(features) if self._appends else features, self.parts)
        result.facts.update(facts)
        return answer


def _defined(metrics: dict[str, float], of: str) -> dict[str, float]:
    """Return the metrics that are numbers, and warn of the others; of : what is predicted."""
    undefined = [name for name, value in metrics.items() if math.isnan(value)]
    if undefined:
        said = f"{', '.join(undefined)}: left out, since the {of} of the test part do not vary"
        warnings.warn(said, TsbenchWarning, stacklevel=2)
    return {name: value for name, value in metrics.items() if name not in undefined}
