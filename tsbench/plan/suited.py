"""What suits a dataset: which methods under which protocols, and what of its cases nothing reads."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchError, UsageError
from tsbench.methods.capabilities import capabilities, check_able, check_pairs, fits_itself, tells_pairs
from tsbench.methods.params import validate
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.methods import Method
from tsbench.plan.request import Plan
from tsbench.plan.summaries import Summary
from tsbench.protocol import OWN_PROBE, RECONSTRUCT, RETRIEVE, Protocol
from tsbench.registry import Registry
from tsbench.tasks import TASKS
from tsbench.tasks.base import served_by

if TYPE_CHECKING:
    from tsbench.tasks.base import Task


def note_unread(
    plan: Plan,
    handle: DatasetHandle,
    summary: Summary,
    methods: Sequence[Method],
    protocols: Sequence[Protocol] = (),
) -> None:
    """Note what nothing reads; protocols : those that may give static values to a probe."""
    methods = [one for one in methods if not protocols or any(_able(one, protocol) for protocol in protocols)]
    parts = [part.cls for method in methods for part in method.settings.components.values()]
    read = {kind for cls in (*(method.cls for method in methods), *parts) for kind in getattr(cls, "reads", ())}
    probed = any("represent" in capabilities(method.cls) for method in methods)
    read |= {"static"} if probed and any(protocol.static == "append" for protocol in protocols) else set()
    unread = [words for kind, words in summary.beside.items() if kind not in read]
    if unread:
        plan.unread[handle.name] = unread


def suited_pairs(
    plan: Plan,
    handle: DatasetHandle,
    summary: Summary,
    methods: Sequence[Method],
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
    protocols = [one for one in protocols if _corruptible(plan, handle, summary, one, plugins)]
    task, suited, reasons, refused = TASKS[summary.task], set(), [], []
    for method in methods:
        for protocol in protocols:
            if not _able(method, protocol):
                if method.asked:
                    check_able(method.name, method.cls, protocol.capability or "decide")
                    check_pairs(method.name, method.cls)
                continue
            own = not protocol.probed or "represent" not in capabilities(method.cls)
            probe = None if own else plugins["probes"].get(protocol.probe)
            if protocol.retrieves:
                why = None if "text" in summary.beside else "retrieves texts, and the dataset has none"
            elif protocol.imputes:
                why = _no_filling(method, handle, task, protocol)
            else:
                why = task.refuse(method.cls, probe)
            kinds = [task.name, *(["imputation"] if protocol.imputes else [])]
            unsuited = None if why else next(filter(None, (_unsuited(method, kind) for kind in kinds)), None)
            if unsuited:
                plan.invalid.setdefault(handle.name, f"{handle.name} is for {task.name}: {method.name}: {unsuited}")
            elif why is None:
                suited.add((method.name, protocol.name))
            elif method.asked:
                under = "" if probe is None else f" under protocol '{protocol.name}'"
                reasons.append(f"{method.name}{under} {why}")
                refused.append(method)
    if reasons:
        others = list(dict.fromkeys(one.name for one in refused if one.name != refused[0].name))
        more = f" (nor does it suit {', '.join(others)})" if others else ""
        known = [
            f"--protocol {name}" for name in registry.protocols if _serves(name, task, refused[0], plugins, registry)
        ]
        advice = f"what serves it: {', '.join(known)}" if known else "no protocol changes that"
        plan.invalid[handle.name] = f"{handle.name} is for {task.name}: {reasons[0]}{more}; {advice}"
    return suited


def _able(method: Method, protocol: Protocol) -> bool:
    """Say whether a method can do what a protocol asks of it."""
    able = capabilities(method.cls)
    if protocol.capability:
        return protocol.capability in able and (not protocol.rerank or tells_pairs(method.cls))
    return "decide" in able or ("represent" in able and protocol.probe != OWN_PROBE)


def _unsuited(method: Method, task: str) -> str | None:
    """Return why a method's parameters do not suit a task, as its class says; None where they do."""
    if fits_itself(method.cls):
        return None
    why: str | None = method.cls.unsuited(method.settings.params, task)  # type: ignore[union-attr]
    return why


def _no_filling(method: Method, handle: DatasetHandle, task: Task, protocol: Protocol) -> str | None:
    """Return why a method that fills in missing values cannot be measured by it on a dataset; None where it can."""
    if getattr(method.cls, "supervised", False) and task.name not in served_by(method.cls):
        return f"is trained for {' and '.join(sorted(served_by(method.cls)))} only"
    if method.cls.normalisation not in (None, protocol.resolve_normalisation(handle.card)):
        return f"insists on normalisation '{method.cls.normalisation}', and errors are in the unit of the protocol's"
    return None


