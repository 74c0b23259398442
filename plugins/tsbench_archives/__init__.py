"""The UCR-2018 and UEA-2018 archives, sets of TSER, and a user's own files; nothing is downloaded unless asked for."""

from __future__ import annotations

from tsbench import hookimpl
from tsbench.discovery.hookspecs import Register
from tsbench_archives.catalogue import rows


@hookimpl
def tsbench_datasets(register: Register) -> None:
    """Register the 128 UCR and 30 UEA datasets, aeon's UnitTest, three of TSER, and the reader of a user's path."""
    for row in rows().values():
        with_classes = row.archive != "tser"
        tags = tuple(tag for tag in (row.archive, "bundled" if row.bundled and with_classes else "") if tag)
        register(
            row.name,
            "tsbench_archives.archive:ArchiveDataset",
            summary=row.summary,
            tags=tags,
            options={"name": row.name},
        )
    register("local", "tsbench_archives.local:Local", summary="Your own file or folder, given as a path.")
