"""Fetcher: tries a dataset's public homes in turn, and lets only what was read and checked appear in its folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from tsbench.cleanup import afterwards
from tsbench.errors import InvalidDataError, MissingDataError
from tsbench.fetch.locations import Location, Offer
from tsbench.fetch.web import Report, UnreachableError, UnusableError, Web
from tsbench.urls import shown

if TYPE_CHECKING:
    from tsbench.data.dataset import Data


@dataclass(frozen=True)
class Download:
    """How to get a dataset.

    files : names of the files that make it up; they are put into a folder called `name`.
    locations : public homes, in the order they are tried.
    read : reads the dataset from a folder that holds the files; raises InvalidDataError.
    remedy : the dataset's own words on what to get, where, and where to put it; "" where `files` say all.
    """

    name: str
    files: tuple[str, ...]
    locations: tuple[Location, ...]
    read: Callable[[Path], Data]
    remedy: str = ""


@runtime_checkable
class Fetchable(Protocol):
    """A Dataset that can be fetched."""

    def download(self) -> Download:
        """Say how to get it; `locations` is empty where no public home is known."""


class FetchStoppedError(MissingDataError):
    """There is no sense in trying another dataset: no network, or the disk cannot be written."""


class Fetcher:
    """Fetches datasets over one Web, remembering what each location offered and which hosts cannot be reached.

    notice : told, in one line each, why a location was passed over, and that another process is waited for.
    """

    def __init__(self, web: Web | None = None, notice: Callable[[str], None] = lambda line: None) -> None:
        self.web = web or Web()
        self.notice = notice
        self._offers: dict[Location, Offer | UnusableError] = {}
        self._unreachable: dict[str, UnreachableError] = {}
        self._told: set[UnusableError] = set()

    def offer(self, download: Download, root: Path) -> Offer:
        """Return what the first location that has the dataset offers.

        Raises MissingDataError when none has it, FetchStoppedError when none can be reached.
        """
        problems: dict[str, UnusableError] = {}
        for location in download.locations:
            try:
                offer = self._ask(location, download)
                self._tell(problems)
                return offer
            except UnusableError as error:
                problems[location.url] = error
        raise _failure(download, problems, root)

    def fetch(self, download: Download, root: Path, report: Report, force: bool = False) -> str:
        """Put the dataset's files into root/name, all or none, and return the data's fingerprint.

        Another process fetching the same is waited for; what it fetched is taken, unless `force`. Raises
        MissingDataError when no location gives files that can be read, FetchStoppedError when none can be reached or
        the disk cannot be written.
        """
        target = root / download.name
        try:
            root.mkdir(parents=True, exist_ok=True)
            with _lock(root / f".{download.name}.lock", self.notice):
                if not force and all((target / name).is_file() for name in download.files):
                    return download.read(target).fingerprint()
                return self._fetch(download, root, report)
        except OSError as error:
            raise FetchStoppedError(
                f"{download.name} was not fetched: {root} cannot be written: {error.strerror or error}; "
                "free space there, or name another folder with --data-dir"
            ) from error

    def _fetch(self, download: Download, root: Path, report: Report) -> str:
        problems: dict[str, UnusableError] = {}
        for location in download.locations:
            try:
                offer = self._ask(location, download)
                with _part(root / f".{download.name}.part") as part:
                    location.get(self.web, offer, download.files, part, report)
                    fingerprint = download.read(part).fingerprint()
                    _land(part, root / download.name, download.files)
                self._tell(problems)
                return fingerprint
            except UnusableError as error:
                problems[location.url] = error
            except InvalidDataError as error:
                problems[location.url] = UnusableError(f"what it holds cannot be read: {error}")
        raise _failure(download, problems, root)

    def _tell(self, problems: dict[str, UnusableError]) -> None:
        """Say once why a location was passed over."""
        for url, error in problems.items():
            if error not in self._told:
                self._told.add(error)
                self.notice(f"{shown(url)}: {error}; took another source")

    def _ask(self, location: Location, download: Download) -> Offer:
        """Ask a location once; a host that could not be reached is not tried again."""
        host = urlsplit(location.url).netloc
        if host in self._unreachable:
            raise self._unreachable[host]
        if location not in self._offers:
            try:
                self._offers[location] = location.offer(self.web, download.files)
            except UnusableError as error:
                self._offers[location] = error
                if isinstance(error, UnreachableError):
                    self._unreachable[host] = error
        found = self._offers[location]
        if isinstance(found, UnusableError):
            raise found
        return found


def by_hand(name: str, files: tuple[str, ...], root: Path) -> str:
    """Return the remedy that always works."""
    return f"fetch it by hand and put {' and '.join(files)} into {root / name}"


def no_home(download: Download, root: Path) -> str:
    """Say that a dataset without locations cannot be fetched, and what to do."""
    if download.remedy:
        return f"{download.name} cannot be fetched; {download.remedy}"
    return f"{download.name} has no known public home; {by_hand(download.name, download.files, root)}"


def _failure(download: Download, problems: dict[str, UnusableError], root: Path) -> MissingDataError:
    if not problems:
        return MissingDataError(no_home(download, root))
    remedy = by_hand(download.name, download.files, root)
    tried = "; ".join(f"{shown(url)}: {error}" for url, error in problems.items())
    stopped = all(isinstance(error, UnreachableError) for error in problems.values())
    kind = FetchStoppedError if stopped else MissingDataError
    return kind(f"{download.name} was not fetched: {tried}; {remedy}")


@contextlib.contextmanager
def _lock(path: Path, notice: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock between processes; the operating system frees that of a process that died."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        notice(f"waiting for another process that fetches the same ({path})")
        lock.acquire()
    with afterwards(lock.release):
        yield


@contextlib.contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """Make an empty folder on the disk of the target and remove it again, whatever happens; the caller has the lock."""
    shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _land(part: Path, target: Path, files: tuple[str, ...]) -> None:
    """Move the files to their place: the whole folder at once, or into the user's folder of that name."""
    if not target.exists():
        part.rename(target)
        return
    for name in files:
        (part / name).replace(target / name)
