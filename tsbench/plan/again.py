"""A stored run, planned again with what is installed now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.plan.datasets import DatasetHandle, open_dataset
from tsbench.plan.spec import NO_PARAMETERS, RunSpec, Source
from tsbench.plan.specs import method_again, plan_again
from tsbench.plan.summaries import summarise
from tsbench.protocol import Protocol
from tsbench.registry import Registry


def spec_of(run: Mapping[str, Any], plugins: Plugins, registry: Registry) -> RunSpec:
    """Return the RunSpec of a run as `Store.find` gives it; its data must be here.

    Raises UsageError where what is installed would make another run of it, MissingDataError without its data.
    """
    spec, name = run["spec"], f"run {run['key'][:12]} ({run['label']} on {run['dataset']})"
    try:
        protocol = Protocol.model_validate(spec["protocol"]).known(plugins["corruptions"])
    except ValidationError as error:
        raise UsageError(f"{name}: its protocol cannot be read: {error.errors()[0]['msg']}") from None
    handle = open_dataset(spec.get("dataset_ref") or spec["dataset"], plugins, "")
    given = {key: value for key, value in spec["overrides"].items() if key not in NO_PARAMETERS}
    padded = summarise(handle, [protocol]).padded
    method = method_again(spec["method"], given, plugins, registry)
    planned = plan_again(method, handle, spec["fingerprint"], protocol, spec["threads"], padded, plugins)
    sources = tuple(Source(**source) for source in spec.get("sources") or ())
    chosen = {"params": spec["params"], "overrides": spec["overrides"], "tuned": spec.get("tuned"), "sources": sources}
    found = replace(planned, **chosen, fold=spec["fold"], seed=spec["seed"])
    if found.key != run["key"]:
        raise UsageError(f"{name}: with the versions that are installed it would be another run; run it anew first")
    return found


def open_like(name: str, trained: DatasetHandle, plugins: Plugins) -> DatasetHandle:
    """Open new data with the steps of the data that was trained on, after those that the name has itself."""
    given, steps = open_dataset(name, plugins, ""), [step.suffix for step in trained.steps]
    if not steps or [step.suffix for step in given.steps][-len(steps) :] == steps:
        return given
    return open_dataset(name + "".join(steps), plugins, "")
