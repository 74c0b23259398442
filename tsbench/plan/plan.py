"""The plan: a request becomes the list of runs it asks for, and what stands in their way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tsbench.data.places import search_path
from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError, MissingDataError, TsbenchError, UsageError
from tsbench.identity import UNTRAINED
from tsbench.methods.capabilities import capabilities, check_able, fits_itself, trains
from tsbench.methods.params import Settings, declarations, resolve
from tsbench.plan.datasets import DatasetHandle, Summary, open_dataset, summarise
from tsbench.plan.exposure import Past
from tsbench.plan.spec import PADDING, TASK, RunSpec, Source
from tsbench.protocol import ARCHIVE_SPLIT, OWN_PROBE, Protocol, no_such_split, split_alone
from tsbench.registry import Registry
from tsbench.tasks import TASKS

if TYPE_CHECKING:
    from tsbench.methods.classifier import Classifier
    from tsbench.methods.ssl import SSLMethod
    from tsbench.methods.transform import Transform
    from tsbench.tasks.base import Task

MOST_SEEDS = 1000  # more is a seed that was meant
LARGEST_SEED = 2**31 - 1  # what a column of whole numbers holds in either database


@dataclass(frozen=True)
class Request:
    """What the user asked for. protocols may be empty: each dataset's default is taken. folds : only these; () is all.

    pretrain_on : datasets whose training parts every method is pre-trained on, once for all targets; empty for each
    target's own. exclude_target : leave the target out of them, which makes one pre-training per target.
    """

    methods: Sequence[str]
    datasets: Sequence[str]
    protocols: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    overrides: Mapping[str, str] = field(default_factory=dict)
    floors: bool = False
    threads: int = 1
    pretrain_on: Sequence[str] = ()
    exclude_target: bool = False
    folds: Sequence[int] = ()


@dataclass
class Plan:
    """The runs in the order of execution, and the datasets that cannot take part.

    missing : {dataset: why} for data that is not on this machine; missing_sources : the same for what was to be
    pre-trained on; fetchable : those of both that 'tsbench data fetch' can get; invalid : {dataset: why} for data that
    cannot be used. Small datasets come first, so that results and mistakes show early; runs on one fold follow each
    other, protocols innermost, so that they share one pre-training. A dataset that only some methods or protocols suit
    is in invalid, too. unread : {dataset: what its cases have beside their series, in words, that no method reads}.
    """

    specs: list[RunSpec] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    missing_sources: dict[str, str] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    fetchable: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Source:
    """A dataset to pre-train on."""

    handle: DatasetHandle
    summary: Summary

    def split_for(self, protocol: Protocol) -> str:
        """Return which of its own splits it is trained on: the one that the protocol names where it has that."""
        name = protocol.split.name if protocol.own_split else ARCHIVE_SPLIT
        return name if name in self.summary.own_folds else ARCHIVE_SPLIT


@dataclass(frozen=True)
class _Method:
    name: str
    cls: type[SSLMethod] | type[Classifier]
    settings: Settings
    overrides: Mapping[str, Any]
    past: Past
    asked: bool  # by its name; a floor may come along


def make_plan(request: Request, plugins: Plugins, registry: Registry) -> Plan:
    """Resolve every name and parameter, then list the runs; raises UsageError before any work is done."""
    methods = _resolve_methods(request, plugins, registry)
    protocols = [registry.protocol(name, plugins) for name in request.protocols]
    plan, n_folds = Plan(), 0
    sources = _sources(request, methods, plugins, registry, plan)

    def protocols_of(handle: DatasetHandle) -> list[Protocol]:
        return protocols or [registry.protocol(handle.card.default_protocol or handle.default_protocol, plugins)]

    for handle, summary in _by_size(expand_datasets(request.datasets, plugins, registry), protocols_of, plan):
        chosen = protocols_of(handle)
        _note_unread(plan, handle, summary, methods, chosen)
        for protocol in chosen:
            _check_static(protocol, handle, summary, plugins)
        suited = _suited(plan, handle, summary, methods, chosen, plugins, registry)
        folds = {p.name: _count_folds(p, handle, summary) for p in chosen}
        plan.specs += [
            _spec(method, handle, summary, protocol, fold, seed, request, plugins, sources)
            for fold in _wanted(request, max(folds.values()))
            for method in methods
            for seed in request.seeds
            for protocol in chosen
            if fold < folds[protocol.name] and (method.name, protocol.name) in suited
        ]
        n_folds = max(n_folds, *folds.values())
    if n_folds and (beyond := [fold for fold in request.folds if fold >= n_folds]):
        raise UsageError(f"--fold {beyond[0]}: there are folds 0 to {n_folds - 1}")
    if plan.missing_sources:
        _name_corpus(plan, len(sources))
    plan.specs = list({spec.key: spec for spec in plan.specs}.values())
    return plan


def _wanted(request: Request, n_folds: int) -> Sequence[int]:
    return [fold for fold in range(n_folds) if fold in request.folds or not request.folds]


def _sources(
    request: Request, methods: Sequence[_Method], plugins: Plugins, registry: Registry, plan: Plan
) -> list[_Source]:
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
        found.append(_Source(handle, summary))
        _note_unread(plan, handle, summary, methods)
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


def _note_unread(
    plan: Plan,
    handle: DatasetHandle,
    summary: Summary,
    methods: Sequence[_Method],
    protocols: Sequence[Protocol] = (),
) -> None:
    """Note what nothing reads; protocols : those that may give static values to a probe."""
    parts = [part.cls for method in methods for part in method.settings.components.values()]
    read = {kind for cls in (*(method.cls for method in methods), *parts) for kind in getattr(cls, "reads", ())}
    probed = any("represent" in capabilities(method.cls) for method in methods)
    read |= {"static"} if probed and any(protocol.static == "append" for protocol in protocols) else set()
    unread = [words for kind, words in summary.beside.items() if kind not in read]
    if unread:
        plan.unread[handle.name] = unread


def _suited(
    plan: Plan,
    handle: DatasetHandle,
    summary: Summary,
    methods: Sequence[_Method],
    protocols: Sequence[Protocol],
    plugins: Plugins,
    registry: Registry,
) -> set[tuple[str, str]]:
    """Return the pairs of method and protocol that can be measured on a dataset's task.

    The plan is told why others cannot; floors that came along are left out.
    """
    if summary.task not in TASKS:
        plan.invalid[handle.name] = f"{handle.name} has no labels to predict; its task is '{summary.task}'"
        return set()
    if summary.task not in ("classification", handle.card.task):
        plan.invalid[handle.name] = (
            f"{handle.name}: its labels are for {summary.task}, its card says '{handle.card.task}'; name one in both"
        )
        return set()
    task, suited, reasons, refused = TASKS[summary.task], set(), [], []
    for method in methods:
        for protocol in protocols:
            able = capabilities(method.cls)
            own = protocol.probe == OWN_PROBE or "represent" not in able
            if own and "decide" not in able and not method.asked:
                continue
            if own:
                check_able(method.name, method.cls, "decide")
            probe = None if own else plugins["probes"].get(protocol.probe)
            why = task.refuse(method.cls, probe)
            if why is None:
                suited.add((method.name, protocol.name))
            elif method.asked:
                under = "" if probe is None else f" under protocol '{protocol.name}'"
                reasons.append(f"{method.name}{under} {why}")
                refused.append(method)
    if reasons:
        more = f" ({len(reasons) - 1} more do not suit)" if len(reasons) > 1 else ""
        known = [
            f"--protocol {name}" for name in registry.protocols if _serves(name, task, refused[0], plugins, registry)
        ]
        advice = f"what serves it: {', '.join(known)}" if known else "no protocol changes that"
        plan.invalid[handle.name] = f"{handle.name} is for {task.name}: {reasons[0]}{more}; {advice}"
    return suited


def _serves(protocol: str, task: Task, method: _Method, plugins: Plugins, registry: Registry) -> bool:
    """Say whether a protocol's probe can measure the features of a method on a task."""
    with contextlib.suppress(TsbenchError):  # a probe of a plugin that is not here
        probe = plugins["probes"].get(registry.protocols[protocol].probe)
        return "represent" in capabilities(method.cls) and task.refuse(method.cls, probe) is None
    return False


