"""A search: a study and its trials, each scored by ordinary runs within the training part."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from tsbench.discovery.plugins import Plugins
from tsbench.errors import StoreError, UsageError
from tsbench.identity import stage_seed
from tsbench.measure.training_part import Inner, training_part
from tsbench.plan.datasets import open_dataset
from tsbench.plan.result import Result
from tsbench.plan.spec import RunSpec
from tsbench.tasks import METRICS
from tsbench.tasks.calibration import CALIBRATION
from tsbench.tune.space import Dimension, search_space, settings_of
from tsbench.tune.storage import (
    HEARTBEAT_SECONDS,
    ended,
    fail_stale,
    find_study,
    name_on_split,
    quiet,
    retry,
    seconds,
    sound,
    study_name,
)

# The first trials of a study are compared with too few others to be given up early.
PRUNE_AFTER = 5


@dataclass(eq=False)
class Search:
    """A study and all that scoring one of its trials takes.

    instead_of : the study whose place it takes, since that was made when the data was split otherwise; "" for none.
    """

    spec: RunSpec
    study: optuna.Study
    storage: RDBStorage
    dimensions: Sequence[Dimension]
    inner: Inner
    seeds: Sequence[int]
    metric: str
    plugins: Plugins
    instead_of: str = ""
    _revived: float = field(default=-math.inf, init=False)

    def open(self, n_trials: int) -> None:
        """Note how many trials are wanted, and queue anew those of processes that died."""
        self.study.set_user_attr("trials", max(n_trials, self.study.user_attrs.get("trials", 0)))
        self.revive()

    def revive(self) -> None:
        """Queue the trials of processes that died anew."""
        fail_stale(self.study, self.storage)
        self._revived = time.monotonic()

    def wants(self, n_trials: int, limit: float) -> bool:
        """Say whether a further trial is to begin: earlier ones and those of other processes count.

        limit : seconds that the study's trials may take together before no further one begins.
        """
        if time.monotonic() - self._revived > HEARTBEAT_SECONDS:
            self.revive()
        return len(ended(self.study)) + self.running() < n_trials and seconds(self.study) < limit

    def running(self) -> int:
        """Return how many trials are under way, those of other processes included."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def begin(self) -> Attempt:
        """Ask the study for a trial."""
        with quiet():
            trial = self.study.ask()
            self.storage.record_heartbeat(trial._trial_id)
            return Attempt(self, trial, {one.key: one.suggest(trial) for one in self.dimensions})

    def run_spec(self, params: Mapping[str, Any], seed: int, fold: int) -> RunSpec:
        """Return the run that scores parameters on an inner fold; raises UsageError where they do not go together."""
        chosen = settings_of(self.spec, {**self.spec.params, **params}, self.plugins)
        return replace(
            self.spec,
            params=chosen.flat(),
            neutral_keys=chosen.neutral_keys(),
            fingerprint=self.inner.fingerprint,
            protocol=self.inner.protocol,
            split="",
            group=None,
            fold=fold,
            seed=seed,
            overrides={},
            part_of=self.spec,
        )


class Attempt:
    """A trial under way: `spec` is its next run, one per seed and inner fold; None when the trial has ended.

    Another process ends it when this one gave no sign of life for too long; what comes of it here is then dropped.
    """

    def __init__(self, search: Search, trial: optuna.Trial, params: Mapping[str, Any]) -> None:
        self.search, self.trial, self.params = search, trial, params
        self.spec: RunSpec | None = None
        self.losses = 0
        self._scores: list[float] = []
        self._steps = [(seed, fold) for seed in search.seeds for fold in range(search.inner.n_folds)]
        self._plan_next()

    def take(self, result: Result) -> None:
        """Note the score of a run; the trial ends when it was the last, failed, or leaves the trial behind others."""
        value = result.metrics.get(self.search.metric, math.nan)
        if result.status != "succeeded":
            self.fail(result.error)
        elif not math.isfinite(value):
            uncertain = self.search.metric in (metric.name for metric in CALIBRATION)
            why = "needs scores that are probabilities" if uncertain else "is not defined on the validation part"
            self.fail(f"{self.search.metric} {why}")
        else:
            with self._unless_ended_elsewhere():
                self._score(value)

    def fail(self, error: str) -> None:
        """End the trial as one that could not be scored; it counts."""
        with self._unless_ended_elsewhere():
            self.trial.set_user_attr("error", error)
            self._end(TrialState.FAIL)

    def interrupt(self) -> None:
        """End the trial, to be done again by the next search."""
        with self._unless_ended_elsewhere():
            begun = self.frozen()
            self.trial.set_user_attr("interrupted", True)
            retry(self.search.study, begun)
            self._end(TrialState.FAIL)

    def frozen(self) -> FrozenTrial:
        """Return the trial as the study has it."""
        return self.search.storage.get_trial(self.trial._trial_id)

    def _score(self, value: float) -> None:
        self._scores.append(value)
        mean, step = math.fsum(self._scores) / len(self._scores), len(self._scores) - 1
        self.trial.report(mean, step)
        if len(self._scores) == len(self._steps):
            self._end(TrialState.COMPLETE, mean)
        elif self.trial.should_prune():
            self._end(TrialState.PRUNED)
        else:
            self._plan_next()

    @contextlib.contextmanager
    def _unless_ended_elsewhere(self) -> Iterator[None]:
        try:
            yield
        except optuna.exceptions.UpdateFinishedTrialError:
            self.spec = None
        except KeyError as error:
            name = self.search.study.study_name
            raise StoreError(f"study {name} has lost trial {self.trial.number}, which was under way") from error

    def _plan_next(self) -> None:
        seed, fold = self._steps[len(self._scores)]
        try:
            self.spec = self.search.run_spec(self.params, seed, fold)
        except UsageError as error:
            self.fail(str(error))

    def _end(self, state: TrialState, value: float | None = None) -> None:
        self.spec = None
        with quiet():
            self.search.study.tell(self.trial, value, state, skip_if_finished=True)


