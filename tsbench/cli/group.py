"""The command group: names and one-line helps are here, so that --help imports no command."""

from __future__ import annotations

import importlib
import textwrap

import click

from tsbench import __version__
from tsbench.cli.options import common_options

COMMANDS = {
    "run": ("tsbench.cli.run:run", "Run methods on datasets and store every result."),
    "tune": ("tsbench.cli.tune:tune", "Search the parameters of methods within the training part."),
    "dashboard": ("tsbench.cli.dashboard:dashboard", "Show the studies of tune in the browser."),
    "leaderboard": ("tsbench.cli.leaderboard:leaderboard", "Rank the methods of a collection from stored results."),
    "compare": ("tsbench.cli.compare:compare", "Put a method's results beside published ones."),
    "diff": ("tsbench.cli.diff:diff", "Say what changed between two stores beyond noise."),
    "stats": ("tsbench.cli.stats:stats", "Test what a leaderboard shows: groups, intervals, every two methods."),
    "boards": ("tsbench.cli.boards:boards", "Make all boards of a folder of evidence."),
    "submit": ("tsbench.cli.submit:submit", "Write results as evidence for others, or check such a file."),
    "plot": ("tsbench.cli.plot:plot", "Draw boards and runs, with the numbers behind the picture."),
    "reproduce": ("tsbench.cli.reproduce:reproduce", "Run a table of a paper and put ours beside the published."),
    "read": ("tsbench.cli.read:read", "Read what a run predicted: intervals, subgroups, calibration, net benefit."),
    "predict": ("tsbench.cli.predict:predict", "Apply a trained run to new data, labelled or not."),
    "explain": ("tsbench.cli.explain:explain", "Say on which values a decision hangs, and how far to believe it."),
    "realism": ("tsbench.cli.realism:realism", "Tell windows with values filled in from true ones."),
    "retrieve": ("tsbench.cli.retrieve:retrieve", "Find the nearest cases of a run for a text or a recording."),
    "results": ("tsbench.cli.results:results", "Print or export a row per run."),
    "list": (
        "tsbench.cli.list:list_names",
        "List methods, datasets, encoders, transforms, corruptions, probes, protocols, published results.",
    ),
    "show": ("tsbench.cli.show.command:show", "Show a method, a transform, a dataset or a run in full."),
    "data": (
        "tsbench.cli.data.command:data",
        "See which datasets are known and on this machine; fetch and verify them.",
    ),
    "status": ("tsbench.cli.status:status", "Show what is running, ended and left in a store."),
    "store": ("tsbench.cli.store.command:store", "Check, merge, prune and export the store of results."),
    "plugin": ("tsbench.cli.plugin:plugin", "See which plugins are installed and whether they load."),
}


class Formatter(click.HelpFormatter):
    """Writes help; the command of an example that is wider than the terminal goes on below, as a shell reads it."""

    def getvalue(self) -> str:
        """Return the help."""
        lines = super().getvalue().split("\n")
        return "\n".join(self._wrapped(line) if len(line) > self.width else line for line in lines)

    def _wrapped(self, line: str) -> str:
        indent = " " * (len(line) - len(line.lstrip()))
        whole_words = textwrap.TextWrapper(
            self.width - 2, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False
        )
        return " \\\n".join(whole_words.wrap(line))


click.Context.formatter_class = Formatter


class LazyGroup(click.Group):
    """A group that imports a command when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        from tsbench.terminal import guard_records

        guard_records()
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, suggesting the closest name when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from tsbench.discovery.catalog import did_you_mean

            ctx.fail(f"no such command '{args[0]}'{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and their one-line helps without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@common_options
def cli() -> None:
    """Benchmark representation learning on time series.

    \b
    Example:
      tsbench run --method trls --dataset uea --offline --available --floors
      tsbench leaderboard uea
    """
