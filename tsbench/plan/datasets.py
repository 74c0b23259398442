"""Opening datasets by name or path."""

from __future__ import annotations

import contextlib
import os
import shlex
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tsbench.data.places import search_path
from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import (
    CODE_OF_OTHERS_FAILS,
    InvalidDataError,
    MissingDataError,
    TsbenchError,
    TsbenchWarning,
    UsageError,
    returned,
)
from tsbench.plan.prepared import FROM, SKIP_BAD, Step, make_steps, take_apart, take_from

if TYPE_CHECKING:
    from tsbench.data.dataset import Card, Data, Dataset
    from tsbench.data.panel import Panel
    from tsbench.fetch.fetcher import Download

T = TypeVar("T")
LOCAL = "local"


class DatasetHandle:
    """A dataset as the user named it. `reference` re-opens it: a registered name or an absolute path (with a task).

    steps : what is done to its cases before any split; they stand in name and reference.
    """

    def __init__(
        self, name: str, reference: str, dataset: Dataset, default_protocol: str, steps: Sequence[Step] = ()
    ) -> None:
        after = "".join(step.suffix for step in steps)
        self.name = name + after
        self.reference = reference + after
        self.dataset = dataset
        self.default_protocol = default_protocol
        self.steps = tuple(steps)

    @cached_property
    def card(self) -> Card:
        """The dataset's card."""
        from tsbench.data.dataset import Card

        card = self._ask("card", lambda: returned(self.dataset.card, Card, "card", InvalidDataError))
        for step in self.steps:
            card = step.on_card(card)
        return replace(card, name=self.name) if card.name != self.name else card

    @property
    def external(self) -> bool:
        """Say whether another dataset is trained on than is tested on, which leaves it one split."""
        from tsbench.data.external import External

        return isinstance(self.dataset, External)

    def available(self) -> bool:
        """Say whether the data is on this machine."""
        return self._ask("available()", self.dataset.available)

    def files(self) -> list[Path]:
        """Return the files the data is read from."""
        return self._ask("files()", lambda: returned(self.dataset.files(), list, "files()", InvalidDataError))

    def load(self) -> Data:
        """Load the data, naming the dataset in every error; raises MissingDataError and InvalidDataError."""
        from tsbench.data.dataset import Data

        data = self._ask("load()", lambda: returned(self.dataset.load(), Data, "load()", InvalidDataError))
        for step in self.steps:
            data = self._ask(step.text, partial(step.done, data))
        self._look_at(data.panel)
        return data

    def cases(self) -> Panel:
        """Return all cases to be predicted, with what the dataset's steps make of them; raises what `load` does."""
        from tsbench.data.dataset import Data

        panel = self._ask("cases()", self.dataset.cases)
        for step in self.steps:
            panel = self._ask(step.text, partial(step.on_data, Data(panel))).panel
        self._look_at(panel)
        return panel

    def _look_at(self, panel: Panel) -> None:
        """Warn of sampled series whose times are not even, and of classes or groups that may be one."""
        from tsbench.data.grid import uneven_times
        from tsbench.data.spelling import spelt_twice

        for text in filter(None, [uneven_times(panel), *spelt_twice(panel, self.card.group)]):
            warnings.warn(f"{self.name}: {text}", TsbenchWarning, stacklevel=3)

    @cached_property
    def data_dirs(self) -> list[Path]:
        """Return the folders of the search path that a dataset known by its name is read from."""
        files = [] if self.reference != self.name else [file.absolute() for file in self.files()]
        folders = [folder.absolute() for folder in search_path()]
        return [folder for folder in folders if any(file.is_relative_to(folder) for file in files)]

    def fetchable(self) -> bool:
        """Say whether 'tsbench data fetch' knows where to get the dataset; what its own code raises is a no."""
        download = self._download()
        return download is not None and bool(download.locations)

    def _download(self) -> Download | None:
        from tsbench.fetch.fetcher import Fetchable

        with contextlib.suppress(*CODE_OF_OTHERS_FAILS):
            return self.dataset.download() if isinstance(self.dataset, Fetchable) else None
        return None

    def remedy(self) -> str:
        """Return what to do when the data is not on this machine, in the dataset's own words where it has some."""
        download = self._download()
        if download is not None and download.remedy:
            return download.remedy
        fetch = f"get it with 'tsbench data fetch {shlex.quote(self.name)}', or " if self.fetchable() else ""
        return f"{fetch}add the folder that holds it with --data-dir or TSBENCH_DATA"

    def _ask(self, what: str, question: Callable[[], T]) -> T:
        """Return what the dataset answers, naming it in every error."""
        try:
            return question()
        except (MissingDataError, UsageError):
            raise
        except InvalidDataError as error:
            raise InvalidDataError(_prefixed(self.name, error)) from error
        except CODE_OF_OTHERS_FAILS as error:
            raise InvalidDataError(f"{self.name}: its {what} raised {type(error).__name__}: {error}") from error


