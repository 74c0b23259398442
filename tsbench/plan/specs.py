"""From a method, a dataset and a protocol to the specification of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsbench.data.places import search_path
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.identity import untrained
from tsbench.methods.capabilities import capabilities, trains
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.methods import Method, resolve_methods
from tsbench.plan.request import Request
from tsbench.plan.spec import PADDING, TASK, RunSpec, Source
from tsbench.plan.summaries import Summary
from tsbench.protocol import ARCHIVE_SPLIT, OWN_PROBE, Protocol, split_alone
from tsbench.registry import Registry
from tsbench.tasks import measured_by

if TYPE_CHECKING:
    from tsbench.methods.transform import Transform


@dataclass(frozen=True)
class Corpus:
    """A dataset to pre-train on."""

    handle: DatasetHandle
    summary: Summary

    def split_for(self, protocol: Protocol) -> str:
        """Return which of its own splits it is trained on: the one that the protocol names where it has that."""
        name = protocol.split.name if protocol.own_split else ARCHIVE_SPLIT
        return name if name in self.summary.own_folds else ARCHIVE_SPLIT


def make_spec(
    method: Method,
    handle: DatasetHandle,
    summary: Summary,
    protocol: Protocol,
    fold: int,
    seed: int,
    request: Request,
    plugins: Plugins,
    sources: Sequence[Corpus],
) -> RunSpec:
    """Return the specification of one run; raises UsageError where what it asks for cannot be combined."""
    overrides, chosen = dict(method.overrides), list[Corpus]()
    if "represent" not in capabilities(method.cls) and not protocol.capability:
        protocol = protocol.own()
    elif protocol.probe == OWN_PROBE:
        overrides["probe"] = OWN_PROBE  # beside the row of its features, whatever their probe
    if sources and trains(method.cls) and not untrained(method.name):
        _check_pretraining(protocol, request)
        chosen = _chosen(sources, handle, summary, fold, request)
        overrides["pretrain_on"] = "+".join(request.pretrain_on) + ("-target" if request.exclude_target else "")
    padded = summary.padded or any(source.summary.padded for source in chosen)
    versions = _versions(method, protocol.task_of(summary.task), padded, protocol, plugins)
    used = {folder for one in (handle, *(source.handle for source in chosen)) for folder in one.data_dirs}
    trained_on = tuple(
        Source(
            source.handle.name,
            source.summary.fingerprint,
            method.cls.normalisation or protocol.resolve_normalisation(source.handle.card),
            source.handle.reference,
            source.summary.split(split_alone(source.split_for(protocol)), source.handle.card, 0),
            source.split_for(protocol),
        )
        for source in chosen
    )
    split, first = summary.split(protocol, handle.card, fold), protocol.own_split and fold == 0
    return RunSpec(
        method=method.name,
        method_version=int(method.cls.version),
        params=method.settings.flat(),
        neutral_keys=method.settings.neutral_keys(),
        probe_keys=method.settings.keys_at("probe"),
        versions=dict(sorted(versions.items())),
        dataset=handle.name,
        fingerprint=summary.fingerprint,
        protocol=protocol,
        normalisation=method.cls.normalisation or protocol.resolve_normalisation(handle.card),
        group=None if protocol.own_split else protocol.group(handle.card),
        fold=fold,
        seed=seed,
        threads=request.threads,
        overrides=overrides,
        dataset_ref=handle.reference,
        sources=trained_on,
        split=split,
        data_dirs=tuple(dict.fromkeys(str(path.absolute()) for path in search_path() if path.absolute() in used)),
        exposure=method.past.exposure(
            handle.name, summary.fingerprint, trained_on, split, protocol.split.name if first else ""
        ),
    )


def _chosen(
    sources: Sequence[Corpus], handle: DatasetHandle, summary: Summary, fold: int, request: Request
) -> list[Corpus]:
    """Return what is pre-trained on for a fold; raises UsageError where nothing is left, or test cases may be in it."""
    others = [source for source in sources if source.summary.fingerprint != summary.fingerprint]
    chosen = others if request.exclude_target else list(sources)
    if not chosen:
        raise UsageError(f"--exclude-target leaves nothing to pre-train on for {handle.name}")
    if fold and len(chosen) > len(others):  # sources are trained on their first fold
        raise UsageError(
            f"--pretrain-on: the training part of fold 0 of {handle.name} may hold test cases of fold {fold}; "
            "add --exclude-target, or take --fold 0 alone"
        )
    return chosen


def _versions(method: Method, task: str, padded: bool, protocol: Protocol, plugins: Plugins) -> dict[str, int]:
    """Return the versions of all that the numbers depend on, beside the method's own."""
    versions = method.settings.versions()
    if padded:
        versions |= _padding_versions(method, protocol, plugins)
    for name in protocol.transforms:
        versions[f"transform:{name}"] = int(_transform(name, protocol, plugins).version)
    if task != "classification":
        versions[f"{TASK}{task}"] = measured_by(task).version
    if protocol.probed:
        versions[f"probe:{protocol.probe}"] = int(plugins["probes"].get(protocol.probe).version)
    return versions


