"""The study that a tuned run's parameters come from."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from tsbench.data.splits import same_split
from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchError
from tsbench.identity import digest
from tsbench.methods.params import Settings, resolve
from tsbench.methods.weights import without_place
from tsbench.plan.spec import NO_PARAMETERS, RunSpec
from tsbench.protocol import Protocol
from tsbench.store.store import Store
from tsbench.tune.space import search_space
from tsbench.tune.storage import best_of, ended, load_study, open_studies, study_name
from tsbench.tune.tables import study_names
from tsbench.tune.tuned import budget_text


@dataclass(frozen=True)
class Origin:
    """What the command that makes a study anew needs.

    trials : how many had ended when the run took the best. fixed : {key: value} of the parameters given by --set.
    spaces : {key: text as --space takes it} of those that are searched elsewhere than where they are declared.
    """

    trials: int
    seeds: list[int]
    fixed: Mapping[str, Any]
    spaces: Mapping[str, str]


def study_of(run: Mapping[str, Any], metric: str, store: Store, plugins: Plugins) -> tuple[Origin | None, list[str]]:
    """Return the study behind a stored run, None where the store has it not, and what its repetition may differ by."""
    spec = run["spec"]
    prefix = f"{spec['method']}.{spec['dataset']}.{spec['protocol']['name']}.fold{spec['fold']}."
    names = [name for name in study_names(store) if name.startswith(prefix)]
    if names:
        with open_studies(store) as storage:
            for study in (load_study(name, storage) for name in names):
                about = study.user_attrs
                fixed = about.get("fixed", {k: v for k, v in spec["overrides"].items() if k not in NO_PARAMETERS})
                settings = _settings(spec, fixed, plugins)
                planned = _planned(spec, settings, run["method_version"])
                trials = min(int(_budget(spec).partition("of")[0]), len(ended(study)))
                name = study_name(planned, plugins, metric, fixed)
                here = study.study_name in (name, f"{name}.{digest(run['split'])[:8]}")
                if here and same_split(about.get("split"), run["split"]) and _gave(study, trials, spec, planned):
                    spaces = _spaces(about["space"], settings, fixed)
                    return Origin(trials, about["seeds"], fixed, spaces), list(_differences(study, spec, trials))
    return None, ["its study is not in this store: make it anew with 'tsbench tune', the options being those of then"]


def _settings(spec: Mapping[str, Any], fixed: Mapping[str, Any], plugins: Plugins) -> Settings:
    def find(kind: str, name: str) -> type[Any]:
        found: type[Any] = plugins[kind].get(name)
        return found

    return resolve(plugins["methods"].get(spec["method"]).Params, fixed, find, spec["method"])


def _planned(spec: Mapping[str, Any], settings: Settings, method_version: int) -> RunSpec:
    """Return a stored run as it was planned, before its study's parameters went in."""
    same = ("method", "versions", "dataset", "fingerprint", "normalisation", "group", "fold", "seed", "dataset_ref")
    return RunSpec(
        **{key: spec[key] for key in same},
        method_version=method_version,
        params=settings.flat(),
        neutral_keys=settings.neutral_keys(),
        probe_keys=settings.keys_at("probe"),
        protocol=Protocol.model_validate(spec["protocol"]),
    )


def _gave(study: optuna.Study, trials: int, spec: Mapping[str, Any], planned: RunSpec) -> bool:
    """Say whether a run's parameters were the best of a study when so many trials had ended, or later."""
    order = sorted(ended(study), key=lambda trial: trial.datetime_complete or datetime.datetime.max)
    for count in range(trials, len(order) + 1):
        top = best_of(study, order[:count])
        known = {**planned.params, **(top.params if top else {})}
        if top and all(without_place(known.get(key)) == without_place(value) for key, value in spec["params"].items()):
            return True
    return False


def _differences(study: optuna.Study, spec: Mapping[str, Any], trials: int) -> Iterator[str]:
    then, now, asked = _budget(spec), str(budget_text(study)), str(study.user_attrs["trials"])
    if then not in (now, asked):
        yield f"its study has gone on from {then} to {now} trials: repeat it in another --store"
    if trials < (wanted := int(then.rpartition("of")[2])):
        yield (
            f"its study had {trials} of {wanted} trials: the command makes as many, whose row is another, "
            f"tuned={trials}"
        )
    if _shared(study):
        yield "several workers or processes shared its study: one alone sees other results and may propose otherwise"


def _budget(spec: Mapping[str, Any]) -> str:
    """Return what a tuned run's label says of the trials, "20" or "2of20"."""
    return str(spec["tuned"]).partition(":")[0]


def _shared(study: optuna.Study) -> bool:
    """Say whether a trial began before an earlier one had ended."""
    latest = datetime.datetime.min
    for trial in study.get_trials(deepcopy=False):
        if trial.datetime_start is not None:
            if trial.datetime_start < latest:
                return True
            latest = max(latest, trial.datetime_complete or datetime.datetime.max)
    return False


def _spaces(known: list[dict[str, Any]], settings: Settings, fixed: Mapping[str, Any]) -> dict[str, str]:
    """Return the dimensions that are not the declared ones, as --space takes them."""
    try:
        declared = [one.as_json() for one in search_space(settings, fixed)]
    except TsbenchError:  # it declares none, or no bounds
        declared = []
    return {one["key"]: _text(one) for one in known if one not in declared}


def _text(dimension: Mapping[str, Any]) -> str:
    if dimension["choices"]:
        return ",".join(map(str, dimension["choices"]))
    ends = [int(dimension[end]) if dimension["integer"] else dimension[end] for end in ("low", "high")]
    return ":".join([*map(repr, ends), *["log"] * dimension["log"]])
