"""What stands in the way of a plan, and what it does not use, in lines for the user."""

from __future__ import annotations

from tsbench.plan.request import Plan

HINT = "--available takes what is on this machine and exits 0."


def notes(plan: Plan, hint: bool = False) -> list[str]:
    """Say what the user should know before the runs begin; hint : of --available, too, where data is missing."""
    hints = [HINT] if hint and (plan.missing or plan.missing_sources) else []
    return [*_problems(plan), *hints, *unread_notes(plan)]


def _problems(plan: Plan) -> list[str]:
    """Say which datasets cannot take part, in one line per kind of reason."""
    lines = [f"error: {reason}" for reason in plan.invalid.values()]
    for missing, what in ((plan.missing, "datasets"), (plan.missing_sources, "datasets of --pretrain-on")):
        several = [name for name in missing if name in plan.fetchable]
        if len(several) > 1:
            lines.append(
                f"{len(several)} {what} are not on this machine: {', '.join(several)}. Get them with 'tsbench data "
                "fetch NAME...', or add the folder that holds them with --data-dir or TSBENCH_DATA."
            )
        lines += [reason for name, reason in missing.items() if len(several) < 2 or name not in several]
    return lines


def unread_notes(plan: Plan) -> list[str]:
    """Say, in a line each, what cases have that no method of the plan reads, and the plan's remarks."""
    noted = plan.unread.items()
    lines = [f"note: {name} has {' and '.join(words)}, which none of the chosen methods reads" for name, words in noted]
    return [*lines, *plan.remarks]
