"""The study that a tuned run's parameters come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import TrialState

from tsbench.errors import TsbenchError
from tsbench.params import resolve
from tsbench.plugins import Plugins
from tsbench.run.store import Store
from tsbench.tune import study_names
from tsbench.tune.space import search_space
from tsbench.tune.storage import load_study, open_studies


def study_of(run: Mapping[str, Any], metric: str, store: Store, plugins: Plugins) -> tuple[dict[str, Any] | None, str]:
    """Return the seeds and the spaces of the study behind a stored run, and what stands in the way of using it.

    seeds : list of int. spaces : {key: text as --space takes it}, of the parameters that are searched elsewhere than
    where they are declared. None where the store has no such study.
    """
    spec = run["spec"]
    prefix = f"{spec['method']}.{spec['dataset']}.{spec['protocol']['name']}.fold{spec['fold']}."
    names = [name for name in study_names(store) if name.startswith(prefix)]
    if names:
        with open_studies(store) as storage:
            for study in (load_study(name, storage) for name in names):
                if study.user_attrs.get("metric") == metric and _gave(study, spec["params"]):
                    spaces = _spaces(study.user_attrs["space"], spec, plugins)
                    return {"seeds": study.user_attrs["seeds"], "spaces": spaces}, _gone_on(study, spec)
    return None, "its study is not in this store: make it anew with 'tsbench tune', the options being those of then"


def _gave(study: optuna.Study, params: Mapping[str, Any]) -> bool:
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return any(all(params.get(key) == value for key, value in trial.params.items()) for trial in done)


def _gone_on(study: optuna.Study, spec: Mapping[str, Any]) -> str:
    then, now = str(spec["overrides"]["tuned"]).partition(":")[0], study.user_attrs.get("trials")
    return (
        "" if str(now) == then else f"its study has gone on from {then} to {now} trials: repeat it in another --store"
    )


def _spaces(known: list[dict[str, Any]], spec: Mapping[str, Any], plugins: Plugins) -> dict[str, str]:
    """Return the dimensions that are not the declared ones, as --space takes them."""
    fixed = {key: value for key, value in spec["overrides"].items() if key in spec["params"]}

    def find(kind: str, name: str) -> type[Any]:
        found: type[Any] = plugins[kind].get(name)
        return found

    try:
        settings = resolve(plugins["methods"].get(spec["method"]).Params, fixed, find, spec["method"])
        declared = [one.as_json() for one in search_space(settings, fixed)]
    except TsbenchError:  # the method is gone, or declares no bounds of its own
        declared = []
    return {one["key"]: _text(one) for one in known if one not in declared}


def _text(dimension: Mapping[str, Any]) -> str:
    if dimension["choices"]:
        return ",".join(map(str, dimension["choices"]))
    ends = [int(dimension[end]) if dimension["integer"] else dimension[end] for end in ("low", "high")]
    return ":".join([*map(repr, ends), *["log"] * dimension["log"]])
