"""Opening datasets by name or path, and remembering their fingerprints and splits as long as no file changes."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import shlex
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tsbench.data.places import cache_folder, search_path
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
from tsbench.identity import digest
from tsbench.plan.prepared import FROM, SKIP_BAD, Step, make_steps, take_apart, take_from

if TYPE_CHECKING:
    from tsbench.data.dataset import Card, Data, Dataset, Fold
    from tsbench.data.panel import Panel
    from tsbench.protocol import Protocol

T = TypeVar("T")
LOCAL = "local"
CACHE_VERSION = 10


@dataclass(frozen=True)
class Summary:
    """What planning needs of a dataset without loading it.

    n_values : cases times channels times time points. uneven : series end before the time axis does, or the training
    part of a fold of its own lacks a class. beside : what cases have beside series and label, in words, by kind:
    "times" where their steps differ, "static", "text". padded : series end before the time axis does. splits : {name of
    a split: `split_text` of each fold}, no fold where the data cannot be split so; the dataset's own are all there.
    own_folds : {own split: number of its folds}. task : what the labels are, "none" where there are none.
    """

    fingerprint: str
    own_folds: Mapping[str, int]
    n_values: int
    uneven: bool
    beside: dict[str, str] = field(default_factory=dict)
    padded: bool = False
    splits: Mapping[str, list[str]] = field(default_factory=dict)
    task: str = "classification"
    n_channels: int = 1

    def split(self, protocol: Protocol, card: Card, fold: int) -> str:
        """Return the `split_text` of a fold under one of the protocols asked for; "" where there is none."""
        folds = self.splits[protocol.split_name(card)]
        return folds[fold] if fold < len(folds) else ""


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
            data = self._ask(step.text, partial(step.on_data, data))
        return data

    def cases(self) -> Panel:
        """Return all cases to be predicted, with what the dataset's steps make of them; raises what `load` does."""
        from tsbench.data.dataset import Data

        panel = self._ask("cases()", self.dataset.cases)
        for step in self.steps:
            panel = self._ask(step.text, partial(step.on_data, Data(panel))).panel
        return panel

    @cached_property
    def data_dirs(self) -> list[Path]:
        """Return the folders of the search path that a dataset known by its name is read from."""
        files = [] if self.reference != self.name else [file.absolute() for file in self.files()]
        folders = [folder.absolute() for folder in search_path()]
        return [folder for folder in folders if any(file.is_relative_to(folder) for file in files)]

    def fetchable(self) -> bool:
        """Say whether 'tsbench data fetch' knows where to get the dataset; what its own code raises is a no."""
        from tsbench.fetch.fetcher import Fetchable

        with contextlib.suppress(*CODE_OF_OTHERS_FAILS):
            return isinstance(self.dataset, Fetchable) and bool(self.dataset.download().locations)
        return False

    def remedy(self) -> str:
        """Return what to do when the data is not on this machine."""
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
        did_you_mean(name, [*catalog.names(), *others]) or "; see 'tsbench list datasets', or give a path (./file.csv)"
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


def summarise(handle: DatasetHandle, protocols: Iterable[Protocol] = ()) -> Summary:
    """Return what is known of a dataset, with its splits under these protocols.

    From the cache when no file has changed since it was noted. Raises MissingDataError and InvalidDataError.
    """
    from tsbench.protocol import split_alone

    if not handle.available():
        handle.load()  # raises MissingDataError with the dataset's own remedy
    key = _cache_key(handle)
    found = _noted(key) if key else None
    wanted = {protocol.split_name(handle.card): protocol for protocol in protocols}
    if found is not None and wanted.keys() <= found.splits.keys():
        return found
    data = handle.load()
    own = [split_alone(name) for name in data.folds]
    wanted |= {protocol.split_name(handle.card): protocol for protocol in own}
    splits = {name: _split_texts(protocol, data, handle.card) for name, protocol in wanted.items()}
    fingerprint = data.fingerprint()
    if found is not None and found.fingerprint == fingerprint:
        splits = {**found.splits, **splits}
    own_folds = {name: len(folds) for name, folds in data.folds.items()}
    panel, padded = data.panel, _padded(data)
    uneven = padded or _lacks_classes(data)
    summary = Summary(
        fingerprint,
        own_folds,
        panel.X.size,
        uneven,
        _beside(panel),
        padded=padded,
        splits=splits,
        task=panel.task,
        n_channels=panel.n_channels,
    )
    if key:
        entry = asdict(summary)
        _write_cache({**_read_cache(), key: {**entry, "check": digest([key, entry])}})
    return summary


