"""registry.yaml: what is benchmarked on what. Declarative, checked, errors with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo, field_validator

from tsbench.discovery.catalog import did_you_mean
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.protocol import Protocol


class Collection(BaseModel):
    """A named set of datasets: an explicit list, and every registered dataset that carries `tag`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    summary: str = ""
    datasets: tuple[str, ...] = ()
    tag: str | None = None
    protocol: str = Field("svm-rbf", description="protocol used where the user names none")
    metric: str | None = Field(None, description="metric of its boards; the primary one of its task by default")
    board: str | None = Field(
        None, description="what the files of its boards are called; its name by default", pattern=r"^[\w-]+$"
    )
    also: tuple[str, ...] = Field((), description="further metrics that boards made of evidence have files of")
    intervals: bool = Field(False, description="boards made of evidence have an interval beside each cell")


class Suite(BaseModel):
    """A leaderboard as one name: datasets x methods x protocols x seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    summary: str = ""
    collection: str
    methods: tuple[str, ...] = Field(min_length=1)
    protocols: tuple[str, ...] = Field(min_length=1)
    seeds: int | tuple[int, ...] = 1
    floors: bool = True

    def all_seeds(self) -> tuple[int, ...]:
        """Return the seeds: a number n stands for 0 to n - 1."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds


class PaperRow(BaseModel):
    """One row of a paper's table: the published row (method, variant, setting) and the run that stands for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    method: str
    variant: str = ""
    setting: str = Field("", description="start of the published setting, where method and variant are not enough")
    apart: str = Field("", description="in what the run is known to differ from the published row; part of its name")
    run: str
    set: dict[str, str | int | float | bool] = {}
    protocol: str | None = Field(None, description="instead of the table's")
    pretrain_on: tuple[str, ...] = ()
    exclude_target: bool = False

    @property
    def name(self) -> str:
        """What the row is called."""
        apart = f"({self.apart})" if self.apart else ""
        return " ".join(part for part in (self.method, apart, self.variant, self.setting) if part)


class PaperTable(BaseModel):
    """A table (or figure) of a paper as runs.

    kind : "tsne" draws the test features of the first fold on a plane as well; "grid" shows a line per row beside the
    first one, with a column per dataset. published : the name of the table in the paper's CSV, empty where no numbers
    were published. metrics : published name to ours. datasets : in the order of its columns. groups : collections whose
    mean gets a column of a grid. stand_ins : further datasets, each to what the paper calls the data that it is run in
    place of, no number of which stands beside it. splits : datasets that are run on another of their own splits than
    the protocol's. conditions : name to what is written after a protocol's name ("" for nothing): each row stands for
    one under each of them, which is its variant. at_random : protocols that make folds are run on folds at random too,
    where a dataset's card names what its cases are grouped by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    summary: str
    kind: Literal["table", "tsne", "grid"] = "table"
    published: str = ""
    protocol: str
    datasets: tuple[str, ...] = Field(min_length=1)
    metrics: dict[str, str] = Field(min_length=1)
    average: str = Field(
        "", description="published name of the mean over all datasets, where the paper gives only that"
    )
    groups: tuple[str, ...] = ()
    stand_ins: dict[str, str] = {}
    splits: dict[str, str] = {}
    conditions: dict[str, str] = {}
    at_random: bool = False
    rows: tuple[PaperRow, ...] = Field(min_length=1)

    @field_validator("rows")
    @classmethod
    def _under_conditions(cls, rows: tuple[PaperRow, ...], info: ValidationInfo) -> tuple[PaperRow, ...]:
        conditions = info.data.get("conditions")
        if not conditions:
            return rows
        return tuple(
            row.model_copy(
                update={
                    "variant": " ".join(filter(None, (row.variant, name))),
                    "protocol": f"{row.protocol or info.data.get('protocol')}+{text}" if text else row.protocol,
                }
            )
            for row in rows
            for name, text in conditions.items()
        )

    @field_validator("rows")
    @classmethod
    def _distinct(cls, rows: tuple[PaperRow, ...]) -> tuple[PaperRow, ...]:
        names = [row.name for row in rows]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rows are called '{twice[0]}'; give one another variant")
        return rows

    def under(self, protocol: str | None) -> PaperTable:
        """Return the table under another protocol, where one is given: rows with one of their own keep it.

        Nothing that was published stands beside it then, and no dataset is on another split than the protocol's.
        """
        if protocol is None or protocol == self.protocol:
            return self
        changed = {"protocol": protocol, "published": "", "average": "", "splits": {}}
        return self.model_copy(update={**changed, "rows": tuple(self._moved(row, protocol) for row in self.rows)})

    def _moved(self, row: PaperRow, protocol: str) -> PaperRow:
        """Return a row with its condition after another protocol, where it is the table's that it has one after."""
        _, mine, condition = f"{row.protocol}".partition(f"{self.protocol}+")
        return row.model_copy(update={"protocol": f"{protocol}+{condition}"}) if self.conditions and mine else row


