"""The command that repeats a stored run, and what may keep it from giving the same key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.cli.options import open_registry, settings
from tsbench.errors import TsbenchError
from tsbench.identity import base_method
from tsbench.plan.spec import NO_PARAMETERS
from tsbench.text import command_line

if TYPE_CHECKING:
    from tsbench.tune.source import Origin


def repeat_command(run: dict[str, Any], device: str, study: Origin | None = None) -> str:
    """Return the command that executes a stored run again.

    study : that of a tuned run, where it is known.
    """
    spec = run["spec"]
    words = ["tsbench", "run", *_target(spec), "--seeds", f"{spec['seed']},"]
    if "tuned" in spec:
        words += ["--tuned", tuning_metric(spec)]
    if spec["sources"]:
        words += ["--pretrain-on", ",".join(_as_asked(spec) or [source["dataset_ref"] for source in spec["sources"]])]
        words += ["--exclude-target"] * _target_left_out(spec)
    return command_line([*words, *_settings(spec, study), "--device", device, *_found(spec), "--force"])


def tune_command(run: dict[str, Any], device: str, study: Origin) -> str:
    """Return the command that makes the study of a tuned run."""
    spec = run["spec"]
    words = ["tsbench", "tune", *_target(spec), "--trials", str(study.trials), "--metric", tuning_metric(spec)]
    words += ["--seeds", ",".join(map(str, study.seeds)) + ","]
    for key, text in study.spaces.items():
        words += ["--space", f"{key}={text}"]
    return command_line([*words, *_settings(spec, study), "--device", device, *_found(spec)])


def tuning_metric(spec: dict[str, Any]) -> str:
    """Return the metric by which a tuned run's parameters were chosen."""
    return str(spec["tuned"]).partition(":")[2] or "accuracy"


def obstacles(run: dict[str, Any]) -> Iterator[str]:
    """Yield why the command would give another key, or none, with what is installed now; one line each."""
    spec = run["spec"]
    if spec["sources"] and not _as_asked(spec):
        yield "--pretrain-on names each dataset that was found then, and so will the label of the row"
    gone = [folder for folder in spec.get("data_dirs", ()) if not Path(folder).is_dir()]
    if gone and "--data-dir" not in settings().given:
        yield f"its data was in {', '.join(gone)}, which is not there: name the folder of now with --data-dir"
    name, registry, methods = spec["protocol"]["name"], open_registry(), settings().plugins()["methods"]
    try:
        protocol = registry.protocol(name, settings().plugins())
        known = {protocol.hash(), protocol.own().hash()}
    except TsbenchError:
        known = set()
    if run["protocol_hash"] not in known:
        yield f"protocol {name} is not what it was, or not in this registry: give the one of then with --registry"
    try:
        methods.entry(base_method(run["method"]))
    except TsbenchError:
        yield f"method {run['method']} is not installed; --plugin names a plugin in a single file"


def _target(spec: dict[str, Any]) -> list[str]:
    words = ["--method", spec["method"], "--dataset", spec["dataset_ref"] or spec["dataset"]]
    return [*words, "--protocol", spec["protocol"]["name"]]


def _found(spec: dict[str, Any]) -> list[str]:
    """Return the options by which data, plugins and registry are found: where the data was then comes first."""
    given = settings().given
    folders = [folder for folder in spec.get("data_dirs", ()) if Path(folder).is_dir() and folder not in given]
    return [*(word for folder in folders for word in ("--data-dir", folder)), *given]


def _settings(spec: dict[str, Any], study: Origin | None) -> list[str]:
    words = [] if spec["threads"] == 1 else ["--threads", str(spec["threads"])]
    given = {**spec["overrides"], **(study.fixed if study else {})}  # a study also knows what was set to its default
    for key, value in sorted(given.items()):
        words += [] if key in NO_PARAMETERS else ["--set", f"{key}={value}"]
    return [*words, "--fold", str(spec["fold"])]


def _as_asked(spec: dict[str, Any]) -> list[str]:
    """Return what --pretrain-on named where that stands for the same sources today: datasets, not a collection."""
    asked = _corpus(spec).removesuffix("-target" if _target_left_out(spec) else "").split("+")
    target = {spec["dataset"]} if _target_left_out(spec) else set()
    return asked if set(asked) - target == {source["dataset"] for source in spec["sources"]} else []


def _target_left_out(spec: dict[str, Any]) -> bool:
    """Say whether --exclude-target was given; where it makes no difference the answer does not matter."""
    return _corpus(spec).endswith("-target") and spec["fingerprint"] not in {s["fingerprint"] for s in spec["sources"]}


def _corpus(spec: dict[str, Any]) -> str:
    """Return the label's words for what a run was pre-trained on, without how much of it was there."""
    return re.sub(r":\d+of\d+$", "", spec["overrides"]["pretrain_on"])
