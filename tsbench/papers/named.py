"""Published results by name: rankscl/ts2vec, srl/t-loss/k=10, bakeoff/HC2."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tsbench.discovery.catalog import did_you_mean
from tsbench.errors import UsageError
from tsbench.papers import bakeoff
from tsbench.papers.published import Number, Row, files, load_published
from tsbench.registry import Registry

OURS = {"ACC": "accuracy", "MF1": "f1_macro"}
AVERAGE = " average"  # ends what a mean over datasets is called
NAMED = 4  # datasets in a line about some of them


@dataclass(frozen=True)
class Results:
    """What was published of one method: numbers by dataset, and the rows they stand in.

    name : SOURCE/METHOD, with /VARIANT where there is one. metric : ours.
    """

    name: str
    metric: str
    numbers: Mapping[str, Number]
    rows: tuple[Row, ...]

    @property
    def protocol(self) -> str:
        """The protocol of ours that measures so; "" for none, or where that is not known."""
        return _protocol(self.rows)

    @property
    def protocol_text(self) -> str:
        """The same, in words where it is none."""
        return self.protocol or "none of ours, or not stated"

    @property
    def decimals(self) -> int:
        """To how many decimals the numbers are given."""
        return max(row.decimals for row in self.rows)

    def on(self, datasets: Collection[str]) -> Results:
        """Return the results on these datasets alone."""
        numbers = {name: number for name, number in self.numbers.items() if name in datasets}
        return replace(self, numbers=numbers, rows=tuple(row for row in self.rows if row.dataset in numbers))

    @property
    def setting(self) -> str:
        """How it was measured, in the source's words."""
        return "; ".join(dict.fromkeys(row.setting for row in self.rows))

    def said(self, column: str) -> list[str]:
        """Return what a column says, each text once, with the datasets it is about where these are not all."""
        about: dict[str, list[str]] = {}
        for row in self.rows:
            for text in filter(None, getattr(row, column).split("; ")):
                about.setdefault(text, []).append(row.dataset)
        return [text if len(names) == len(self.rows) else f"{text} ({_some(names)})" for text, names in about.items()]


def results(name: str, metric: str, registry: Registry) -> Results:
    """Return the published results of a name; raises UsageError where there are none, or several.

    A variant may be left out where there is only one.
    """
    source, _, method = name.partition("/")
    if source == bakeoff.SOURCE and method:
        rows = bakeoff.rows(method)
        name = f"{source}/{rows[0].method}"
    else:
        name, rows = _find(name, registry)
    found = tuple(row for row in rows if OURS.get(row.metric) == metric)
    if not found:
        others = sorted({OURS.get(row.metric, row.metric) for row in rows})
        raise UsageError(f"--published {name} has no {metric}; published is: {', '.join(others)}")
    numbers = {row.dataset: Number(float(row.mean), row.std, row.note) for row in found}
    return Results(name, metric, numbers, found)


def catalogue(registry: Registry) -> dict[str, tuple[Row, ...]]:
    """Return {name: rows} of every method with numbers per dataset, which are fractions.

    Left out are the tables of the registry's papers: 'tsbench reproduce' puts ours beside them.
    """
    found: dict[str, list[Row]] = {}
    for file in files().keys() - {paper.csv for paper in registry.papers.values()}:
        for row in load_published(file, 1).rows:
            if not row.dataset.endswith(AVERAGE):
                found.setdefault(_name(file.removesuffix(".csv"), row), []).append(row)
    return {name: tuple(found[name]) for name in sorted(found)}


def summaries(registry: Registry) -> dict[str, str]:
    """Return {name: how many datasets, under which protocol, by whom} of what was published, and of the bake-off."""
    lines = {}
    for name, rows in catalogue(registry).items():
        count, protocol = len({row.dataset for row in rows}), _protocol(rows) or "not ours"
        lines[name] = f"{count} datasets, protocol {protocol}: {rows[0].paper}"
    here = ", ".join(bakeoff.here()) or "none"
    lines[f"{bakeoff.SOURCE}/NAME"] = f"classifiers by aeon's names, such as HC2; --fetch gets them; here: {here}"
    return lines


def _find(name: str, registry: Registry) -> tuple[str, tuple[Row, ...]]:
    known, wanted = catalogue(registry), name.casefold()
    several = [one for one in known if one == wanted] or [one for one in known if one.startswith(f"{wanted}/")]
    if len(several) > 1:
        raise UsageError(f"--published {name}: name one of {', '.join(several)}")
    if not several:
        hint = did_you_mean(name, known) or "; 'tsbench list published' has them"
        raise UsageError(f"--published {name}: there are no published results of this name{hint}")
    return several[0], known[several[0]]


def _protocol(rows: Sequence[Row]) -> str:
    found = {row.protocol for row in rows}
    return found.pop() if len(found) == 1 else ""


def _name(source: str, row: Row) -> str:
    return "/".join([source, *(_slug(text) for text in (row.method, row.variant) if text)])


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9=.]+", "-", text.casefold()).strip("-")


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} datasets"
