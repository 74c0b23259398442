"""The search: trials of a study, each scored by ordinary runs within the training part."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from tsbench.errors import UsageError
from tsbench.identity import stage_seed
from tsbench.plugins import Plugins
from tsbench.run.spec import RunSpec
from tsbench.run.worker import Worker
from tsbench.tune.inner import NAME, Inner, training_part
from tsbench.tune.space import Dimension, search_space, settings_of
from tsbench.tune.storage import ended, fail_stale, quiet, retry, seconds, study_name

# The first trials of a study are compared with too few others to be given up early.
PRUNE_AFTER = 5


class TrialFailedError(Exception):
    """A trial could not be scored; the reason is with the trial."""


@dataclass(frozen=True)
class Search:
    """A study and all that scoring one of its trials takes."""

    spec: RunSpec
    study: optuna.Study
    storage: RDBStorage
    dimensions: Sequence[Dimension]
    inner: Inner
    seeds: Sequence[int]
    metric: str
    worker: Worker

    def run(self, n_trials: int, limit: float, report: Callable[[FrozenTrial], None]) -> None:
        """Try until the study has n_trials, those made earlier or by other processes included.

        limit : seconds; no further trial starts once the study's trials took as long. report is told of each trial.
        KeyboardInterrupt ends the trial under way, which the next search does again, and passes through.
        """
        self.study.set_user_attr("trials", max(n_trials, self.study.user_attrs.get("trials", 0)))
        fail_stale(self.study, self.storage)
        with quiet():
            while not self._enough(n_trials) and seconds(self.study) < limit:
                self.study.optimize(
                    self._score, n_trials=1, catch=(TrialFailedError,), callbacks=[lambda _, trial: report(trial)]
                )

    def running(self) -> int:
        """Return how many trials other processes have under way."""
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def _enough(self, n_trials: int) -> bool:
        return len(ended(self.study)) + self.running() >= n_trials

    def _score(self, trial: optuna.Trial) -> float:
        try:
            params = {one.key: one.suggest(trial) for one in self.dimensions}
            scores: list[float] = []
            steps = [(seed, fold) for seed in self.seeds for fold in range(self.inner.n_folds)]
            for step, (seed, fold) in enumerate(steps):
                scores.append(self._run(params, fold, seed))
                trial.report(math.fsum(scores) / len(scores), step)
                if step + 1 < len(steps) and trial.should_prune():
                    raise optuna.TrialPruned
            return math.fsum(scores) / len(scores)
        except TrialFailedError as error:
            trial.set_user_attr("error", str(error))
            raise
        except KeyboardInterrupt:
            trial.set_user_attr("interrupted", True)
            frozen = next(one for one in self.study.get_trials() if one.number == trial.number)
            retry(self.study, frozen)
            raise

    def _run(self, params: Mapping[str, Any], fold: int, seed: int) -> float:
        try:
            chosen = settings_of(self.spec, {**self.spec.params, **params}, self.worker.plugins)
        except UsageError as error:
            raise TrialFailedError(str(error)) from None
        spec = replace(
            self.spec,
            params=chosen.flat(),
            neutral_keys=chosen.neutral_keys(),
            fingerprint=self.inner.fingerprint,
            protocol=self.inner.protocol,
            group=None,
            fold=fold,
            seed=seed,
            overrides={},
            dataset_ref=NAME,
        )
        result = self.worker.run(spec)
        if result.status != "succeeded":
            raise TrialFailedError(result.error)
        value = result.metrics[self.metric]
        if not math.isfinite(value):
            raise TrialFailedError(f"{self.metric} is not defined on the validation part")
        return value


def open_search(
    spec: RunSpec,
    storage: RDBStorage,
    plugins: Plugins,
    device: str,
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
    if spec.untrained:
        raise UsageError(f"{spec.method}: tune {spec.base_method}; the untrained twin is a floor")
    settings = settings_of(spec, spec.params, plugins)
    dimensions = search_space(settings, fixed, spaces, spec.method)
    inner = training_part(spec, plugins)
    name = study_name(spec, metric, fixed)
    # Nothing of the test part enters: not even its fingerprint.
    sampler = SeededByTrial(f"{spec.method}:{inner.fingerprint}:{inner.protocol.hash()}:{metric}")
    about = {"space": [one.as_json() for one in dimensions], "seeds": list(seeds), "inner_folds": inner.n_folds}
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize", sampler=sampler)
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler)
        _check_same(study, about)
    else:
        for key, value in {**about, "metric": metric, "label": spec.label}.items():
            study.set_user_attr(key, value)
        defaults = settings.flat()
        study.enqueue_trial({one.key: defaults[one.key] for one in dimensions if one.holds(defaults[one.key])})
    study.pruner = MedianPruner(n_startup_trials=PRUNE_AFTER, n_warmup_steps=0)
    return Search(spec, study, storage, dimensions, inner, seeds, metric, Worker(inner.plugins, device))


def _check_same(study: optuna.Study, about: Mapping[str, Any]) -> None:
    for key, value in about.items():
        known = study.user_attrs.get(key, value)  # another process may be about to write it
        if known != value:
            raise UsageError(
                f"study {study.study_name} was begun with other {key}: {known}, now {value}; their scores must not be "
                "compared. Give the same, use another --store, or delete the study in 'tsbench dashboard'"
            )


class SeededByTrial(BaseSampler):
    """TPE whose seed is that of the trial's number: a resumed search goes on as one that was never interrupted.

    Processes beside each other draw differently, since no two trials of a study have one number.
    """

    def __init__(self, key: str) -> None:
        self.key, self._tpe = key, TPESampler(seed=0)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin a trial with its own seed."""
        with quiet():
            self._tpe = TPESampler(seed=stage_seed(self.key, f"trial {trial.number}") % 2**32, constant_liar=True)
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