def _name_corpus(plan: Plan, n_found: int) -> None:
    """Say in the label that only part of the corpus was there, so that no board mixes it with the whole."""
    share = f":{n_found}of{n_found + len(plan.missing_sources)}"
    for number, spec in enumerate(plan.specs):
        if spec.sources:
            overrides = {**spec.overrides, "pretrain_on": f"{spec.overrides['pretrain_on']}{share}"}
            plan.specs[number] = replace(spec, overrides=overrides)


def _count_folds(protocol: Protocol, handle: DatasetHandle, summary: Summary) -> int:
    own_folds = summary.own_folds.get(protocol.split.name, 0)
    if protocol.own_split and not own_folds:
        raise no_such_split(handle.name, protocol, summary.own_folds, handle.card.default_protocol)
    return protocol.n_folds(own_folds)


def _check_static(protocol: Protocol, handle: DatasetHandle, summary: Summary, plugins: Plugins) -> None:
    """Raise UsageError where a protocol appends static values that are not there, or to no features."""
    if protocol.static == "none":
        return
    if "static" not in summary.beside:
        raise UsageError(f"{handle.name} has no static values, which protocol '{protocol.name}' gives to its probe")
    if protocol.probe == OWN_PROBE or plugins["probes"].get(protocol.probe).needs != "features":
        other = "a method's own rule" if protocol.probe == OWN_PROBE else protocol.probe
        raise UsageError(f"protocol '{protocol.name}': static: append needs a probe on features, not {other}")


