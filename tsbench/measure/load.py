"""What a run is made of: its dataset, method and probe, found and imported, and its data, read and checked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from tsbench.corruptions.base import Corrupter
from tsbench.data.dataset import Data
from tsbench.data.shuffle import shuffled
from tsbench.discovery.plugins import Plugins
from tsbench.measure.training_part import training_part
from tsbench.methods.capabilities import trains
from tsbench.methods.params import Settings, resolve, validate
from tsbench.methods.probe import Probe
from tsbench.plan.datasets import DatasetHandle, open_dataset
from tsbench.plan.spec import RunSpec
from tsbench.plan.summaries import load_planned


@dataclass(frozen=True)
class Ingredients:
    """The dataset of a run, not read yet, its method with parameters, its probe and its corruption.

    probe is None for an own decision rule, corrupter where nothing is corrupted.
    """

    handle: DatasetHandle
    method: type[Any]
    settings: Settings
    probe: Probe | None
    corrupter: Corrupter | None
    trainer: Corrupter | None


def find(spec: RunSpec, plugins: Plugins) -> Ingredients:
    """Find and import what a run is made of; raises UsageError and the like where it cannot be had."""
    cls = plugins["methods"].get(spec.base_method)
    settings = resolve(cls.Params, spec.params, lambda kind, name: plugins[kind].get(name), spec.method)
    handle = open_dataset(spec.reference, plugins, "")
    protocol, probe = spec.protocol, None
    for name in protocol.transforms:
        plugins["transforms"].get(name.partition(":")[0])
    if protocol.probed:
        probe_cls = plugins["probes"].get(protocol.probe)
        probe = probe_cls(validate(probe_cls.Params, protocol.probe_params, protocol.probe))
    if trains(cls) and not spec.untrained:
        importlib.import_module("torch._dynamo")  # as torch's optimisers do at their first step
    ready = {
        one: one.corrupter(plugins["corruptions"], f"{spec.fingerprint}:{spec.fold}", protocol.condition)
        for one in protocol.condition.corrupted
    }
    taught = protocol.condition.in_training
    return Ingredients(
        handle, cls, settings, probe, ready.get(protocol.condition), None if taught is None else ready[taught]
    )


def load(handle: DatasetHandle, fingerprint: str, part_of: RunSpec | None, permuted: bool = False) -> Data:
    """Read the data of a planned run, of which part_of is the run whose training part it is, or None.

    permuted : shuffle the series, as `shuffled` does. Raises InvalidDataError where the data is not what it was when
    the run was planned.
    """
    data = load_planned(handle, fingerprint) if part_of is None else training_part(part_of, handle).data
    return shuffled(data) if permuted else data
