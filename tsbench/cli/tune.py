"""tsbench tune."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tsbench.cli.options import (
    METRIC_HELP,
    common_options,
    executor_options,
    fold_option,
    open_registry,
    open_store,
    seeds_option,
    settings,
    skip_bad_option,
    split_commas,
    task_option,
)
from tsbench.errors import InvalidDataError, UsageError
from tsbench.terminal import echo

if TYPE_CHECKING:
    from tsbench.execute.where import Where


@click.command()
@click.option("--method", "methods", multiple=True, callback=split_commas, help="Methods, comma-separated.")
@click.option("--dataset", "datasets", multiple=True, callback=split_commas, help="Datasets, collections or paths.")
@click.option(
    "--protocol", "protocols", multiple=True, callback=split_commas, help="Protocols.  [default: the dataset's]"
)
@click.option(
    "--trials", default=20, show_default=True, type=click.IntRange(1), help="Trials of each study, earlier included."
)
@click.option(
    "--timeout",
    default=float("inf"),
    metavar="HOURS",
    type=click.FloatRange(0, min_open=True),
    help="Start no further trial of a study whose trials took as long, earlier included.  [default: no limit]",
)
@click.option("--metric", help=METRIC_HELP)
@task_option
@skip_bad_option
@seeds_option("1", "Seeds a trial is averaged over; 'N,' is seed N alone.")
@fold_option
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Fix a parameter; may be repeated.")
@click.option(
    "--space",
    "spaces",
    multiple=True,
    metavar="KEY=LOW:HIGH[:log]|KEY=A,B",
    help="Search a parameter here; may be repeated.  [default: as declared, near the method's default]",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N,...", help="Where to compute."
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 1024), help="CPU threads of a run.")
@executor_options
@click.option("--show", is_flag=True, help="Try nothing: print what the studies found, and which parameters mattered.")
@click.option("--plot", type=click.Path(path_type=Path), help="With --show of one study: draw it to this file.")
@common_options
def tune(
    methods: list[str],
    datasets: list[str],
    protocols: list[str],
    trials: int,
    timeout: float,
    metric: str | None,
    task: str | None,
    skip_bad: bool,
    seeds: tuple[int, ...],
    folds: tuple[int, ...],
    pairs: tuple[str, ...],
    spaces: tuple[str, ...],
    device: str,
    threads: int,
    show: bool,
    plot: Path | None,
    **where: Any,
) -> int:
    """Search the parameters of methods, each for each dataset, by their score within the training part.

    The training part is split once more; the test part is never used. The same command goes on with a study until it
    has the trials asked for, also beside others like it on other machines. Then 'tsbench run --tuned' takes the best.
    With several workers each is given a study of its own as long as there are enough; limits are those of a run.

    Exit codes: 0 every study has a completed trial, 1 some has none, 2 wrong usage, 3 only data is missing,
    130 interrupted.

    \b
    Examples:
      tsbench tune --method trls --dataset uea --trials 20 --workers 4
      tsbench tune --method ts2vec --dataset GunPoint --set encoder.depth=4 --space encoder.hidden=16:128:log
      tsbench tune --method trls --dataset GunPoint --show --plot gunpoint.svg
    """
    from tsbench.data.memory import limit_reading
    from tsbench.execute.where import Where
    from tsbench.plan.asked import with_tasks
    from tsbench.plan.plan import make_plan
    from tsbench.plan.problems import unread_notes
    from tsbench.plan.request import Request, parse_overrides
    from tsbench.tasks import metric_for
    from tsbench.tune import require

    require("optuna")
    metric_for({}, metric)
    if not methods or not datasets:
        raise UsageError("name at least one --method and one --dataset; see 'tsbench tune --help'")
    if math.isnan(timeout):
        raise UsageError("--timeout nan: give a number of hours above 0")
    if plot is not None and not show:
        raise UsageError("--plot goes with --show")
    if plot is not None:
        from tsbench.plots.drawing import check_output

        check_output("--plot", plot)
    overrides, wanted, place = parse_overrides(pairs), _parse_spaces(spaces), Where(device, **where)
    limit_reading(place.check().memory)  # planning, too, reads no dataset that takes more than a run may
    click.get_current_context().call_on_close(lambda: limit_reading(None))
    plugins, registry = settings().plugins(), open_registry()
    datasets = with_tasks(datasets, task, plugins, registry, skip_bad)
    request = Request(methods, datasets, protocols, (0,), overrides, threads=threads, folds=folds)
    plan = make_plan(request, plugins, registry)
    for problem in [*plan.missing.values(), *plan.invalid.values()]:
        echo(f"error: {problem}", err=True)
    metric = metric_for({spec.dataset: spec.task for spec in plan.specs}, metric)
    if show:
        return _show(plan, metric, overrides, plot)
    for note in unread_notes(plan):
        echo(note, err=True)
    searching = {"metric": metric, "seeds": seeds, "fixed": overrides, "spaces": wanted}
    failed = _search(plan, searching, trials, timeout * 3600, threads, place)
    return 1 if failed or plan.invalid else 3 if plan.missing else 0


def _search(plan: Any, searching: Mapping[str, Any], trials: int, limit: float, threads: int, where: Where) -> int:
    """Run every study of a plan; return how many could not be searched or have no completed trial."""
    from tsbench.execute.log import DriverLog, log_folder
    from tsbench.execute.owner import owner_name
    from tsbench.tune.driver import run_searches
    from tsbench.tune.merge import rescued
    from tsbench.tune.search import check_searches, open_search
    from tsbench.tune.storage import open_studies

    with contextlib.closing(open_store()) as store, open_studies(store) as storage:
        check_searches(plan.specs, storage, settings().plugins(), **searching)
        telling = _Telling(len(plan.specs))

        def searches() -> Iterator[Any]:
            for spec in plan.specs:
                try:
                    search = open_search(spec, storage, settings().plugins(), **searching)
                except InvalidDataError as error:
                    echo(f"error: {error}", err=True)
                    telling.failed += 1
                    continue
                telling.began(search)
                yield search

        if plan.specs:
            executor = where.make_executor(settings().plugins(), threads)
            with rescued(store, storage), DriverLog(log_folder(store), owner_name()) as log:
                run_searches(searches(), executor, trials, limit, telling.trial_ended, telling.search_ended, log)
        echo(f"{len(plan.specs)} studies in {store.name}")
    return telling.failed


class _Telling:
    """Prints what becomes of the studies; a line names its study where another one was the last to be named."""

    def __init__(self, total: int) -> None:
        self.total, self.count, self.failed = total, 0, 0
        self._named = ""

    def began(self, search: Any) -> None:
        self.count += 1
        self._named = search.study.study_name
        space = "; ".join(one.text() for one in search.dimensions)
        echo(f"study {self.count}/{self.total}: {self._named}")
        echo(f"  space: {space}")
        if search.instead_of:
            echo(f"  in place of {search.instead_of}, made when the data was split otherwise")

    def trial_ended(self, search: Any, trial: Any) -> None:
        from tsbench.tune.report import describe

        self._name(search)
        echo(f"  {describe(trial)}")

    def search_ended(self, search: Any) -> None:
        from tsbench.tune.report import describe
        from tsbench.tune.storage import best, ended

        name, top, trials = search.study.study_name, best(search.study), ended(search.study)
        self._name(search)
        if elsewhere := search.running():
            echo(f"  {elsewhere} under way in another process, or killed: then run this again in 2 minutes")
        if top is not None:
            echo(f"  best of {len(trials)}: {describe(top)}")
            return
        self.failed += 1
        if trials:
            reason = trials[-1].user_attrs.get("error", "pruned")
            echo(f"error: {name}: all {len(trials)} trials failed; the last: {reason}", err=True)
        else:
            echo(f"error: {name}: no trial has ended; run this again, with a larger --timeout if any", err=True)

    def _name(self, search: Any) -> None:
        if self._named != search.study.study_name:
            self._named = search.study.study_name
            echo(f"{self._named}:")


def _show(plan: Any, metric: str, overrides: Mapping[str, str], plot: Path | None) -> int:
    from tsbench.tune.report import lines
    from tsbench.tune.report import plot as draw
    from tsbench.tune.storage import load_study, name_on_split, open_studies

    if plot is not None and len(plan.specs) != 1:
        raise UsageError(f"--plot draws one study, these are {len(plan.specs)}; name one method and one dataset")
    absent, plugins = [], settings().plugins()
    with contextlib.closing(open_store(must_exist=True)) as store, open_studies(store) as storage:
        for spec in plan.specs:
            try:
                study = load_study(name_on_split(spec, storage, plugins, metric, overrides), storage)
            except UsageError as error:
                absent.append(error)
                echo(f"error: {error}", err=True)
                continue
            if plot is not None:  # before the screen: what cannot be printed loses no file
                from tsbench.plots.drawing import drawing

                with drawing(10, 4, plot) as figure:
                    draw(study, figure)
            echo(*lines(study))
            if plot is not None:
                echo(f"written to {plot}")
    problems = bool(absent or plan.invalid)
    return 2 if absent and len(absent) == len(plan.specs) else 1 if problems else 3 if plan.missing else 0


def _parse_spaces(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key or key in found:
            raise UsageError(f"--space {pair}: write KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=A,B, each key once")
        found[key.strip()] = text.strip()
    return found
