"""Options that every command takes, and what they set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tsbench.errors import UsageError
from tsbench.text import split_names

if TYPE_CHECKING:
    from tsbench.api import Bench
    from tsbench.discovery.plugins import Plugins

METRIC_HELP = "What is compared.  [default: the task's: accuracy, auroc_macro (multilabel), mae (regression)]"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Settings:
    """What the common options said; one object per invocation, kept on the root context.

    given : the words of those that a repetition of what is shown needs too.
    """

    store: str | None = None
    registry: Path | None = None
    plugin_files: list[Path] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    _loaded: Plugins | None = None

    def plugins(self) -> Plugins:
        """Return the installed plugins together with the files given by --plugin, which are loaded once."""
        from tsbench.discovery.plugins import plugins, plugins_with  # not for --help, which it would slow down

        if self._loaded is None:
            self._loaded = plugins_with(self.plugin_files) if self.plugin_files else plugins()
        return self._loaded


def settings() -> Settings:
    """Return the settings of the running command."""
    found = click.get_current_context().find_root().ensure_object(Settings)
    assert isinstance(found, Settings)
    return found


def open_store(must_exist: bool = False) -> Any:
    """Open the store that --store names."""
    from tsbench.store.store import DEFAULT_STORE, Store

    return Store(settings().store or os.environ.get("TSBENCH_STORE") or DEFAULT_STORE, must_exist)


def open_registry() -> Any:
    """Read registry.yaml, with the user's own merged over it."""
    from tsbench.registry import load_registry

    return load_registry(settings().registry)


def bench(**options: Any) -> Bench:
    """Return the Bench that the common options and these say."""
    from tsbench.api import Bench

    return Bench(settings().store, registry=settings().registry, plugins=settings().plugins(), **options)


def common_options(command: F) -> F:
    """Add the options that every command takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def plot_option(text: str) -> Callable[[F], F]:
    """Return the option --plot of a command that draws what it shows."""
    return click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.svg|png", help=text)


def task_option(command: F) -> F:
    """Add the option --task, for files."""
    text = "What the labels of files are: classification, multilabel or regression.  [default: as the file says]"
    return click.option("--task", type=click.Choice(["classification", "multilabel", "regression"]), help=text)(command)


def fetch_option(command: F) -> F:
    """Add the option --fetch, for published results that are not on this machine."""
    text = "Fetch results of the bake-off (bakeoff/NAME) that are not on this machine, from their public home."
    return click.option("--fetch", is_flag=True, help=text)(command)


def fetch_published(names: Sequence[str]) -> None:
    """Fetch those of these published results that have to be fetched, and say size and sha256 of each."""
    from tsbench.papers import bakeoff
    from tsbench.terminal import echo

    for name in names:
        source, _, method = name.partition("/")
        if source == bakeoff.SOURCE and method:
            echo(bakeoff.fetch(method), err=True)


def skip_bad_option(command: F) -> F:
    """Add the option --skip-bad, for folders of recordings."""
    text = "Leave out recordings of a folder that cannot be used; which, stands in the row."
    return click.option("--skip-bad", is_flag=True, help=text)(command)


def seeds_option(default: str | None, text: str) -> Callable[[F], F]:
    """Return the option --seeds; its value is a tuple of seeds, or None where neither it nor a default is given."""
    return click.option(
        "--seeds", default=default, show_default=True, metavar="N|0,1,2", callback=_read_seeds, help=text
    )


def _read_seeds(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    from tsbench.plan.request import parse_seeds

    return parse_seeds(value)


def split_commas(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Read a comma-separated option that may be repeated; a path that exists stays whole, commas and all."""
    return split_names(value, os.path.exists)


def executor_options(command: F) -> F:
    """Add the options that say where runs are done and what each may take."""
    for option in reversed(_EXECUTOR_OPTIONS):
        command = option(command)
    return command


def fold_option(command: F) -> F:
    """Add the option --fold; its value is a tuple of numbers, empty for all folds."""
    option = click.option(
        "--fold",
        "folds",
        multiple=True,
        metavar="N",
        callback=_read_folds,
        help="Only these folds, from 0.  [default: all]",
    )
    return option(command)


def _read_folds(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[int, ...]:
    from tsbench.plan.request import parse_folds

    return parse_folds(value)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None or value == () or value is False:
        return
    found = context.find_root().ensure_object(Settings)
    for one in value if isinstance(value, tuple) else [value]:
        if parameter.name == "data_dir" and os.pathsep in str(one):
            raise UsageError(f"--data-dir {one}: {os.pathsep!r} parts the folders of TSBENCH_DATA; rename the folder")
        # A database's URL may hold a password.
        if one is not True and "://" not in str(one):
            found.given += [parameter.opts[0], str(one)]
    if parameter.name == "plugin_files":
        found.plugin_files.extend(value)
    elif parameter.name == "data_dir":
        known = os.environ.get("TSBENCH_DATA", "")
        os.environ["TSBENCH_DATA"] = os.pathsep.join([*map(str, value), *([known] if known else [])])
    elif parameter.name == "artifacts":
        os.environ["TSBENCH_ARTIFACTS"] = value
    elif parameter.name in ("offline", "debug"):
        os.environ[f"TSBENCH_{parameter.name.upper()}"] = "1"
    else:
        setattr(found, str(parameter.name), value)


def _option(*names: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_keep, is_eager=True, **attributes)


_OPTIONS = (
    _option("--store", metavar="URL", help="Store of results: a file or a database URL.  [default: tsbench.db]"),
    _option("--artifacts", metavar="FOLDER|URL", help="Where checkpoints are kept.  [default: beside the store]"),
    _option(
        "--data-dir",
        multiple=True,
        type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
        help="Folder of archive files; may be repeated. TSBENCH_DATA names more.",
    ),
    _option("--offline", is_flag=True, help="Never touch the network."),
    _option("--registry", type=click.Path(path_type=Path), help="Your own registry.yaml, merged over the built-in."),
    _option(
        "--plugin",
        "plugin_files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Load a plugin from a single Python file; may be repeated.",
    ),
    _option("--debug", is_flag=True, help="Show tracebacks."),
)

_EXECUTOR_OPTIONS = (
    click.option(
        "--workers",
        default=1,
        show_default=True,
        type=click.IntRange(1, 1024),
        help="Runs at a time on each device: small runs share a GPU.",
    ),
    click.option(
        "--executor",
        default="local",
        show_default=True,
        type=click.Choice(["local", "ray"]),
        help="This machine, or a Ray cluster.",
    ),
    click.option(
        "--address", default="", metavar="HOST:PORT", help="Ray cluster.  [default: RAY_ADDRESS, or a new one]"
    ),
    click.option(
        "--time-limit", type=float, metavar="SECONDS", help="End a run that takes longer.  [default: no limit]"
    ),
    click.option(
        "--memory-limit",
        metavar="SIZE",
        help="End a run whose processes take more memory, such as 512M or 4G.  [default: none]",
    ),
)