def expand_datasets(names: Sequence[str], plugins: Plugins, registry: Registry) -> list[DatasetHandle]:
    """Open every dataset a list of dataset names, collections and paths stands for, each once, in order."""
    found: dict[str, DatasetHandle] = {}
    for name in names:
        collection = registry.collections.get(name)
        if collection is None:
            handles = [open_dataset(name, plugins, _default_protocol(name, plugins, registry), registry.collections)]
        else:
            members = [*collection.datasets, *(plugins["datasets"].names(collection.tag) if collection.tag else [])]
            if not members:
                raise UsageError(f"collection '{name}' has no datasets; is the plugin that brings them installed?")
            handles = [open_dataset(member, plugins, collection.protocol) for member in members]
        for handle in handles:
            if handle.name in found and found[handle.name].reference != handle.reference:
                raise UsageError(
                    f"two datasets are named '{handle.name}': {found[handle.name].reference} and {handle.reference}; "
                    "rename one of the files"
                )
            found.setdefault(handle.name, handle)
    return list(found.values())


def _default_protocol(name: str, plugins: Plugins, registry: Registry) -> str:
    """Return the default protocol of the first collection a dataset belongs to."""
    tags = plugins["datasets"].entry(name).tags if name in plugins["datasets"] else ()
    for collection in registry.collections.values():
        if name in collection.datasets or collection.tag in tags:
            return collection.protocol
    return "svm-rbf"


def _resolve_methods(request: Request, plugins: Plugins, registry: Registry) -> list[_Method]:
    names = list(dict.fromkeys(request.methods))
    classes = {name: plugins["methods"].get(name.removeprefix(UNTRAINED)) for name in names}
    for name, cls in classes.items():
        if not capabilities(cls):
            raise UsageError(
                f"{name} can neither represent nor decide: its class is to be an SSLMethod or a Classifier"
            )
        if name.startswith(UNTRAINED) and not trains(cls):
            raise UsageError(f"'{name}': {name.removeprefix(UNTRAINED)} has no training to leave out")
    if request.floors:
        twins = [UNTRAINED + n for n, cls in classes.items() if not n.startswith(UNTRAINED) and trains(cls)]
        for name in [*registry.floors, *twins]:
            classes.setdefault(name, plugins["methods"].get(name.removeprefix(UNTRAINED)))
    accepted: dict[str, dict[str, str]] = {
        name: {key: value for key, value in request.overrides.items() if _declares(cls, key)}
        for name, cls in classes.items()
    }
    for key in request.overrides:
        if not any(key in accepted[name] for name in names):
            known = sorted({d.name for name in names for d in declarations(classes[name].Params)})
            hint = did_you_mean(key.split(".")[0], known) or f"; parameters: {', '.join(known) or 'none'}"
            raise UsageError(f"no parameter '{key}' in {', '.join(names)}{hint}")

    def find(kind: str, name: str) -> type[Any]:
        found: type[Any] = plugins[kind].get(name)
        return found

    methods = []
    for name, cls in classes.items():
        settings, given = resolve(cls.Params, accepted[name], find, name), accepted[name]
        for part in () if fits_itself(cls) else settings.components.values():
            cls.check_component(part)
        if trains(cls) and not name.startswith(UNTRAINED):
            _check_steps(name, cls, settings.params)
        elif not fits_itself(cls):  # what only training reads makes no other row
            given = {key: value for key, value in given.items() if key not in settings.keys_at("training")}
            settings = resolve(cls.Params, given, find, name)
        past, changed = Past.of(name, cls, settings, plugins, registry), _changed(cls, settings, given, find, name)
        methods.append(_Method(name, cls, settings, changed, past, name in names))
    return methods


