"""The reference results of the bake-off of classifiers: fetched on request, read by aeon, kept in the cache."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tsbench.data.places import cache_folder, offline
from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import InvalidDataError, MissingDataError, UsageError
from tsbench.fetch.web import UnusableError, Web
from tsbench.papers.published import Row

SOURCE = "bakeoff"
SITE = "https://timeseriesclassification.com/results/ReferenceResults"
MAX_BYTES = 16 << 20
WHAT = Path("classification") / "accuracy"  # as the site and aeon have it


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched: what it is called here, where it came from, its bytes and their sha256."""

    name: str
    url: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}: {self.size} bytes, sha256 {self.sha256}, from {self.url}"


def fetch(name: str, web: Web | None = None) -> Fetched:
    """Bring the results of a classifier into the cache.

    Raises MissingDataError where they cannot be had, InvalidDataError for a file that is something else.
    """
    known = _known(name)
    url = f"{SITE}/{_file(known).as_posix()}"
    if offline():
        raise MissingDataError(
            f"offline (--offline or TSBENCH_OFFLINE): {SOURCE}/{known} was not fetched; "
            f"get {url} on a machine with network and put it into {(_folder() / _file(known)).parent}"
        )
    try:
        content = _land(known, url, web or Web(max_bytes=MAX_BYTES))
    except OSError as error:
        raise MissingDataError(
            f"{SOURCE}/{known} was not fetched: {_folder()} cannot be written: {error.strerror or error}; "
            "free space there, or move the cache by TSBENCH_CACHE"
        ) from error
    return Fetched(f"{SOURCE}/{known}", url, len(content), hashlib.sha256(content).hexdigest())


def _land(known: str, url: str, web: Web) -> bytes:
    """Put a file into the cache when it has been read, and return its content."""
    _folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_folder()) as part:
        path = Path(part) / _file(known)
        path.parent.mkdir(parents=True)
        try:
            web.download(url, path, None, lambda done, total: None)
        except UnusableError as error:
            raise MissingDataError(f"{SOURCE}/{known} was not fetched: {url}: {error}") from None
        _read(known, Path(part))
        content = path.read_bytes()
        target = _folder() / _file(known)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    return content


def here() -> list[str]:
    """Return the names of the classifiers whose results are in the cache."""
    return sorted(path.name.removesuffix("_accuracy.csv") for path in (_folder() / WHAT).glob("*_accuracy.csv"))


def rows(name: str) -> tuple[Row, ...]:
    """Return the results of a classifier on the archive's split; raises MissingDataError where they are not here."""
    known = _known(name)
    path = _folder() / _file(known)
    if not path.is_file():
        raise MissingDataError(f"{SOURCE}/{known} is not on this machine; --fetch gets it from {SITE}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    about = {
        "paper": "bake-off of classifiers, reference results",
        "table": path.name,
        "setting": "archive split, the classifier's own rule",
        "method": known,
        "variant": "",
        "metric": "ACC",
        "std": None,
        "note": "the first of the file's resamples, which is the archive's split",
        "source": f"{SITE}/{_file(known).as_posix()}, sha256 {sha256[:12]}",
        "protocol": "own",
    }
    return tuple(
        Row.model_validate({**about, "dataset": one, "mean": mean}) for one, mean in _read(known, _folder()).items()
    )


def _known(name: str) -> str:
    """Return the name that aeon has for a classifier; raises UsageError for one that it does not know."""
    from aeon.benchmarking.results_loaders import NAME_ALIASES, estimator_alias

    try:
        return str(estimator_alias(name))
    except ValueError:
        hint = did_you_mean(name, NAME_ALIASES) or ", such as HC2, MR-Hydra, InceptionTime, QUANT"
        raise UsageError(f"{SOURCE}/{name}: aeon knows no such classifier{hint}") from None


def _read(name: str, folder: Path) -> dict[str, float]:
    """Return {dataset: accuracy} of a file in a folder; raises InvalidDataError where it is something else."""
    from aeon.benchmarking.results_loaders import get_estimator_results

    try:
        found = {str(k): float(v) for k, v in get_estimator_results(name, path=str(folder))[name].items()}
        what = "" if found and all(0 <= value <= 1 for value in found.values()) else "it holds no accuracies"
    except Exception as error:  # whatever pandas and aeon raise on a file that is none
        found, what = {}, " ".join(str(error).split())
    if what:
        raise InvalidDataError(f"{folder / _file(name)}: not results of a classifier: {what}")
    return found


def _file(name: str) -> Path:
    return WHAT / f"{name}_accuracy.csv"


def _folder() -> Path:
    return cache_folder() / "published" / SOURCE
