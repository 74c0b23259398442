"""Runs with what a study found best."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import optuna
from optuna.storages import RDBStorage

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.plan.request import Plan
from tsbench.plan.spec import NO_PARAMETERS, RunSpec
from tsbench.store.store import Store
from tsbench.tasks import metric_for
from tsbench.text import command_line
from tsbench.tune.space import settings_of, tunable
from tsbench.tune.storage import best, ended, find_study, name_on_split, open_studies, study_name


def tuned_plan(
    plan: Plan, store: Store, plugins: Plugins, metric: str | None, fixed: Collection[str]
) -> tuple[Plan, list[str]]:
    """Do what `with_tuned` does from a store's studies, by the primary metric of their task where none is named.

    Raises UsageError as well for a metric that is none, or not of a run's task.
    """
    metric = metric_for({spec.dataset: spec.task for spec in plan.specs}, metric)
    with open_studies(store) as storage:
        return with_tuned(plan, storage, plugins, metric, fixed)


def with_tuned(
    plan: Plan, storage: RDBStorage, plugins: Plugins, metric: str, fixed: Collection[str]
) -> tuple[Plan, list[str]]:
    """Give each run of a plan the best parameters of its study, and say which studies are unfinished.

    A run's label becomes "trls[tuned=20]", 20 being the trials its study was asked for, or "trls[tuned=2of20]" where
    fewer have ended: the parameters differ from dataset to dataset, the label does not. What it says of the trials also
    enters the run's key, so that a tuned row is whole where the best parameters are the defaults. Runs of methods that
    declare nothing to tune (floors) stay as they are.

    Raises UsageError where a study is missing or none of its trials succeeded, naming the command that makes it.
    """
    specs, notes, missing, otherwise = [], [], [], list[str]()
    for spec in plan.specs:
        settings = None if spec.method != spec.base_method else settings_of(spec, spec.params, plugins)
        if settings is None or not tunable(settings):
            specs.append(spec)
            continue
        if spec.sources:
            raise UsageError("--tuned with --pretrain-on: a search pre-trains on the target's own training part")
        name = name_on_split(spec, storage, plugins, metric, fixed)
        study = find_study(name, storage)
        trial = best(study) if study is not None else None
        if study is None or trial is None:
            missing.append(spec)
            plain = study_name(spec, plugins, metric, fixed)
            otherwise += [] if name == plain else [plain]
            continue
        budget, count = int(study.user_attrs.get("trials", 0)), len(ended(study))
        if count < budget:
            notes.append(f"{study.study_name} has {count} of {budget} trials; 'tsbench tune' goes on with it")
        specs.append(_tuned(spec, trial.params, budget_text(study), metric, plugins))
    if missing:
        why = f"{otherwise[0]} was made when the data was split otherwise; " if otherwise else ""
        raise UsageError(why + _remedy(missing, metric))
    if specs and not any(spec.tuned is not None for spec in specs):
        raise UsageError("--tuned: none of these methods declares a parameter to tune")
    return replace(plan, specs=specs), sorted(set(notes))


def budget_text(study: optuna.Study) -> int | str:
    """Return the trials that a study was asked for; "2of20" where fewer have ended."""
    budget, count = int(study.user_attrs.get("trials", 0)), len(ended(study))
    return budget if count >= budget else f"{count}of{budget}"


def _tuned(spec: RunSpec, found: Mapping[str, Any], budget: int | str, metric: str, plugins: Plugins) -> RunSpec:
    settings = settings_of(spec, {**spec.params, **found}, plugins)
    return replace(
        spec,
        params=settings.flat(),
        neutral_keys=settings.neutral_keys(),
        planned=spec.identity()["params"],
        tuned=budget if metric == "accuracy" else f"{budget}:{metric}",
    )


def _remedy(missing: list[RunSpec], metric: str) -> str:
    """Say which studies there are not, and the command that makes them."""
    first = missing[0]
    words = ["tsbench", "tune", "--method", ",".join(dict.fromkeys(spec.method for spec in missing))]
    words += ["--dataset", ",".join(dict.fromkeys(spec.dataset_ref or spec.dataset for spec in missing))]
    words += ["--protocol", ",".join(dict.fromkeys(spec.protocol.name for spec in missing))]
    for key, value in sorted(first.overrides.items()):
        words += [] if key in NO_PARAMETERS else ["--set", f"{key}={value}"]
    words += [] if metric == "accuracy" else ["--metric", metric]
    return f"{len(missing)} of these runs have no study with a completed trial; make them: {command_line(words)}"