def _transform(text: str, protocol: Protocol, plugins: Plugins) -> type[Transform]:
    """Return the class of one of a protocol's transforms; raises UsageError where it makes no series, or cannot be."""
    from tsbench.methods.applied import parse_transform

    cls: type[Transform] = type(parse_transform(text, plugins))
    if cls.gives == "cases":
        name, _, settings = text.partition(":")
        raise UsageError(
            f"protocol '{protocol.name}': transform {text} makes cases, which is done before they are split: write it "
            f"after the dataset, as in --dataset DATASET+{name}={settings}"
        )
    if cls.gives == "map":
        raise UsageError(
            f"protocol '{protocol.name}': transform {text} makes maps of series (images, spectrograms), and methods "
            "are given series: leave it out"
        )
    return cls


def _padding_versions(method: Method, protocol: Protocol, plugins: Plugins) -> dict[str, int]:
    """Return what enters the identity of runs on series of unequal length alone."""
    from tsbench.methods.ssl import SSLMethod

    found = {}
    if issubclass(method.cls, SSLMethod):
        found = method.cls.padding_versions(method.settings, not untrained(method.name))
    for name in protocol.transforms:
        if _transform(name, protocol, plugins).takes == "series":
            found[f"transform:{name}"] = 1
    return {f"{PADDING}{part}": version for part, version in found.items()}


def method_again(name: str, overrides: Mapping[str, Any], plugins: Plugins, registry: Registry) -> Method:
    """Return the method of a stored run; raises UsageError for a method, component or parameter that is not known."""
    # The mark of a row that decides by itself, which `make_spec` adds, is no parameter.
    given = {key: value for key, value in overrides.items() if (key, value) != ("probe", OWN_PROBE)}
    (method,) = resolve_methods(Request([name], [], overrides=given), plugins, registry)
    return method


def plan_again(
    method: Method,
    handle: DatasetHandle,
    fingerprint: str,
    protocol: Protocol,
    threads: int,
    padded: bool,
    plugins: Plugins,
) -> RunSpec:
    """Return what this installation plans for a stored run, as fold 0, seed 0, on no known split.

    The data need not be here; padded : whether its series differ in length. Raises UsageError for a part of the
    protocol that is not known.
    """
    splits: Mapping[str, list[str]] = {protocol.split_name(handle.card): []}
    summary = Summary(fingerprint, {}, 0, False, padded=padded, splits=splits, task=handle.card.task)
    request = Request([method.name], [handle.name], threads=threads)
    return make_spec(method, handle, summary, protocol, 0, 0, request, plugins, ())


def _check_pretraining(protocol: Protocol, request: Request) -> None:
    if protocol.condition.corrupts("pretrain"):
        raise UsageError(f"--pretrain-on: '{protocol.name}' corrupts the pre-training, which only the target's can be")
    if not protocol.own_split and not request.exclude_target:
        raise UsageError(
            f"--pretrain-on: training parts of the archive's split may hold test cases of '{protocol.name}'; "
            "add --exclude-target, or choose a protocol on the archive split"
        )