def check_hides(protocol: Protocol, plugins: Plugins) -> None:
    """Raise UsageError where a protocol has missing values filled in and hides none."""
    if not protocol.imputes:
        return
    condition, advice = protocol.condition, "write what hides values after it, such as +samples=0.3"
    if condition.corruption == "none" or condition.level == 0:
        raise UsageError(f"protocol '{protocol.name}' hides nothing that could be filled in: {advice}")
    if condition.corrupter(plugins["corruptions"], "").corruption.makes != "gaps":
        raise UsageError(f"protocol '{protocol.name}': {condition.corruption} changes values and hides none: {advice}")


def check_felt(protocol: Protocol, methods: Sequence[Method]) -> None:
    """Raise UsageError where a part of the protocol's condition changes nothing for any method that is asked for."""
    asked = [method.cls for method in methods if method.asked and _able(method, protocol)]
    condition, name = protocol.condition, protocol.name
    taught = any(getattr(cls, "supervised", False) for cls in asked) and not protocol.retrieves
    if asked and condition.label_fraction < 1 and protocol.capability and not taught:
        raise UsageError(
            f"protocol '{name}': labels={condition.label_fraction:g} changes nothing, since nothing learns from labels "
            "here: leave it out"
        )
    fits = any(fits_itself(cls) or (protocol.probed and "represent" in capabilities(cls)) for cls in asked)
    if asked and condition.corruption != "none" and condition.stage == "downstream" and not fits:
        raise UsageError(
            f"protocol '{name}': @downstream is no more than @test, since nothing is fitted on what a method gives: "
            "write @test, or @all"
        )


def note_idle(plan: Plan, handle: DatasetHandle, protocol: Protocol) -> None:
    """Note that folds at random are asked for where nothing says whose the cases are."""
    if protocol.split.group is None and "+group=none" in protocol.name and handle.card.group is None:
        plan.remarks.append(
            f"note: {handle.name} names no group: under {protocol.name} its folds are those without +group=none"
        )


def _serves(protocol: str, task: Task, method: Method, plugins: Plugins, registry: Registry) -> bool:
    """Say whether a protocol's probe can measure the features of a method on a task."""
    with contextlib.suppress(TsbenchError):  # a probe of a plugin that is not here
        probe = plugins["probes"].get(registry.protocols[protocol].probe)
        return "represent" in capabilities(method.cls) and task.refuse(method.cls, probe) is None
    return False


def _corruptible(plan: Plan, handle: DatasetHandle, summary: Summary, protocol: Protocol, plugins: Plugins) -> bool:
    """Say whether a protocol's corruption makes sense of a dataset; the plan is told where it does not."""
    try:
        for one in protocol.condition.corrupted:
            one.corrupter(plugins["corruptions"], "", protocol.condition).check(summary.task, summary.n_channels)
    except UsageError as error:
        plan.invalid[handle.name] = f"{handle.name}: {error}"
        return False
    return True


def check_probe(protocol: Protocol, plugins: Plugins, registry: Registry) -> None:
    """Raise UsageError where a protocol gives its probe a parameter, or a value, that it does not take."""
    if not protocol.probed:
        return
    params, name = plugins["probes"].get(protocol.probe).Params, protocol.name.partition("+")[0]
    try:
        validate(params, protocol.probe_params, protocol.probe)
    except UsageError as error:
        line = registry.probed_at(name)
        raise UsageError(f"{f'registry {line}: ' if line else ''}protocol '{name}': probe_params: {error}") from None


def check_static(protocol: Protocol, handle: DatasetHandle, summary: Summary, plugins: Plugins) -> None:
    """Raise UsageError where a protocol appends static values that are not there, or to no features."""
    if protocol.static == "none":
        return
    if "static" not in summary.beside:
        raise UsageError(f"{handle.name} has no static values, which protocol '{protocol.name}' gives to its probe")
    if not protocol.probed or plugins["probes"].get(protocol.probe).needs != "features":
        words = {OWN_PROBE: "a method's own rule", RECONSTRUCT: "what a method fills in", RETRIEVE: "what it retrieves"}
        other = words.get(protocol.probe, protocol.probe)
        raise UsageError(f"protocol '{protocol.name}': static: append needs a probe on features, not {other}")
