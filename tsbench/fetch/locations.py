"""The kinds of public homes a dataset can have: a .zip archive, a Zenodo record that lists its files, plain files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from tsbench.fetch.unpack import unpack
from tsbench.fetch.web import Report, UnusableError, Web, field


class Remote(NamedTuple):
    """One file to download; size in bytes and checksum ("md5:...") are None where the source does not say."""

    url: str
    name: str
    size: int | None = None
    checksum: str | None = None


class Offer(NamedTuple):
    """What a location has of a dataset; licence is empty where the source does not say."""

    url: str
    files: tuple[Remote, ...]
    licence: str = ""

    @property
    def size(self) -> int | None:
        """Bytes to download, None where the source does not say."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


class Location(Protocol):
    """One public home of a dataset."""

    @property
    def url(self) -> str:
        """The address to show, and to ask first."""

    def offer(self, web: Web, wanted: Sequence[str]) -> Offer:
        """Ask what there is, without downloading it. Raises UnusableError, UnreachableError."""

    def get(self, web: Web, offer: Offer, wanted: Sequence[str], folder: Path, report: Report) -> None:
        """Put the wanted files into `folder`. Raises UnusableError, UnreachableError, OSError of the disk."""


@dataclass(frozen=True)
class ZipArchive:
    """A .zip archive that holds the files, at any depth."""

    url: str

    def offer(self, web: Web, wanted: Sequence[str]) -> Offer:
        """Ask for the archive's size."""
        return Offer(self.url, (Remote(self.url, "archive.zip", web.size(self.url)),))

    def get(self, web: Web, offer: Offer, wanted: Sequence[str], folder: Path, report: Report) -> None:
        """Download the archive and unpack the wanted files."""
        archive = folder / "archive.zip"
        web.download(self.url, archive, None, report)
        unpack(archive, folder, wanted)
        archive.unlink()


@dataclass(frozen=True)
class ZenodoRecord:
    """A Zenodo record, by the URL of its JSON (https://zenodo.org/api/records/NUMBER), with each file on its own."""

    url: str

    def offer(self, web: Web, wanted: Sequence[str]) -> Offer:
        """Read addresses, sizes, md5 sums and the licence from the record."""
        record = web.json(self.url)
        listed = field(record, "files")
        files = {str(field(entry, "key")): entry for entry in listed} if isinstance(listed, list) else {}
        missing = [name for name in wanted if name not in files]
        if missing:
            raise UnusableError(f"the record has no file {missing[0]}; it has {', '.join(list(files)[:5]) or 'none'}")
        licence = field(record, "metadata", "license", "id")
        return Offer(self.url, tuple(_remote(name, files[name]) for name in wanted), str(licence or ""))

    def get(self, web: Web, offer: Offer, wanted: Sequence[str], folder: Path, report: Report) -> None:
        """Download each file and compare its md5 sum with the record's."""
        _get_each(web, offer, folder, report)


@dataclass(frozen=True)
class PlainFiles:
    """Files that lie under one address, kept as they are; archives among them stay packed.

    url : the address, with the slash that files' names follow. files : (name, name at the address, "sha256:..." or
    empty) of each.
    """

    url: str
    files: tuple[tuple[str, str, str], ...]
    licence: str = ""

    def offer(self, web: Web, wanted: Sequence[str]) -> Offer:
        """Ask for the size of each file."""
        files = []
        for name, there, checksum in self.files:
            url = self.url + there
            files.append(Remote(url, name, web.size(url), checksum or None))
        return Offer(self.url, tuple(files), self.licence)

    def get(self, web: Web, offer: Offer, wanted: Sequence[str], folder: Path, report: Report) -> None:
        """Download each file and compare it with its checksum, where one is known."""
        _get_each(web, offer, folder, report)


def _get_each(web: Web, offer: Offer, folder: Path, report: Report) -> None:
    total, before = offer.size or 0, 0
    for file in offer.files:
        path = folder / file.name
        web.download(file.url, path, file.checksum, _shifted(report, before, total))
        before += path.stat().st_size


def _shifted(report: Report, before: int, total: int) -> Report:
    """Report one file's progress as that of all files."""
    return lambda done, _: report(before + done, total)


def _remote(name: str, entry: object) -> Remote:
    url, size, checksum = field(entry, "links", "self"), field(entry, "size"), field(entry, "checksum")
    if not isinstance(url, str):
        raise UnusableError(f"the record gives no address for {name}")
    if not isinstance(checksum, str) or not checksum.startswith(("md5:", "sha256:")):
        raise UnusableError(f"the record gives no checksum for {name}")
    return Remote(url, name, size if isinstance(size, int) else None, checksum)