def _check_steps(name: str, cls: type[SSLMethod], params: Any) -> None:
    """Raise UsageError where parameters leave no training step; a method that counts on its own is seen in its run."""
    from tsbench.learning.stages import Recipe
    from tsbench.methods.ssl import SSLMethod

    zero = ["max_steps"] if getattr(params, "max_steps", None) == 0 else []
    if not zero and cls.total_steps is SSLMethod.total_steps and not (params.epochs or params.min_steps):
        zero = ["epochs", "min_steps"]
    if zero:
        given = " and ".join(f"{key}=0" for key in zero)
        raise UsageError(
            f"{name}: {given} trains no step; set {' or '.join(zero)} above 0, or take {UNTRAINED}{name}, which is "
            "meant to be untrained"
        )
    most, warmup = getattr(params, "max_steps", None), Recipe.of(params).warmup_steps
    if most is not None and warmup > most:
        raise UsageError(f"{name}: warmup_steps={warmup} is longer than max_steps={most}; lower it")


def _changed(cls: Any, settings: Settings, overrides: Mapping[str, str], find: Any, name: str) -> dict[str, Any]:
    """Return the overrides that make a difference to the defaults, with their checked values."""
    components = {key: value for key, value in overrides.items() if key in settings.components}
    defaults = resolve(cls.Params, components, find, name).flat()
    changed = {key: value for key, value in settings.flat().items() if defaults.get(key) != value}
    plain = resolve(cls.Params, {}, find, name).flat()
    return {**{key: value for key, value in components.items() if plain.get(key) != value}, **changed}


def _declares(cls: Any, key: str) -> bool:
    """Say whether a method has the parameter, or the component a dotted key starts with."""
    head, _, rest = key.partition(".")
    found = {declared.name: declared for declared in declarations(cls.Params)}
    return head in found and (not rest or found[head].component is not None)


def _spec(
    method: _Method,
    handle: DatasetHandle,
    summary: Summary,
    protocol: Protocol,
    fold: int,
    seed: int,
    request: Request,
    plugins: Plugins,
    sources: Sequence[_Source],
) -> RunSpec:
    overrides, chosen = dict(method.overrides), []
    if "represent" not in capabilities(method.cls):
        protocol = protocol.own()
    elif protocol.probe == OWN_PROBE:
        overrides["probe"] = OWN_PROBE  # beside the row of its features, whatever their probe
    if sources and trains(method.cls) and not method.name.startswith(UNTRAINED):
        _check_pretraining(protocol, request)
        others = [s for s in sources if s.summary.fingerprint != summary.fingerprint]
        chosen = others if request.exclude_target else list(sources)
        if not chosen:
            raise UsageError(f"--exclude-target leaves nothing to pre-train on for {handle.name}")
        if fold and len(chosen) > len(others):  # sources are trained on their first fold
            raise UsageError(
                f"--pretrain-on: the training part of fold 0 of {handle.name} may hold test cases of fold {fold}; "
                "add --exclude-target, or take --fold 0 alone"
            )
        overrides["pretrain_on"] = "+".join(request.pretrain_on) + ("-target" if request.exclude_target else "")
    versions = method.settings.versions()
    if summary.padded or any(source.summary.padded for source in chosen):
        versions |= _padding_versions(method, protocol, plugins)
    for name in protocol.transforms:
        versions[f"transform:{name}"] = int(_transform(name, protocol, plugins).version)
    if summary.task != "classification":
        versions[f"{TASK}{summary.task}"] = TASKS[summary.task].version
    if protocol.probe != OWN_PROBE:
        versions[f"probe:{protocol.probe}"] = int(plugins["probes"].get(protocol.probe).version)
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