class Paper(BaseModel):
    """A paper's tables.

    csv : its published numbers, a file of leaderboards/published; unit : 100 for percentages. datasets : our name of a
    dataset to the paper's, for those that are the same data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    summary: str
    csv: str
    unit: float = 1.0
    datasets: dict[str, str] = {}
    doubt: str = Field("", description="why no number of this paper can be compared exactly")
    tables: dict[str, PaperTable] = Field(min_length=1)


class Registry(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    floors: tuple[str, ...] = ()
    collections: dict[str, Collection] = {}
    protocols: dict[str, Protocol] = {}
    suites: dict[str, Suite] = {}
    papers: dict[str, Paper] = {}
    _probed_at: dict[str, str] = PrivateAttr(default_factory=dict)

    def probed_at(self, protocol: str) -> str:
        """Return the file and line of a protocol's probe_params; "" where it is of no file."""
        return self._probed_at.get(protocol, "")

    def find(self, section: str, name: str) -> Any:
        """Return an entry of a section; raises UsageError with a suggestion."""
        entries = getattr(self, section)
        if name not in entries:
            hint = did_you_mean(name, entries) or f"; known: {', '.join(sorted(entries))}"
            raise UsageError(f"unknown {section[:-1]} '{name}'{hint}")
        return entries[name]

    def protocol(self, reference: str, plugins: Plugins | None = None) -> Protocol:
        """Return a protocol by "name" or "name+condition", such as "linear-cv5+labels=0.1".

        plugins : whose corruptions there are; None for the installed ones.
        """
        name, *conditions = reference.split("+")
        found: Protocol = self.find("protocols", name)
        return found.under(conditions, None if plugins is None else plugins["corruptions"])

    def table(self, reference: str) -> tuple[Paper, PaperTable]:
        """Return a paper and one of its tables by "paper/table"; raises UsageError with a suggestion."""
        known = [f"{paper}/{table}" for paper, entry in self.papers.items() for table in entry.tables]
        if reference not in known:
            raise UsageError(
                f"unknown table '{reference}'{did_you_mean(reference, known) or '; known: ' + ', '.join(known)}"
            )
        paper, _, table = reference.partition("/")
        return self.papers[paper], self.papers[paper].tables[table]


def load_registry(extra: Path | None = None) -> Registry:
    """Read the registry that comes with tsbench; a user's own file merges over it, entry by entry."""
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # for what we wrote: a C parser has its own words for mistakes
    sources = [(_builtin(), _read(_builtin(), fast))]
    if extra is not None:
        sources.append((extra, _read(extra, yaml.SafeLoader)))
    merged: dict[str, Any] = {}
    for _, (content, _) in sources:
        for section, entries in content.items():
            both_maps = isinstance(entries, dict) and isinstance(merged.get(section), dict)
            merged[section] = {**merged[section], **entries} if both_maps else entries
    _name_protocols(merged)
    try:
        registry = Registry(**merged)
    except ValidationError as error:
        raise _located(error, sources) from None
    _check_references(registry, sources)
    registry._probed_at = {name: _where(["protocols", name, "probe_params"], sources) for name in registry.protocols}
    return registry


def _builtin() -> Path:
    here = Path(__file__).resolve().parent
    installed = here / "registry.yaml"
    return installed if installed.exists() else here.parent / "registry.yaml"


Source = tuple[Path, tuple[dict[str, Any], yaml.Node | None]]


def _read(path: Path, loader: Any) -> tuple[dict[str, Any], yaml.Node | None]:
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, loader)
        content = loader("").construct_document(node) if node else None
    except OSError as error:
        raise UsageError(f"registry {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UsageError(f"registry {where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if content is None:
        return {}, node
    if not isinstance(content, dict):
        raise UsageError(f"registry {path}:1: must be a mapping of sections, got {type(content).__name__}")
    return content, node


def _name_protocols(merged: dict[str, Any]) -> None:
    """Give each protocol its key as its name, so that the file need not say it twice."""
    protocols = merged.get("protocols")
    if isinstance(protocols, dict):
        merged["protocols"] = {
            name: {**body, "name": name} if isinstance(body, dict) else body for name, body in protocols.items()
        }


def _located(error: ValidationError, sources: list[Source]) -> UsageError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    return UsageError(f"registry {_where(location, sources)}: {'.'.join(location)}: {first['msg']}")


def _check_references(registry: Registry, sources: list[Source]) -> None:
    wanted: list[tuple[tuple[str, ...], str]]
    wanted = [(("collections", name, "protocol"), c.protocol) for name, c in registry.collections.items()]
    wanted += [(("suites", name, "protocols"), p) for name, s in registry.suites.items() for p in s.protocols]
    for name, paper in registry.papers.items():
        wanted += [(("papers", name, "tables", t, "protocol"), table.protocol) for t, table in paper.tables.items()]
    for location, reference in wanted:
        protocol = reference.partition("+")[0]
        if protocol not in registry.protocols:
            hint = did_you_mean(protocol, registry.protocols)
            raise UsageError(f"registry {_where(list(location), sources)}: unknown protocol '{protocol}'{hint}")
    for name, suite in registry.suites.items():
        if suite.collection not in registry.collections:
            where = _where(["suites", name, "collection"], sources)
            hint = did_you_mean(suite.collection, registry.collections)
            raise UsageError(f"registry {where}: unknown collection '{suite.collection}'{hint}")


def _where(location: list[str], sources: list[Source]) -> str:
    """Return file:line of the deepest part of a location that the last file mentioning it has."""
    best: tuple[int, str] = (-1, str(sources[-1][0]))
    for path, (_, node) in sources:
        depth, line, current = 0, 1, node
        for part in location:
            child = _child(current, part)
            if child is None:
                break
            depth, line, current = depth + 1, child[0].start_mark.line + 1, child[1]
        if depth >= best[0]:
            best = (depth, f"{path}:{line}")
    return best[1]


def _child(node: yaml.Node | None, part: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key, value
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        return node.value[int(part)], node.value[int(part)]
    return None
