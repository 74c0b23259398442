"""tsbench list."""

from __future__ import annotations

import click

from tsbench.cli.options import common_options, open_registry, settings
from tsbench.discovery.catalog import Entry
from tsbench.methods.capabilities import registered_for
from tsbench.terminal import echo

CATALOGUES = ("methods", "datasets", "encoders", "transforms", "corruptions", "probes")
SECTIONS = ("protocols", "suites", "collections", "papers")
PUBLISHED = "published"


@click.command("list")
@click.argument("kind", type=click.Choice([*CATALOGUES, *SECTIONS, PUBLISHED]))
@common_options
def list_names(kind: str) -> int:
    """List what there is of a kind, with a line about each.

    Of a method it says what it can do: represent (give features for a probe), decide (by a rule of its own). Published
    are the results per dataset that 'tsbench compare' puts ours beside.

    \b
    Examples:
      tsbench list methods
      tsbench list protocols
    """
    if kind in CATALOGUES:
        rows = [
            (entry.name, " ".join([entry.summary, *([f"[{entry.paper}]"] if entry.paper else []), *_can(kind, entry)]))
            for entry in settings().plugins()[kind]
            if entry.name != "local"
        ]
    elif kind == PUBLISHED:
        from tsbench.papers.named import summaries

        rows = list(summaries(open_registry()).items())
    else:
        rows = [(name, entry.summary) for name, entry in sorted(getattr(open_registry(), kind).items())]
    if kind == "methods":
        rows.append(("random:<method>", "that method, built and never trained: the floor of every encoder"))
        rows.append(
            ("permuted:<method>", "that method on series whose time order is shuffled: is the dataset about time?")
        )
    width = max((len(name) for name, _ in rows), default=0)
    for name, summary in rows:
        echo(f"{name:<{width}}  {summary}".rstrip())
    return 0


def _can(kind: str, entry: Entry) -> list[str]:
    """Return what a method can do, as "(represent, decide)"."""
    can = registered_for(entry) if kind == "methods" else ()
    return [f"({', '.join(can)})"] if can else []