def check_searches(
    specs: Iterable[RunSpec],
    storage: RDBStorage,
    plugins: Plugins,
    metric: str,
    seeds: Sequence[int],
    fixed: Collection[str],
    spaces: Mapping[str, str],
) -> None:
    """Raise the UsageError that `open_search` would raise for one of these, before any of them is worked on."""
    for spec in specs:
        space = [one.as_json() for one in _dimensions(spec, plugins, fixed, spaces)]
        study = find_study(name_on_split(spec, storage, plugins, metric, fixed), storage)
        if study is not None:
            _check_same(study, {"space": space, "seeds": list(seeds)})


def open_search(
    spec: RunSpec,
    storage: RDBStorage,
    plugins: Plugins,
    metric: str = "accuracy",
    seeds: Sequence[int] = (0,),
    fixed: Collection[str] = (),
    spaces: Mapping[str, str] | None = None,
) -> Search:
    """Open the study that tunes a planned run, making it where there is none.

    Its first trial is the defaults, as far as they lie in the space.

    Raises UsageError where there is nothing to tune, or the study was begun with other seeds or another space, whose
    scores must not be compared; InvalidDataError where the training part is too small.
    """
    dimensions = _dimensions(spec, plugins, fixed, spaces)
    inner = training_part(spec, open_dataset(spec.reference, plugins, ""))
    name = name_on_split(spec, storage, plugins, metric, fixed)
    # Nothing of the test part enters: not even its fingerprint.
    sampler = SeededByTrial(f"{spec.method}:{inner.fingerprint}:{inner.protocol.hash()}:{metric}")
    direction: Literal["maximize", "minimize"] = "maximize" if METRICS[metric].better == "high" else "minimize"
    about = {"space": [one.as_json() for one in dimensions], "seeds": list(seeds), "inner_folds": inner.n_folds}
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction=direction, sampler=sampler)
        study.set_user_attr("split", spec.split)  # first: a study with a space and no split is one of before
    except optuna.exceptions.DuplicatedStudyError:
        study = sound(optuna.load_study(study_name=name, storage=storage, sampler=sampler))
        _check_same(study, about)
    else:
        about["fixed"] = {key: spec.params[key] for key in fixed if key in spec.params}
        for key, value in {**about, "metric": metric, "label": spec.label}.items():
            study.set_user_attr(key, value)
        study.enqueue_trial({one.key: spec.params[one.key] for one in dimensions if one.holds(spec.params[one.key])})
    study.pruner = MedianPruner(n_startup_trials=PRUNE_AFTER, n_warmup_steps=0)
    plain = study_name(spec, plugins, metric, fixed)
    return Search(spec, study, storage, dimensions, inner, seeds, metric, plugins, "" if name == plain else plain)


def _dimensions(
    spec: RunSpec, plugins: Plugins, fixed: Collection[str], spaces: Mapping[str, str] | None
) -> list[Dimension]:
    if spec.method != spec.base_method:
        what = "a method on shuffled series is a control" if spec.permuted else "the untrained twin is a floor"
        raise UsageError(f"{spec.method}: tune {spec.base_method}; {what}")
    return search_space(settings_of(spec, spec.params, plugins), fixed, spaces, spec.method)


def _check_same(study: optuna.Study, about: Mapping[str, Any]) -> None:
    for key, value in about.items():
        known = study.user_attrs.get(key, value)  # another process may be about to write it
        if known != value:
            raise UsageError(
                f"study {study.study_name} was begun with other {key}: {known}, now {value}; their scores must not be "
                "compared. Give the same, use another --store, or delete the study in 'tsbench dashboard'"
            )


class SeededByTrial(BaseSampler):
    """TPE seeded anew by each trial's place: a resumed search goes on as one that was never interrupted.

    The place is the number of trials before it, without those that a later one does again. Processes beside each other
    draw differently, since no two trials that are not done again have one place.
    """

    def __init__(self, key: str) -> None:
        self.key, self._tpe = key, TPESampler(seed=0)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin a trial with its own seed."""
        trials = study.get_trials(deepcopy=False)
        done_again = {number for one in trials for number in one.system_attrs.get("retry_history", ())}
        place = sum(one.number < trial.number and one.number not in done_again for one in trials)
        with quiet():
            self._tpe = TPESampler(seed=stage_seed(self.key, f"trial {place}") % 2**32, constant_liar=True)
        self._tpe.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Pass on."""
        self._tpe.after_trial(study, trial, state, values)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Pass on."""
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Pass on."""
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Pass on."""
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)
