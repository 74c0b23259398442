"""The public homes of the archives' datasets.

The addresses are those that aeon 1.6 and sktime use; the numbers of the Zenodo records are aeon's.
"""

from __future__ import annotations

from tsbench.fetch.locations import Location, ZenodoRecord, ZipArchive
from tsbench_archives.catalogue import Row

RECORD = "https://zenodo.org/api/records/{number}"
ARCHIVES = (
    "https://www.timeseriesclassification.com/aeon-toolkit/{name}.zip",
    "https://github.com/sktime/sktime-datasets/raw/main/TSC/{name}.zip",
)


def locations(row: Row) -> tuple[Location, ...]:
    """Return where a dataset is published: first its Zenodo record, which alone states checksums and a licence."""
    records = [ZenodoRecord(RECORD.format(number=row.zenodo))] if row.zenodo else []
    return (*records, *(ZipArchive(url.format(name=row.name)) for url in ARCHIVES))
