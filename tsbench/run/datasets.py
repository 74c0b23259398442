"""Opening datasets by name or path, and remembering their fingerprints by the files' size and time."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tsbench.catalog import did_you_mean
from tsbench.errors import (
    CODE_OF_OTHERS_FAILS,
    InvalidDataError,
    MissingDataError,
    TsbenchError,
    UsageError,
    returned,
)
from tsbench.identity import digest
from tsbench.plugins import Plugins

if TYPE_CHECKING:
    from tsbench.dataset import Card, Data, Dataset

T = TypeVar("T")
LOCAL = "local"
CACHE_VERSION = 4


@dataclass(frozen=True)
class Summary:
    """What planning needs of a dataset without loading it.

    n_values : cases times channels times time points. uneven : series end before the time axis does, or the training
    part of a fold of its own lacks a class.
    """

    fingerprint: str
    archive_folds: int
    n_values: int
    uneven: bool


class DatasetHandle:
    """A dataset as the user named it. `reference` re-opens it: a registered name or an absolute path."""

    def __init__(self, name: str, reference: str, dataset: Dataset, default_protocol: str) -> None:
        self.name = name
        self.reference = reference
        self.dataset = dataset
        self.default_protocol = default_protocol

    @cached_property
    def card(self) -> Card:
        """The dataset's card."""
        from tsbench.dataset import Card

        return self._ask("card", lambda: returned(self.dataset.card, Card, "card", InvalidDataError))

    def available(self) -> bool:
        """Say whether the data is on this machine."""
        return self._ask("available()", self.dataset.available)

    def files(self) -> list[Path]:
        """Return the files the data is read from."""
        return self._ask("files()", lambda: returned(self.dataset.files(), list, "files()", InvalidDataError))

    def load(self) -> Data:
        """Load the data, naming the dataset in every error; raises MissingDataError and InvalidDataError."""
        from tsbench.dataset import Data

        return self._ask("load()", lambda: returned(self.dataset.load(), Data, "load()", InvalidDataError))

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
    """Open a registered dataset, or a file or folder; `others` are further names for the suggestion in the error."""
    catalog = plugins["datasets"]
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
        return DatasetHandle(name, name, dataset, default_protocol)
    if _looks_like_path(name):
        path = Path(name).expanduser().resolve()
        if not path.exists():
            raise UsageError(f"--dataset {name}: there is no such file or folder")
        _check_name(name, path)
        dataset = catalog.get(LOCAL)(path=path)
        _check_name(name, dataset.card.name)
        return DatasetHandle(dataset.card.name, str(path), dataset, default_protocol)
    hint = (
        did_you_mean(name, [*catalog.names(), *others]) or "; see 'tsbench list datasets', or give a path (./file.csv)"
    )
    raise UsageError(f"unknown dataset or collection '{name}'{hint}")


def summarise(handle: DatasetHandle) -> Summary:
    """Return fingerprint and fold count, from the cache when no file has changed since they were computed."""
    if not handle.available():
        handle.load()  # raises MissingDataError with the dataset's own remedy
    key = _cache_key(handle)
    cached = _read_cache().get(key) if key else None
    if cached is not None:
        return Summary(
            str(cached["fingerprint"]),
            int(str(cached["archive_folds"])),
            int(str(cached["n_values"])),
            bool(cached["uneven"]),
        )
    data = handle.load()
    summary = Summary(data.fingerprint(), len(data.folds.get("archive", [])), data.panel.X.size, _uneven(data))
    if key:
        _write_cache({**_read_cache(), key: asdict(summary)})
    return summary


def _uneven(data: Data) -> bool:
    panels = [data.panel] if data.unlabelled is None else [data.panel, data.unlabelled]
    if any(panel.lengths.min() < panel.n_timepoints for panel in panels):
        return True
    y, n_classes = data.panel.y, len(data.panel.classes)
    if data.panel.task != "classification" or y is None:
        return False
    return any(len(set(y[fold.train].tolist())) < n_classes for fold in data.folds.get("archive", []))


def cache_folder() -> Path:
    """Return the folder for what can be computed again (TSBENCH_CACHE moves it)."""
    import platformdirs

    return Path(os.environ.get("TSBENCH_CACHE") or platformdirs.user_cache_dir("tsbench"))


def _looks_like_path(name: str) -> bool:
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
        stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(handle.files())]
    except OSError:
        return None
    return None if not stats else digest([CACHE_VERSION, type(handle.dataset).__qualname__, handle.name, stats])


def _read_cache() -> dict[str, dict[str, object]]:
    try:
        content = json.loads((cache_folder() / "summaries.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_cache(content: dict[str, dict[str, object]]) -> None:
    """Replace the cache file atomically; a full or read-only disk only costs the next plan some time."""
    with contextlib.suppress(OSError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
            json.dump(content, file)
        Path(file.name).replace(folder / "summaries.json")
