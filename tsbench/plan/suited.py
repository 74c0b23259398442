"""What suits a dataset: which methods under which protocols, and what of its cases nothing reads."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchError, UsageError
from tsbench.methods.capabilities import capabilities, check_able
from tsbench.plan.datasets import DatasetHandle, Summary
from tsbench.plan.methods import Method
from tsbench.plan.request import Plan
from tsbench.protocol import OWN_PROBE, Protocol
from tsbench.registry import Registry
from tsbench.tasks import TASKS

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


def _serves(protocol: str, task: Task, method: Method, plugins: Plugins, registry: Registry) -> bool:
    """Say whether a protocol's probe can measure the features of a method on a task."""
    with contextlib.suppress(TsbenchError):  # a probe of a plugin that is not here
        probe = plugins["probes"].get(registry.protocols[protocol].probe)
        return "represent" in capabilities(method.cls) and task.refuse(method.cls, probe) is None
    return False


def _corruptible(plan: Plan, handle: DatasetHandle, summary: Summary, protocol: Protocol, plugins: Plugins) -> bool:
    """Say whether a protocol's corruption makes sense of a dataset; the plan is told where it does not."""
    if protocol.condition.corruption == "none":
        return True
    try:
        protocol.condition.corrupter(plugins["corruptions"], "").check(summary.task, summary.n_channels)
    except UsageError as error:
        plan.invalid[handle.name] = f"{handle.name}: {error}"
        return False
    return True


def check_static(protocol: Protocol, handle: DatasetHandle, summary: Summary, plugins: Plugins) -> None:
    """Raise UsageError where a protocol appends static values that are not there, or to no features."""
    if protocol.static == "none":
        return
    if "static" not in summary.beside:
        raise UsageError(f"{handle.name} has no static values, which protocol '{protocol.name}' gives to its probe")
    if protocol.probe == OWN_PROBE or plugins["probes"].get(protocol.probe).needs != "features":
        other = "a method's own rule" if protocol.probe == OWN_PROBE else protocol.probe
        raise UsageError(f"protocol '{protocol.name}': static: append needs a probe on features, not {other}")
