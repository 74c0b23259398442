"""tsbench store."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tsbench.cli.options import Finite, bench, common_options, open_registry, open_store, settings
from tsbench.cli.ui.refusals import echo_refused
from tsbench.errors import TsbenchError, UsageError
from tsbench.terminal import echo

if TYPE_CHECKING:
    from tsbench.store.store import Store


@click.group()
def store() -> None:
    """Look after the store of results: what it holds, whether it is in order, merging, pruning, export."""


@store.command()
@common_options
def info() -> int:
    """Print where the store is, its schema, its runs by status, its size and that of its checkpoints.

    A store of an older schema is brought up to date.

    \b
    Example:
      tsbench store info --store postgresql://me@db.example/tsbench
    """
    from tsbench.store.info import describe

    with contextlib.closing(open_store(must_exist=True)) as opened:
        facts = describe(opened)
    for name, value in facts.items():
        echo(f"{name:<12}  {value}")
    return 0


@store.command()
@common_options
def check() -> int:
    """Check the database, that every metric follows from its predictions, and every checkpoint's sha256.

    Exits 1 and says what to do when something is wrong.

    \b
    Example:
      tsbench store check
    """
    from tsbench.store.check import check as problems_of

    count = 0
    with contextlib.closing(open_store(must_exist=True)) as opened:
        for problem in problems_of(opened):
            count += 1
            echo(problem.what, f"  remedy: {problem.remedy}")
    echo(f"{count} problems in {opened.name}" if count else f"{opened.name} is in order")
    return 1 if count else 0


@store.command()
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
@click.option("--other-artifacts", help="Folder or URL of the others' checkpoints.  [default: beside each]")
@common_options
def merge(others: tuple[str, ...], other_artifacts: str | None) -> int:
    """Copy into --store the runs of other stores that it lacks or where only theirs succeeded.

    Attempts, predictions, environments and checkpoints come along, and the studies of 'tsbench tune'. A run that
    succeeded in both with different metrics, or a study searched in both apart, is a conflict: it is reported, ours is
    kept, and the exit code is 1. Merging twice changes nothing.

    OTHER may be evidence: a .parquet file of 'tsbench submit', or a folder of such. It is verified first; a line names
    file and row of what is refused, and the exit code is 1.

    \b
    Examples:
      tsbench store merge node1.db node2.db --store all.db
      tsbench store merge leaderboards/results --store all.db
    """
    from tsbench.evidence import is_evidence
    from tsbench.store.merge import merge as merge_stores
    from tsbench.store.store import Store

    n_conflicts = 0
    with contextlib.closing(open_store()) as ours:
        for url in others:
            if is_evidence(url):
                n_conflicts += _bring(ours, Path(url))
                continue
            with contextlib.closing(Store(url, must_exist=True, artifacts=other_artifacts or "")) as other:
                if other.url == ours.url:
                    raise UsageError(f"{other.name} is the store that --store names; name another one to merge")
                report = merge_stores(ours, other)
                n_studies, apart = _merge_studies(ours, other)
            for line in report.skipped:
                echo(f"left out: {line}", err=True)
            conflicts = [*report.conflicts, *apart]
            for line in conflicts:
                echo(f"conflict, ours is kept: {line}")
            n_conflicts += len(conflicts)
            echo(
                f"{other.name}: {len(report.copied)} runs, {report.n_checkpoints} checkpoints and {n_studies} studies "
                f"copied, {len(conflicts)} conflicts"
            )
    return 1 if n_conflicts else 0


def _bring(ours: Store, path: Path) -> int:
    """Bring verified evidence into a store; return how many rows were refused or in conflict."""
    from tsbench.evidence.bring import bring
    from tsbench.evidence.shard import find
    from tsbench.evidence.verify import Verifier

    copied, conflicts, refused = 0, 0, 0
    for found in Verifier(settings().plugins(), open_registry()).files(find(path)):
        report = bring(ours, found.runs)
        echo_refused(found.refused)
        for line in (*report.conflicts, *found.conflicts):
            echo(f"conflict, ours is kept: {line}")
        copied, refused = copied + len(report.copied), refused + len(found.refused)
        conflicts += len(report.conflicts) + len(found.conflicts)
    echo(f"{path}: {copied} runs copied, {conflicts} conflicts, {refused} refused")
    return conflicts + refused


def _merge_studies(ours: Store, other: Store) -> tuple[int, list[str]]:
    """Copy the studies of a store, where there are any; return how many, and the conflicts."""
    from tsbench.tune import require
    from tsbench.tune.tables import study_names

    names = study_names(other)
    if not names:
        return 0, []
    try:
        require("optuna")
        from tsbench.tune.merge import copy_studies

        copied, conflicts = copy_studies(ours, other)
    except TsbenchError as error:
        echo(f"warning: {len(names)} studies left out: {error}", err=True)
        return 0, []
    return len(copied), conflicts


@store.command()
@click.option(
    "--checkpoints",
    type=click.Choice(["all", "failed", "damaged", "unreferenced"]),
    help="Checkpoints to remove: all, those of failed runs, damaged ones, files that no row names.",
)
@click.option("--older-than", type=Finite(0), metavar="DAYS", help="Of these only the ones made before.")
@click.option("--attempts", type=click.Choice(["superseded"]), help="Attempts that are not their run's result.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed.")
@common_options
def prune(checkpoints: str | None, older_than: float | None, attempts: str | None, dry_run: bool) -> int:
    """Remove checkpoints and attempts that nobody will ask for, and claims of drivers that are gone.

    Results, metrics and predictions always stay. A run that needs a removed checkpoint trains anew.

    \b
    Examples:
      tsbench store prune --checkpoints all --older-than 30 --dry-run
      tsbench store prune --checkpoints unreferenced --attempts superseded
    """
    from tsbench.store import prune as store_prune

    if older_than is not None and checkpoints is None:
        raise UsageError("--older-than needs --checkpoints all, failed, damaged or unreferenced")
    with contextlib.closing(open_store(must_exist=True)) as opened:
        found = store_prune.plan(opened, checkpoints, older_than, attempts is not None)
        if not dry_run:
            store_prune.remove(opened, found)
    for name, size in found.files.items():
        echo(f"{name}  {size} bytes")
    echo(
        f"{'would remove' if dry_run else 'removed'}: {len(found.files)} checkpoint files "
        f"({sum(found.files.values()) / 2**20:.1f} MiB), {len(found.attempts)} attempts, "
        f"{len(found.environments)} environments, {len(found.claims)} expired claims"
    )
    return 0


@store.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File: .parquet, .csv or .jsonl.")
@common_options
def export(out: Path) -> int:
    """Write one flat row per run: key, method, dataset, protocol, fold, seed, status, metrics, costs, parameters.

    \b
    Example:
      tsbench store export --out results.parquet
    """
    from tsbench.cli.results import form_of
    from tsbench.leaderboard.results import write_results

    form = form_of(out)
    count = write_results(bench().frames(), out, form)
    echo(f"{count} runs written to {out}")
    return 0
