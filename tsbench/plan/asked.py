"""What a user asks for, as the command line takes it (text) or as Python has it (names, numbers, sequences)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.plan.datasets import looks_like_path, with_task
from tsbench.plan.prepared import FROM, SKIP_BAD, take_apart
from tsbench.plan.request import Request, parse_folds, parse_overrides, parse_seeds
from tsbench.registry import Registry
from tsbench.tasks import TASKS
from tsbench.text import split_names

Names = str | Path | Iterable[str | Path]
Numbers = int | str | Iterable[int]


def read_names(asked: Names | None, option: str, known: Callable[[str], bool] = os.path.exists) -> list[str]:
    """Return the names in a text with commas, or in a sequence of such; one that is known stays whole, commas and all.

    Raises UsageError, which names the option, where one is no name.
    """
    given: list[Any] = [] if asked is None else [*asked] if _several(asked) else [asked]
    for one in given:
        if not isinstance(one, str | Path):
            raise UsageError(f"{option} {one!r}: give a name, or several, as text")
    return split_names(map(str, given), known)


def read_choice(asked: Names | None, option: str, known: Callable[[str], bool] = os.path.exists) -> list[str]:
    """Return names as `read_names` does, where none stands for all or for a default.

    Raises UsageError for what names nothing, such as a variable of the shell that is not set.
    """
    found = read_names(asked, option, known)
    if (asked and not found) or asked == "":
        raise UsageError(f"{option}: what is given names nothing; leave it out, or give a name")
    return found


def read_keys(asked: Names) -> list[str]:
    """Return the starts of keys of runs; raises UsageError where there is none."""
    found = read_names(asked, "KEY")
    if not found:
        raise UsageError("name a run by the start of its key; see 'tsbench results'")
    return found


def read_folders(asked: Names) -> list[str]:
    """Return the absolute names of folders with datasets; raises UsageError where one is none."""
    found = [Path(name) for name in read_names(asked, "--data-dir")]
    for folder in found:
        if not folder.is_dir():
            raise UsageError(f"--data-dir {folder}: there is no such folder")
    return [str(folder.resolve()) for folder in found]


def read_seeds(asked: Numbers) -> tuple[int, ...]:
    """Return the seeds that a number of them, a text as --seeds takes it, or a sequence stands for."""
    return parse_seeds(f"{_joined(asked)}," if _several(asked) else _text(asked))


def read_folds(asked: Numbers) -> tuple[int, ...]:
    """Return the folds that a number, a text as --fold takes it, or a sequence stands for; () for all."""
    return parse_folds([_joined(asked) if _several(asked) else _text(asked)])


def read_overrides(*given: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as --set takes them; raises UsageError where a key is given twice."""
    return parse_overrides([f"{key}={_text(value)}" for one in given for key, value in one.items()])


def read_request(
    registry: Registry,
    methods: Names,
    datasets: Names,
    protocol: Names | None,
    seeds: Numbers | None,
    suite: str | None,
    floors: bool,
) -> Request:
    """Return a request for these, or for what a suite stands for."""
    names, on = read_names(methods, "--method"), read_names(datasets, "--dataset")
    protocols, default = read_choice(protocol, "--protocol"), (0,)
    if suite is not None:
        if names or on or protocols or floors:
            raise UsageError("--suite brings its own methods, datasets and protocols; drop the other options")
        chosen = registry.find("suites", suite)
        names, on, protocols = list(chosen.methods), [chosen.collection], list(chosen.protocols)
        floors, default = chosen.floors, chosen.all_seeds()
    if not names or not on:
        raise UsageError("name at least one --method and one --dataset, or a --suite; see 'tsbench run --help'")
    return Request(names, on, protocols, default if seeds is None else read_seeds(seeds), floors=floors)


def with_tasks(
    names: Sequence[str], task: str | None, plugins: Plugins, registry: Registry, skip_bad: bool = False
) -> list[str]:
    """Return names of datasets with the task before those that are paths, and skip_bad after them.

    Raises UsageError where none is a path.
    """
    if task is None and not skip_bad:
        return list(names)
    if task is not None and task not in TASKS:
        raise UsageError(f"--task {task}: choose one of {', '.join(TASKS)}")
    names_known = {*plugins["datasets"].names(), *registry.collections, *registry.suites}

    def is_there(name: str) -> bool:
        return name in names_known or Path(name).expanduser().exists()

    def is_path(name: str) -> bool:
        base = take_apart(name, is_there)[0]
        return base not in names_known and looks_like_path(base)

    paths = {name for name in names if is_path(name)}
    if not paths:
        option = "--skip-bad" if task is None else f"--task {task}"
        about = "leaves out recordings of folders" if task is None else "is for files: it says what their labels are"
        raise UsageError(f"{option} {about}, and {', '.join(names)} is none")
    return [_with(name, task or "", skip_bad, is_there) if name in paths else name for name in names]


def trained_on(names: Sequence[str], source: str | None) -> list[str]:
    """Return names of datasets to test on with the one that is trained on after each; as they are for None.

    Raises UsageError for a source that is one of them.
    """
    if source is None:
        return list(names)
    if source in names:
        raise UsageError(f"--train-on {source}: it is tested on as well; leave the option out")
    return [f"{name}{FROM}{source}" for name in names]


def _with(name: str, task: str, skip_bad: bool, known: Callable[[str], bool]) -> str:
    """Return the name of a file or folder with what is said of it before its steps."""
    base = take_apart(name, known)[0]
    return with_task(base, task) + (f"+{SKIP_BAD}" if skip_bad else "") + name[len(base) :]


def _several(asked: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(asked, Iterable) and not isinstance(asked, str)


def _joined(asked: Any) -> str:
    return ",".join(map(_text, asked))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
