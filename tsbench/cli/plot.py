"""tsbench plot: a command for each kind of picture."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tsbench.cli.leaderboard import selection
from tsbench.cli.options import Finite, bench, common_options, open_registry, open_store, settings
from tsbench.errors import UsageError
from tsbench.terminal import echo

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tsbench.leaderboard.table import Board
    from tsbench.store.store import Store

FILE = click.Path(path_type=Path)
NONE: Mapping[str, Any] = {}
F = TypeVar("F", bound=Callable[..., Any])


class Kinds(click.Group):
    """The kinds of pictures; of one that is none the closest is suggested."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a kind."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            from tsbench.discovery.catalog import did_you_mean

            hint = did_you_mean(args[0], self.commands) or f"; choose one of {', '.join(self.commands)}"
            ctx.fail(f"there is no picture '{args[0]}'{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Kinds)
def plot() -> None:
    """Draw boards and runs to PNG, SVG or PDF, readable without colour, with the numbers behind the picture.

    \b
    Examples:
      tsbench plot cd ucr --out cd.pdf --data cd.csv
      tsbench plot scatter ucr --method ts2vec,random:ts2vec --out pair.svg
      tsbench plot curves KEY KEY --out curves.png
    """


def _drawn(command: F) -> F:
    """Add the options of every picture."""
    for option in reversed(
        (
            click.option("--out", required=True, type=FILE, help="A .png, .svg, .pdf or .jpg file."),
            click.option("--data", type=FILE, metavar="FILE.csv", help="Also write the numbers of the picture."),
            click.option("--title", default="", help="In place of what the picture says of itself."),
            common_options,
        )
    ):
        command = option(command)
    return command


def _of_board(command: F) -> F:
    """Add what says of which results a board is."""
    return selection(_drawn(command))


def _of_runs(command: F) -> F:
    """Add the keys of runs."""
    return click.argument("keys", nargs=-1, required=True, metavar="KEY...")(_drawn(command))


@plot.command("cd")
@_of_board
@click.option("--alpha", default=0.05, show_default=True, type=Finite(0, 1, True, True), help="Of the tests.")
def cd(alpha: float, **asked: Any) -> int:
    """Critical-difference diagram.

    Average ranks on a line, with bars under methods that no test tells apart.
    """
    return _board("cd", asked, {"alpha": alpha})


@plot.command("mcm")
@_of_board
def mcm(**asked: Any) -> int:
    """Multi-comparison matrix.

    Each method against each other: mean difference, wins, ties and losses, p.
    """
    return _board("mcm", asked)


@plot.command("scatter")
@_of_board
def scatter(**asked: Any) -> int:
    """Two methods, a point per dataset, wins and losses."""
    return _board("scatter", asked)


@plot.command("matrix")
@_of_board
def matrix(**asked: Any) -> int:
    """Methods by datasets as a heat map with numbers."""
    return _board("matrix", asked)


@plot.command("box")
@_of_board
@click.option("--reference", default="", metavar="METHOD", help="Draw differences from this method.")
def box(reference: str, **asked: Any) -> int:
    """How each method spreads over the datasets.

    Or its differences from the method that --reference names.
    """
    options = {"reference": reference}
    return _board("box", asked, options, options)


@plot.command("cost")
@_of_board
def cost(**asked: Any) -> int:
    """Mean metric against seconds of training.

    With the methods that no other beats in both.
    """
    return _board("cost", {**asked, "costs": True})


@plot.command("labels")
@_of_board
def labels(**asked: Any) -> int:
    """Mean metric against the share of labels.

    Of runs under PROTOCOL and PROTOCOL+labels=F: 'tsbench run --protocol linear,linear+labels=0.1' makes some.
    """
    return _conditions("labels", asked)


@plot.command("robustness")
@_of_board
def robustness(**asked: Any) -> int:
    """Mean metric against the level of corruptions.

    Of runs under PROTOCOL and PROTOCOL+CORRUPTION=LEVEL@STAGE: 'tsbench run --protocol linear,linear+noise=10' makes
    some. A panel per corruption and stage.
    """
    return _conditions("robustness", asked)


@plot.command("curves")
@_of_runs
def curves(**asked: Any) -> int:
    """The training curves of runs, a panel per loss."""
    return _runs("curves", asked, lambda module, runs, store: module.numbers(runs))


@plot.command("tsne")
@_of_runs
@click.option("--device", default="auto", show_default=True, help="Where test cases are encoded: cpu, cuda or cuda:N.")
def tsne(device: str, **asked: Any) -> int:
    """Features of test cases on a plane (t-SNE).

    Weights come from the run's checkpoint beside the store; where there is none, the method is trained anew.
    """

    def numbers(module: Any, runs: list[dict[str, Any]], store: Store) -> pd.DataFrame:
        from tsbench.execute.where import Where
        from tsbench.identity import UNTRAINED
        from tsbench.methods.capabilities import check_able
        from tsbench.plan.again import spec_of

        plugins, registry = settings().plugins(), open_registry()
        worker = Where(device).make_worker(plugins, store)
        for run in runs:
            name = str(run["method"])
            check_able(name, plugins["methods"].get(name.removeprefix(UNTRAINED)), "represent")
        found: pd.DataFrame = module.numbers(
            runs, lambda run: worker.opened(spec_of(run, plugins, registry)).test_features()
        )
        return found

    return _runs("tsne", asked, numbers)


@plot.command("calibration")
@_of_runs
def calibration(**asked: Any) -> int:
    """Reliability diagram with ECE.

    How often runs are right when they say how sure they are; they need probabilities.
    """

    def numbers(module: Any, runs: list[dict[str, Any]], store: Store) -> pd.DataFrame:
        found: pd.DataFrame = module.numbers(runs, [store.predictions(run["key"]) for run in runs])
        return found

    return _runs("calibration", asked, numbers)


def _board(kind: str, asked: dict[str, Any], reads: Mapping[str, Any] = NONE, draws: Mapping[str, Any] = NONE) -> int:
    """Draw a board. reads, draws : options of `numbers` and `draw` of the kind's module."""
    write, title = _writer(asked)
    from tsbench.plots.about import about

    module = importlib.import_module(f"tsbench.plots.{kind}")
    board = bench().leaderboard(**asked)
    frame = module.numbers(board, **reads)
    return write(frame, module.draw(frame, about(board, title), **draws))


def _conditions(kind: str, asked: dict[str, Any]) -> int:
    """Draw what boards of a protocol under several conditions have."""
    write, title = _writer(asked)
    from dataclasses import replace

    from tsbench.leaderboard.export import title as title_of
    from tsbench.leaderboard.query import protocol_of
    from tsbench.plots.about import about, named
    from tsbench.plots.conditions import boards_under, collected

    module, plugins, registry = importlib.import_module(f"tsbench.plots.{kind}"), settings().plugins(), open_registry()
    base = protocol_of(asked["names"], asked.pop("protocol"), asked["task"], plugins, registry)
    with contextlib.closing(open_store(must_exist=True)) as store:
        known = store.names("protocol")

    def make(name: str) -> Board:
        return bench().leaderboard(protocol=name, **asked)

    boards = boards_under(
        base, known, lambda name: registry.protocol(name, plugins), make, module.varied, module.EXAMPLE
    )
    frame, first = collected(boards), replace(next(iter(boards.values())), protocol=base)
    return write(frame, module.draw(frame, about(first, title or title_of(named(first)))))


def _runs(kind: str, asked: dict[str, Any], numbers: Callable[[Any, list[dict[str, Any]], Store], pd.DataFrame]) -> int:
    """Draw runs; numbers : returns those of the kind's module."""
    write, title = _writer(asked)
    from tsbench.plots.runs import shared

    module, opened = importlib.import_module(f"tsbench.plots.{kind}"), bench()
    runs = [opened.show(key) for key in asked["keys"]]
    keys = [run["key"] for run in runs]
    if len({*keys}) < len(keys):
        raise UsageError(f"{kind}: a run is named twice, {next(key for key in keys if keys.count(key) > 1)[:12]}")
    with contextlib.closing(open_store(must_exist=True)) as store:
        frame = numbers(module, runs, store)
    return write(frame, module.draw(frame, title or shared(runs)))


def _writer(asked: dict[str, Any]) -> tuple[Callable[[pd.DataFrame, Figure], int], str]:
    """Return what writes the files of --out and --data, both checked before any work, and --title."""
    from tsbench.output import check_file, write_bytes
    from tsbench.plots.drawing import check_output, save

    out, data, title = (asked.pop(name) for name in ("out", "data", "title"))
    check_output("--out", out)
    if data is not None:
        if data.suffix != ".csv":
            raise UsageError(f"--data {data}: choose a file that ends in .csv")
        check_file(data, "--data")

    def write(frame: pd.DataFrame, figure: Figure) -> int:
        from tsbench.leaderboard.cells import to_csv

        save(figure, out)
        if data is not None:
            write_bytes(data, to_csv(frame, float_format=None).encode())
        echo(f"written to {out}" + ("" if data is None else f" and {data}"))
        return 0

    return write, title