def load_planned(handle: DatasetHandle, fingerprint: str) -> Data:
    """Load the data of a planned run; raises InvalidDataError when it is not what it was then."""
    data = handle.load()
    if data.fingerprint() != fingerprint:
        raise _otherwise(handle)
    return data


def check_planned(handle: DatasetHandle, split: str, data: Data, fold: Fold, protocol: Protocol) -> None:
    """Raise InvalidDataError when a fold is not the one that was planned; "" for one that planning did not know.

    A split that comes from a stored row may lack the groups (`RunSpec.made_on`).
    """
    from tsbench.data.splits import same_split, split_text

    now = split_text(data, fold, protocol.group(handle.card), protocol.archive_split)
    if split and not same_split(now, split):
        raise _otherwise(handle)


def _otherwise(handle: DatasetHandle) -> InvalidDataError:
    """Drop what is noted of a dataset, which the next plan must not be made from, and return the error that says so."""
    key, content = _cache_key(handle), _read_cache()
    if key in content:
        _write_cache({name: entry for name, entry in content.items() if name != key})
    return InvalidDataError(f"{handle.name} has changed since the run was planned; run the command again")


def _noted(key: str) -> Summary | None:
    """Return what the cache has under a key; None where that is nothing, or not what was written."""
    entry = _read_cache().get(key)
    if not isinstance(entry, dict):
        return None
    check = entry.pop("check", None)
    try:
        return Summary(**entry) if check == digest([key, entry]) else None
    except (ValueError, TypeError):
        return None


def _split_texts(protocol: Protocol, data: Data, card: Card) -> list[str]:
    """Return the `split_text` of each fold; none where the data cannot be split so, which its runs will say."""
    from tsbench.data.splits import split_text

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TsbenchWarning)  # each run tells its own
        try:
            folds = protocol.folds(data, card)
        except TsbenchError:
            return []
    return [split_text(data, fold, protocol.group(card), protocol.archive_split) for fold in folds]


def _padded(data: Data) -> bool:
    panels = [data.panel] if data.unlabelled is None else [data.panel, data.unlabelled]
    return any(bool(panel.lengths.min() < panel.n_timepoints) for panel in panels)


def _lacks_classes(data: Data) -> bool:
    y, n_classes = data.panel.y, len(data.panel.classes)
    if data.panel.task != "classification" or y is None:
        return False
    return any(len(set(y[fold.train].tolist())) < n_classes for fold in data.folds.get("archive", []))


def _beside(panel: Panel) -> dict[str, str]:
    import numpy as np

    found = {}
    if panel.times is not None:
        steps = np.diff(panel.times, axis=1)
        steps = steps[np.isfinite(steps)]
        rounded = 4 * np.spacing(np.nanmax(np.abs(panel.times)))  # what float64 makes of Unix times, say
        if len(steps) and not np.allclose(steps, steps[0], atol=rounded):
            found["times"] = "times (irregular)"
    n = panel.shape.n_static
    if n:
        found["static"] = f"{n} static value{'s' * (n != 1)}"
    if panel.text is not None:
        found["text"] = "texts"
    return found


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


def _cache_key(handle: DatasetHandle) -> str | None:
    """Return the key of what is known of the files as they are; None where the dataset names none that are there."""
    try:
        found = [(path, path.stat()) for path in sorted(handle.files())]
    except OSError:
        return None
    # Copies may keep size and time (cp -p, rsync -t); no program sets ctime, and a new file has a new inode.
    stats = [[str(path), s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for path, s in found]
    kind = type(handle.dataset)
    stats += [[step.text, _code(step.code)] for step in handle.steps] if stats else []
    task, _ = split_task(handle.reference)
    about = [CACHE_VERSION, _code(kind), kind.__qualname__, handle.name, stats]
    return None if not stats else digest([*about, task] if task else about)


def _code(kind: type) -> str:
    """Return a digest of the file a class is from, which may read the same data otherwise from now on."""
    with contextlib.suppress(OSError, TypeError):
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    return ""


def _read_cache() -> dict[str, Any]:
    try:
        content = json.loads((cache_folder() / "summaries.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_cache(content: Mapping[str, Any]) -> None:
    """Replace the cache file atomically; a full or read-only disk only costs the next plan some time."""
    with contextlib.suppress(OSError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
            json.dump(content, file)
        Path(file.name).replace(folder / "summaries.json")
