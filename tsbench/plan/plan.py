"""The plan: a request becomes the list of runs it asks for, and what stands in their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError, MissingDataError, UsageError
from tsbench.methods.capabilities import trains
from tsbench.plan.datasets import DatasetHandle, is_dataset, open_dataset
from tsbench.plan.methods import Method, resolve_methods
from tsbench.plan.prepared import take_apart
from tsbench.plan.request import Plan, Request
from tsbench.plan.specs import Corpus, make_spec
from tsbench.plan.suited import check_felt, check_hides, check_probe, check_static, note_idle, note_unread, suited_pairs
from tsbench.plan.summaries import Summary, summarise
from tsbench.protocol import ARCHIVE_SPLIT, Protocol, no_such_split
from tsbench.registry import Registry
from tsbench.tasks import TASKS


def make_plan(request: Request, plugins: Plugins, registry: Registry) -> Plan:
    """Resolve every name and parameter, then list the runs; raises UsageError before any work is done."""
    methods = resolve_methods(request, plugins, registry)
    protocols = [registry.protocol(name, plugins) for name in request.protocols]
    plan, n_folds = Plan(), 0
    sources = _sources(request, methods, plugins, registry, plan)

    def protocols_of(handle: DatasetHandle) -> list[Protocol]:
        return protocols or [registry.protocol(handle.card.default_protocol or handle.default_protocol, plugins)]

    for handle, summary in _by_size(expand_datasets(request.datasets, plugins, registry), protocols_of, plan):
        chosen = protocols_of(handle)
        note_unread(plan, handle, summary, methods, chosen)
        for protocol in chosen:
            if handle.external and not protocol.archive_split:
                raise UsageError(
                    f"{handle.name}: protocol '{protocol.name}' splits the cases of both; take one on the archive split"
                )
            check_probe(protocol, plugins, registry)
            check_static(protocol, handle, summary, plugins)
            check_hides(protocol, plugins)
            check_felt(protocol, methods)
            note_idle(plan, handle, protocol)
        suited = suited_pairs(plan, handle, summary, methods, chosen, plugins, registry)
        folds = {p.name: _count_folds(p, handle, summary, plan, registry) for p in chosen}
        plan.specs += [
            make_spec(method, handle, summary, protocol, fold, seed, request, plugins, sources)
            for fold in _wanted(request, max(folds.values()))
            for method in methods
            for seed in request.seeds
            for protocol in chosen
            if fold < folds[protocol.name] and (method.name, protocol.name) in suited
        ]
        n_folds = max(n_folds, *folds.values())
    if n_folds and (beyond := [fold for fold in request.folds if fold >= n_folds]):
        raise UsageError(
            f"--fold {beyond[0]}: there {f'are folds 0 to {n_folds - 1}' if n_folds > 1 else 'is fold 0 alone'}"
        )
    if plan.missing_sources:
        _name_corpus(plan, len(sources))
    plan.specs = list({spec.key: spec for spec in plan.specs}.values())
    return plan


def _wanted(request: Request, n_folds: int) -> Sequence[int]:
    return [fold for fold in range(n_folds) if fold in request.folds or not request.folds]


def _sources(
    request: Request, methods: Sequence[Method], plugins: Plugins, registry: Registry, plan: Plan
) -> list[Corpus]:
    """Open what is to be pre-trained on; raises UsageError where it would make a comparison unfair or impossible."""
    if not request.pretrain_on:
        if request.exclude_target:
            raise UsageError("--exclude-target needs --pretrain-on: it leaves the target out of those datasets")
        return []
    for method in methods:
        if trains(method.cls) and getattr(method.cls, "supervised", False):
            raise UsageError(f"--pretrain-on: {method.name} learns from the target's labels, it has no pre-training")
    found = []
    corpus = Plan()
    for handle, summary in _by_size(expand_datasets(request.pretrain_on, plugins, registry), lambda _: [], corpus):
        if not summary.own_folds.get(ARCHIVE_SPLIT):
            raise UsageError(f"--pretrain-on {handle.name}: it has no train/test split of its own")
        found.append(Corpus(handle, summary))
        note_unread(plan, handle, summary, methods)
    plan.missing_sources, plan.invalid = corpus.missing, {**plan.invalid, **corpus.invalid}
    plan.fetchable |= corpus.fetchable
    if not found:
        raise UsageError("--pretrain-on: none of its datasets is on this machine; name their folder with --data-dir")
    return found


def _by_size(
    handles: Sequence[DatasetHandle], protocols_of: Callable[[DatasetHandle], list[Protocol]], plan: Plan
) -> list[tuple[DatasetHandle, Summary]]:
    """Return the datasets that can take part, the smallest first; the plan is told of the others."""
    found = []
    for handle in handles:
        try:
            found.append((handle, summarise(handle, protocols_of(handle))))
        except MissingDataError as error:
            plan.missing[handle.name] = str(error)
            plan.fetchable |= {handle.name} if handle.fetchable() else set()
        except InvalidDataError as error:
            plan.invalid[handle.name] = str(error)
    return sorted(found, key=lambda pair: pair[1].n_values)


def _name_corpus(plan: Plan, n_found: int) -> None:
    """Say in the label that only part of the corpus was there, so that no board mixes it with the whole."""
    share = f":{n_found}of{n_found + len(plan.missing_sources)}"
    for number, spec in enumerate(plan.specs):
        if spec.sources:
            overrides = {**spec.overrides, "pretrain_on": f"{spec.overrides['pretrain_on']}{share}"}
            plan.specs[number] = replace(spec, overrides=overrides)


def _count_folds(protocol: Protocol, handle: DatasetHandle, summary: Summary, plan: Plan, registry: Registry) -> int:
    """Return the number of folds; 0 where labels cannot be split so, or one has nothing to learn: the plan is told."""
    own_folds = summary.own_folds.get(protocol.split.name, 0)
    if protocol.needs_own_split and not own_folds:
        crossed = f"{protocol.name.partition('+')[0]}-cv5"
        default = crossed if crossed in registry.protocols else handle.card.default_protocol
        raise no_such_split(handle.name, protocol, summary.own_folds, default)
    if why := summary.unlearnable.get(protocol.split_name(handle.card)):
        plan.invalid.setdefault(handle.name, f"{handle.name}: {why}")
        return 0
    if summary.task in TASKS and not summary.splits[protocol.split_name(handle.card)]:
        try:
            protocol.folds(handle.load(), handle.card)
        except (InvalidDataError, UsageError) as error:
            plan.invalid.setdefault(handle.name, f"{handle.name}: {str(error).removeprefix(f'{handle.name}: ')}")
            return 0
    return protocol.n_folds(own_folds)


def expand_datasets(names: Sequence[str], plugins: Plugins, registry: Registry) -> list[DatasetHandle]:
    """Open every dataset a list of dataset names, collections and paths stands for, each once, in order."""

    def known(name: str) -> bool:
        return name in registry.collections or is_dataset(name, plugins)

    found: dict[str, DatasetHandle] = {}
    for name in names:
        base, _ = take_apart(name, known)
        collection = registry.collections.get(base)
        if collection is None:
            handles = [open_dataset(name, plugins, _default_protocol(base, plugins, registry), registry.collections)]
        else:
            members = [*collection.datasets, *(plugins["datasets"].names(collection.tag) if collection.tag else [])]
            if not members:
                raise UsageError(f"collection '{name}' has no datasets; is the plugin that brings them installed?")
            after = name[len(base) :]
            handles = [open_dataset(member + after, plugins, collection.protocol) for member in members]
        for handle in handles:
            if handle.name in found and found[handle.name].reference != handle.reference:
                raise UsageError(
                    f"two datasets are named '{handle.name}': {found[handle.name].reference} and {handle.reference}; "
                    "rename one of the files"
                )
            found.setdefault(handle.name, handle)
    return list(found.values())


def _default_protocol(name: str, plugins: Plugins, registry: Registry) -> str:
    """Return the default protocol of the collection a dataset is tagged with, else of the first that lists it."""
    tags = plugins["datasets"].entry(name).tags if name in plugins["datasets"] else ()
    known = registry.collections.values()
    homes = [*(one for one in known if one.tag in tags), *(one for one in known if name in one.datasets)]
    return homes[0].protocol if homes else "svm-rbf"
