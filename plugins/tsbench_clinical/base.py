"""ClinicalDataset: finds a distribution's files, reads them once, and keeps what was read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.panel import Panel
from tsbench.data.places import fetched_folder, search_path
from tsbench.errors import InvalidDataError, MissingDataError, UsageError
from tsbench_clinical.cache import Space, cached, key_of, measured
from tsbench_clinical.files import Files, listed
from tsbench_clinical.fingerprints import fingerprints
from tsbench_clinical.limits import Limits, within_limits

if TYPE_CHECKING:
    from tsbench.fetch.fetcher import Download
    from tsbench.fetch.locations import Location


class ClinicalDataset(Dataset):
    """A dataset of one distribution. A subclass says where its files lie (`find`) and what they hold (`read`).

    Files are looked for in the folders of TSBENCH_DATA (and --data-dir) and in what `tsbench data fetch` fetched: in
    the subfolders named by `folders`, then in the folder itself. What was read is kept in the cache folder.

    name : the registered name. version : of the reader; another one reads anew. folders : glob patterns. remedy : what
    to get and where to put it. whole : what the complete distribution holds, to compare with what is here. n_records :
    from how many records on what is here is complete, 0 where that is not known. fetched : names of the files that
    `download` gets. units : of all channels, or {channel: its unit}. limits : of the channels and static values that
    cannot be outside; impossible : whether what is outside is kept ("keep"), or made missing ("missing").
    """

    version: ClassVar[int] = 1
    folders: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[str] = ""
    whole: ClassVar[str] = ""
    n_records: ClassVar[int] = 0
    fetched: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[str | Mapping[str, str]] = {}
    limits: ClassVar[Limits] = {}

    def __init__(self, name: str, impossible: str = "keep") -> None:
        one_of("impossible", impossible, ("keep", "missing"))
        self.name, self.impossible = name, impossible

    @property
    @abstractmethod
    def about(self) -> Card:
        """The card without what is counted in the files that are here."""

    @abstractmethod
    def find(self, folder: Path) -> list[Path]:
        """Return the folders, archives and files of the distribution in a folder; empty where it is not there."""

    @abstractmethod
    def read(self, files: Files, space: Space) -> Data:
        """Read the data; raises InvalidDataError naming file and record."""

    def wanted(self, name: str) -> bool:
        """Say whether a file of the distribution, by its relative name, is read."""
        return True

    def options(self) -> dict[str, Any]:
        """Return the options that decide what is read."""
        without = {"name", *(["impossible"] if self.impossible == "keep" else [])}  # which caches know nothing of
        return {name: value for name, value in vars(self).items() if name not in without}

    def homes(self) -> tuple[Location, ...]:
        """Return the public homes of the files in `fetched`."""
        return ()

    @property
    def card(self) -> Card:
        """The dataset's card; counts of what is here are facts once it has been read."""
        try:
            here = measured(self._key(self.files()))
        except (OSError, InvalidDataError):
            here = {}
        about = self.about
        found = here.get("records here", 0)
        extent = "complete" if found >= self.n_records else f"sample: {found:,} of {self.n_records:,} records"
        known = found and self.n_records
        facts = {**about.facts, "complete": self.whole, **here}
        if self.impossible == "missing":
            ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in self.limits.items())
            facts["impossible values"] = f"those outside are missing: {ranges}"
        extent = extent if known else ""
        return replace(about, facts=facts, extent=extent, known=fingerprints().get(self.name, {}), limits=self.limits)

    def available(self) -> bool:
        """Say whether the files are on this machine."""
        return bool(self._found())

    def files(self) -> list[Path]:
        """Return all files that are read."""
        return [file for path in self._found() for file in listed(path, self.wanted)]

    def load(self) -> Data:
        """Read the data, or open what was read before.

        Raises MissingDataError when the files are not on this machine, InvalidDataError when they cannot be used.
        """
        found = self._found()
        if not found:
            searched = ", ".join(map(str, [*search_path(), fetched_folder()]))
            raise MissingDataError(f"dataset {self.name} is not on this machine (searched {searched}); {self.remedy}")
        paths = [file for path in found for file in listed(path, self.wanted)]
        if not paths:
            raise InvalidDataError(f"{found[0]}: holds no file that can be read as {self.name}; {self.remedy}")
        try:
            key = self._key(paths)
        except OSError as error:
            raise InvalidDataError(f"{error.filename}: cannot be read ({error.strerror})") from error
        data = cached(key, lambda space: self._checked(found, space))
        units = self.units if isinstance(self.units, Mapping) else dict.fromkeys(data.panel.channel_names, self.units)
        return replace(data, panel=replace(data.panel, units=units))

    def download(self) -> Download:
        """Say how `tsbench data fetch` gets the dataset."""
        from tsbench.fetch.fetcher import Download

        return Download(self.name, self.fetched, self.homes(), self._load_from, self.remedy)

    def _load_from(self, folder: Path) -> Data:
        found = self.find(folder)
        if not found:
            raise InvalidDataError(f"{folder}: holds nothing that can be read as {self.name}")
        return self._checked(found, Space())

    def _checked(self, found: list[Path], space: Space) -> Data:
        try:
            data = self.read(Files(found, self.wanted), space)
            if self.impossible == "missing":
                data = replace(data, panel=within_limits(data.panel, self.limits))
            check_observed(data.panel, str(found[0]))
        except InvalidDataError as error:  # texts of damaged files and of libraries may be of several lines
            raise InvalidDataError(" ".join(str(error).splitlines())) from error
        return data

    def _key(self, paths: list[Path]) -> str:
        return key_of(self.name, self.version, self.options(), paths)

    def _found(self) -> list[Path]:
        for folder in self._candidates():
            found = self.find(folder) if folder.is_dir() else []
            if found:
                return found
        return []

    def _candidates(self) -> Iterator[Path]:
        for root in [*search_path(), fetched_folder()]:
            for pattern in (self.name, *self.folders):
                yield from sorted(root.glob(pattern))
            yield root


def check_observed(panel: Panel, where: str) -> None:
    """Raise InvalidDataError when a channel has no observed value in any case."""
    for channel in range(panel.n_channels):
        if not any(np.isfinite(panel.X[i : i + 256, channel]).any() for i in range(0, len(panel), 256)):
            name = panel.channel_names[channel] if panel.channel_names else str(channel)
            raise InvalidDataError(f"{where}: '{name}' has no observed value in any record; add the other records")


def one_of(option: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise UsageError for an option that has none of the allowed values."""
    if value not in allowed:
        raise UsageError(f"{option}={value!r} is not one of {', '.join(map(repr, allowed))}")


def archives(folder: Path, *patterns: str) -> list[Path]:
    """Return the archives in a folder that match one of the glob patterns."""
    from tsbench_clinical.files import is_archive

    found = {path for pattern in patterns for path in folder.glob(pattern) if is_archive(path)}
    return sorted(found)
