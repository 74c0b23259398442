"""What a user asks for, as the command line takes it (text) or as Python has it (names, numbers, sequences)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.plan.datasets import looks_like_path, with_task
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
    protocols, default = read_names(protocol, "--protocol"), (0,)
    if suite is not None:
        if names or on or protocols or floors:
            raise UsageError("--suite brings its own methods, datasets and protocols; drop the other options")
        chosen = registry.find("suites", suite)
        names, on, protocols = list(chosen.methods), [chosen.collection], list(chosen.protocols)
        floors, default = chosen.floors, chosen.all_seeds()
    if not names or not on:
        raise UsageError("name at least one --method and one --dataset, or a --suite; see 'tsbench run --help'")
    return Request(names, on, protocols, default if seeds is None else read_seeds(seeds), floors=floors)


def with_tasks(names: Sequence[str], task: str | None, plugins: Plugins, registry: Registry) -> list[str]:
    """Return names of datasets with the task before those that are paths; raises UsageError where none is."""
    if task is None:
        return list(names)
    if task not in TASKS:
        raise UsageError(f"--task {task}: choose one of {', '.join(TASKS)}")
    known = {*plugins["datasets"].names(), *registry.collections, *registry.suites}
    paths = {name for name in names if name not in known and looks_like_path(name)}
    if not paths:
        raise UsageError(f"--task {task} is for files: it says what their labels are, and {', '.join(names)} is none")
    return [with_task(name, task) if name in paths else name for name in names]


def _several(asked: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(asked, Iterable) and not isinstance(asked, str)


def _joined(asked: Any) -> str:
    return ",".join(map(_text, asked))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