def open_dataset(name: str, plugins: Plugins, default_protocol: str, others: Iterable[str] = ()) -> DatasetHandle:
    """Open a registered dataset, or a file or folder; `others` are further names for the suggestion in the error.

    A path may have the task of its labels before it, as `split_task` reads it, and either steps after it. "TARGET from
    SOURCE" is trained on the one and tested on the other (`External`).
    """
    if (pair := take_from(name, lambda one: is_dataset(one, plugins))) is not None:
        from tsbench.data.external import External

        target, source = (open_dataset(one, plugins, default_protocol, others) for one in pair)
        parts = [FROM.join((getattr(target, what), getattr(source, what))) for what in ("name", "reference")]
        return DatasetHandle(parts[0], parts[1], External(target, source), default_protocol)
    catalog, asked = plugins["datasets"], name
    name, texts = take_apart(name, lambda one: is_dataset(one, plugins))
    skip_bad = SKIP_BAD in texts
    steps = make_steps([text for text in texts if text != SKIP_BAD], asked, plugins)
    options = {"skip_bad": True} if skip_bad else {}
    if skip_bad and name in catalog:
        raise UsageError(f"--skip-bad is for folders of recordings, and {name} is none")
    if name in catalog and name != LOCAL:
        entry = catalog.entry(name)
        try:
            dataset = entry.load()(**entry.options)
        except TsbenchError:
            raise
        except CODE_OF_OTHERS_FAILS as error:
            raise InvalidDataError(
                f"dataset '{name}' of plugin {entry.plugin} cannot be made: {type(error).__name__}: {error}"
            ) from error
        return DatasetHandle(name, name, dataset, default_protocol, steps)
    task, path_name = split_task(name)
    if looks_like_path(path_name):
        path = Path(path_name).expanduser().resolve()
        if not path.exists():
            raise UsageError(f"--dataset {asked}: there is no such file or folder")
        _check_name(name, path)
        dataset = catalog.get(LOCAL)(path=path, **({"task": task} if task else {}), **options)
        _check_name(name, dataset.card.name)
        after = f"+{SKIP_BAD}" if skip_bad else ""
        reference = with_task(str(path), task) + after
        return DatasetHandle(dataset.card.name + after, reference, dataset, default_protocol, steps)
    hint = (
        did_you_mean(name, [n for n in (*catalog.names(), *others) if n != LOCAL])
        or "; see 'tsbench list datasets', or give a path (./file.csv)"
    )
    raise UsageError(f"unknown dataset or collection '{name}'{hint}")


def is_dataset(name: str, plugins: Plugins) -> bool:
    """Say whether this names a dataset, or a file or folder that is there."""
    return (name in plugins["datasets"] and name != LOCAL) or Path(split_task(name)[1]).expanduser().exists()


def split_task(name: str) -> tuple[str, str]:
    """Return task and path of "regression:./file.csv", which says what the labels of the file are; "" for no task."""
    task, colon, path = name.partition(":")
    if not colon:
        return "", name
    from tsbench.tasks import TASKS

    return (task, path) if task in TASKS else ("", name)


def with_task(path: str, task: str) -> str:
    """Return what `split_task` takes apart."""
    return f"{task}:{path}" if task else path


def looks_like_path(name: str) -> bool:
    """Say whether this names a file or folder, which need not be there."""
    return (
        name.startswith((".", "~")) or "/" in name or os.sep in name or bool(Path(name).suffix) or Path(name).exists()
    )


def _check_name(given: str, found: Path | str) -> None:
    """Raise UsageError for a name that neither a key nor a store can hold."""
    try:
        str(found).encode()
    except UnicodeEncodeError:
        text = f"--dataset {given}: the name {found} is not UTF-8; rename the file or folder"
        raise UsageError(text.encode(errors="backslashreplace").decode()) from None


def _prefixed(name: str, error: TsbenchError) -> str:
    text = str(error)
    return text if name in text else f"{name}: {text}"