def _transform(text: str, protocol: Protocol, plugins: Plugins) -> type[Transform]:
    """Return the class of one of a protocol's transforms; raises UsageError where it makes no series."""
    cls: type[Transform] = plugins["transforms"].get(text.partition(":")[0])
    if cls.gives == "map":
        raise UsageError(
            f"protocol '{protocol.name}': transform {text} makes maps of series (images, spectrograms), and methods "
            "are given series: leave it out"
        )
    return cls


def _padding_versions(method: _Method, protocol: Protocol, plugins: Plugins) -> dict[str, int]:
    """Return what enters the identity of runs on series of unequal length alone."""
    from tsbench.methods.ssl import SSLMethod

    found = {}
    if issubclass(method.cls, SSLMethod):
        found = method.cls.padding_versions(method.settings, not method.name.startswith(UNTRAINED))
    for name in protocol.transforms:
        if _transform(name, protocol, plugins).takes == "series":
            found[f"transform:{name}"] = 1
    return {f"{PADDING}{part}": version for part, version in found.items()}


def plan_again(
    method: str,
    overrides: Mapping[str, Any],
    handle: DatasetHandle,
    fingerprint: str,
    protocol: Protocol,
    threads: int,
    padded: bool,
    plugins: Plugins,
    registry: Registry,
) -> RunSpec:
    """Return what this installation plans for a stored run, as fold 0, seed 0, on no known split.

    The data need not be here; padded : whether its series differ in length. Raises UsageError for a method, part or
    parameter that is not known.
    """
    request = Request([method], [handle.name], overrides=overrides, threads=threads)
    (resolved,) = _resolve_methods(request, plugins, registry)
    splits: Mapping[str, list[str]] = {protocol.split_name(handle.card): []}
    summary = Summary(fingerprint, {}, 0, False, padded=padded, splits=splits, task=handle.card.task)
    return _spec(resolved, handle, summary, protocol, 0, 0, request, plugins, ())


def _check_pretraining(protocol: Protocol, request: Request) -> None:
    if protocol.condition.corrupts("pretrain"):
        raise UsageError(f"--pretrain-on: '{protocol.name}' corrupts the pre-training, which only the target's can be")
    if not protocol.own_split and not request.exclude_target:
        raise UsageError(
            f"--pretrain-on: training parts of the archive's split may hold test cases of '{protocol.name}'; "
            "add --exclude-target, or choose a protocol on the archive split"
        )


def parse_overrides(pairs: Sequence[str]) -> dict[str, str]:
    """Read `--set key=value` pairs; raises UsageError on a pair without '=' or a key given twice."""
    overrides: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {pair}: write key=value, such as --set lr=0.001 or --set encoder.cell=gru")
        if key in overrides:
            raise UsageError(f"--set {key} is given twice")
        overrides[key.strip()] = value.strip()
    return overrides


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read --seeds: "3" is seeds 0, 1 and 2; "0,5" is just those, "0," seed 0 alone."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--seeds {text}: give a number of seeds or a list such as 0,1,2") from None
    count = "," not in text and bool(numbers)
    if count and not 1 <= numbers[0] <= MOST_SEEDS:
        alone = f"; seed {numbers[0]} alone is --seeds {numbers[0]}," if numbers[0] >= 0 else ""
        raise UsageError(f"--seeds {text}: a number of seeds is 1 to {MOST_SEEDS}{alone}")
    seeds = tuple(range(numbers[0])) if count else tuple(dict.fromkeys(numbers))
    if not seeds or min(seeds) < 0 or max(seeds) > LARGEST_SEED:
        raise UsageError(f"--seeds {text}: needs at least one seed, none below 0 or above {LARGEST_SEED}")
    return seeds


def parse_folds(texts: Sequence[str]) -> tuple[int, ...]:
    """Read the values of --fold, such as ["0,2"]; raises UsageError where one is no fold's number."""
    folds = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    for fold in folds:
        if not fold.isdecimal():
            raise UsageError(f"--fold {fold}: give the number of a fold, from 0, or several such as 0,2")
    return tuple(dict.fromkeys(map(int, folds)))
