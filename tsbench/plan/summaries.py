"""What planning remembers of a dataset: fingerprint, splits and size, as long as no file of it changes."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsbench.data.places import cache_folder
from tsbench.errors import InvalidDataError, TsbenchError, TsbenchWarning
from tsbench.identity import digest
from tsbench.plan.datasets import DatasetHandle, split_task

if TYPE_CHECKING:
    from tsbench.data.dataset import Card, Data, Fold
    from tsbench.data.panel import Panel
    from tsbench.protocol import Protocol

CACHE_VERSION = 12


@dataclass(frozen=True)
class Summary:
    """What planning needs of a dataset without loading it.

    n_values : cases times channels times time points. uneven : series end before the time axis does, or the training
    part of a fold of its own lacks a class. beside : what cases have beside series and label, in words, by kind:
    "times" where their steps differ, "static", "text". padded : series end before the time axis does. splits : {name of
    a split: `split_text` of each fold}, no fold where the data cannot be split so; the dataset's own are all there.
    truths : {name of a split: `truth_text` of the test cases of each fold}, no fold where there are no labels.
    unlearnable : {name of a split: why nothing can be learnt in a fold of it}. own_folds : {own split: number of its
    folds}. task : what the labels are, "none" where there are none.
    """

    fingerprint: str
    own_folds: Mapping[str, int]
    n_values: int
    uneven: bool
    beside: dict[str, str] = field(default_factory=dict)
    padded: bool = False
    splits: Mapping[str, list[str]] = field(default_factory=dict)
    truths: Mapping[str, list[str]] = field(default_factory=dict)
    unlearnable: Mapping[str, str] = field(default_factory=dict)
    task: str = "classification"
    n_channels: int = 1

    def split(self, protocol: Protocol, card: Card, fold: int) -> str:
        """Return the `split_text` of a fold under one of the protocols asked for; "" where there is none."""
        folds = self.splits[protocol.split_name(card)]
        return folds[fold] if fold < len(folds) else ""


def summarise(handle: DatasetHandle, protocols: Iterable[Protocol] = ()) -> Summary:
    """Return what is known of a dataset, with its splits under these protocols.

    From the cache when no file has changed since it was noted. Raises MissingDataError and InvalidDataError.
    """
    from tsbench.data.splits import split_text
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
    folds = {name: _folds(protocol, data, handle.card) for name, protocol in wanted.items()}
    splits = {
        name: [split_text(data, fold, protocol.group(handle.card), protocol.archive_split) for fold in folds[name]]
        for name, protocol in wanted.items()
    }
    truths = {name: _truths(data.panel, folds[name]) for name in wanted}
    reasons = {name: _unlearnable(data.panel, folds[name]) for name in wanted}
    fingerprint = data.fingerprint()
    if found is not None and found.fingerprint == fingerprint:
        splits, truths = {**found.splits, **splits}, {**found.truths, **truths}
        reasons = {**found.unlearnable, **reasons}
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
        truths=truths,
        unlearnable={name: why for name, why in reasons.items() if why},
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
    rest = {name: value for name, value in entry.items() if name != "check"}
    try:
        return Summary(**rest) if entry.get("check") == digest([key, rest]) else None
    except (ValueError, TypeError):
        return None


def _folds(protocol: Protocol, data: Data, card: Card) -> list[Fold]:
    """Return the folds; none where the data cannot be split so, which its runs will say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TsbenchWarning)  # each run tells its own
        try:
            return protocol.folds(data, card)
        except TsbenchError:
            return []


def _truths(panel: Panel, folds: Sequence[Fold]) -> list[str]:
    from tsbench.tasks import TASKS
    from tsbench.tasks.score import truth_text

    if panel.y is None or panel.task not in TASKS:
        return []
    target = TASKS[panel.task].target
    return [truth_text(panel.task, target(panel, fold.test), panel.classes) for fold in folds]


def _unlearnable(panel: Panel, folds: Sequence[Fold]) -> str:
    """Return why nothing can be learnt of the labels, in all cases or in the training part of a fold; "" for none."""
    from tsbench.tasks import TASKS

    if panel.y is None or panel.task not in TASKS:
        return ""
    task = TASKS[panel.task]
    parts = {f"the whole dataset ({len(panel)} cases)": task.target(panel)}
    parts |= {f"the training part of fold {i}": task.target(panel, fold.train) for i, fold in enumerate(folds)}
    for whose, y in parts.items():
        try:
            task.check_learnable(y, panel.classes, whose)
        except InvalidDataError as error:
            return str(error)
    return ""


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
    path = cache_folder() / "summaries.json"
    try:
        found = path.stat()
        return _parsed(path, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    except (OSError, ValueError, RecursionError):
        return {}


@lru_cache(maxsize=1)
def _parsed(path: Path, _state: tuple[int, ...]) -> dict[str, Any]:
    """Return what the cache file holds, parsed once as long as it stays as it is; not to be changed."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def _write_cache(content: Mapping[str, Any]) -> None:
    """Replace the cache file atomically; a full or read-only disk only costs the next plan some time."""
    with contextlib.suppress(OSError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
            json.dump(content, file)
        Path(file.name).replace(folder / "summaries.json")
