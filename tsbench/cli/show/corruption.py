"""tsbench show corruption: what a corruption does and which levels it has."""

from __future__ import annotations

from tsbench.cli.options import settings
from tsbench.terminal import echo

MAKES = {"gaps": "takes values away", "values": "changes values"}
ACTS = {"raw": "the values as the dataset has them", "prepared": "series that are normalised and transformed"}


def show_corruption(name: str) -> int:
    """Print what a corruption is, its levels, and what it does to series."""
    from tsbench.corruptions.base import find_corruption

    catalog = settings().plugins()["corruptions"]
    entry, cls = catalog.entry(name), find_corruption(name, catalog)
    echo(f"{name} (version {cls.version}, plugin {entry.plugin})", f"{entry.summary} {entry.paper}".rstrip())
    if cls.__doc__:
        echo("", *(line.strip() for line in cls.__doc__.strip().split("\n")))
    reads = "; it reads labels, those of the test part too" if cls.uses_labels else ""
    echo("", f"It {MAKES[cls.makes]}, of {ACTS[cls.acts_on]}{reads}.")
    after = "" if cls.strengths is None else "[:STRENGTH]"
    echo("", f"--protocol PROTOCOL+{name}{after}=LEVEL@STAGE", f"  LEVEL in {cls.levels}: {cls.levels.doc}")
    if cls.strengths is not None:
        echo(f"  STRENGTH in {cls.strengths}, {cls.strength:g} where none is written: {cls.strengths.doc}")
    echo("  STAGE test (the default), downstream, all")
    return 0
