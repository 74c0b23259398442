"""Ran: what came of a request, as it is returned to Python and printed by the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsbench.discovery.plugins import Plugins
from tsbench.execute.display import Display, quiet
from tsbench.execute.driver import Outcome, choose, execute
from tsbench.execute.where import Where
from tsbench.plan.request import Plan
from tsbench.plan.result import Result
from tsbench.store.store import Store
from tsbench.terminal import echo

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Ran:
    """What came of a request; its length is the number of runs that were asked for.

    outcome : the plan and what became of its runs. available : data that is missing is no fault. store : its name.
    notes : what the user was told before. read : returns the stored rows of keys.
    """

    outcome: Outcome
    available: bool
    store: str
    notes: tuple[str, ...]
    read: Callable[[Sequence[str]], pd.DataFrame]

    @property
    def keys(self) -> list[str]:
        """The keys of the runs, in the order of the plan."""
        return [spec.key for spec in self.outcome.plan.specs]

    @property
    def failures(self) -> list[Result]:
        """The results that failed this time; those of earlier times are in `frame`."""
        return self.outcome.failures()

    @property
    def exit_code(self) -> int:
        """130 interrupted, 1 some run failed, 3 only data is missing, 0 all that was asked succeeded."""
        return self.outcome.exit_code(self.available)

    def __len__(self) -> int:
        return len(self.outcome.plan.specs)

    def __repr__(self) -> str:
        return f"{self.summary()} Store: {self.store}"

    def frame(self) -> pd.DataFrame:
        """Return a row for each of these runs that the store has, as `Bench.results` does."""
        return self.read(self.keys)

    def summary(self) -> str:
        """Say in one line how many runs came to which end."""
        outcome = self.outcome
        counts = {
            "succeeded": len(outcome.results) - len(outcome.failures()) - len(outcome.cut_short()),
            "already in the store": len(outcome.already_done),
            "failed": len(outcome.failures()),
            "failed earlier (--retry runs them again)": len(outcome.earlier_failures),
            "interrupted": len(outcome.cut_short()),
            "with another driver": len(outcome.elsewhere),
        }
        counts["not started"] = len(self) - sum(counts.values())
        parts = [f"{count} {what}" for what, count in counts.items() if count or what == "succeeded"]
        return f"{len(self)} runs: {', '.join(parts)}."

    def as_json(self) -> dict[str, Any]:
        """Return what 'tsbench run --json' prints."""
        outcome = self.outcome
        return {
            "exit_code": self.exit_code,
            "interrupted": outcome.interrupted,
            "missing": outcome.plan.missing,
            "invalid": outcome.plan.invalid,
            "already_done": [spec.key for spec in outcome.already_done],
            "earlier_failures": {spec.key: status for spec, status in outcome.earlier_failures},
            "results": [
                {
                    "key": result.spec.key,
                    "method": result.spec.label,
                    "dataset": result.spec.dataset,
                    "protocol": result.spec.protocol.name,
                    "fold": result.spec.fold,
                    "seed": result.spec.seed,
                    "status": result.status,
                    "error": result.error,
                    "metrics": dict(result.metrics),
                    "warnings": list(result.warnings),
                }
                for result in outcome.results
            ],
        }


def run_plan(
    plan: Plan,
    store: Store,
    plugins: Plugins,
    where: Where,
    notes: Sequence[str],
    progress: bool,
    read: Callable[[Sequence[str]], pd.DataFrame],
    available: bool = False,
    retry: bool = False,
    force: bool = False,
    budget: float = float("inf"),
) -> Ran:
    """Run what a plan asks for and the store lacks; budget in seconds. With progress, notes and runs are shown."""
    todo, outcome = choose(plan, store, retry, force)
    if progress:
        echo(*notes, err=True)
    if todo:
        executor = where.make_executor(plugins, max(spec.threads for spec in todo), store, force)
        with Display() if progress else quiet() as display:
            execute(todo, outcome, executor, store, display, budget, force)
    return Ran(outcome, available, store.name, tuple(notes), read)
