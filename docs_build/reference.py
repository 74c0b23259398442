"""Markdown of the reference pages, made from the code: commands, parameters, registry."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from typing import Any

import click

from tsbench.cli.group import cli
from tsbench.cli.options import common_options
from tsbench.discovery.catalog import Entry
from tsbench.discovery.plugins import Plugins, plugins
from tsbench.methods.params import Declaration, declarations
from tsbench.protocol import Split
from tsbench.registry import load_registry

WITH_PARAMETERS = ("methods", "encoders", "transforms", "probes")


def commands() -> str:
    """Return a section per command of the command line, and one with the options that all take."""
    common = common_options(click.Command("any")).params[::-1]
    lines = ["## Options of every command", "", *_options(common)]
    with click.Context(cli, info_name="tsbench") as root:
        for context, command in _walk(root):
            lines += ["", f"## {context.command_path}", "", *_command(context, command, {p.name for p in common})]
    return "\n".join(lines)


def parameters() -> str:
    """Return a section per method, encoder, transform and probe with every parameter it declares."""
    found = plugins()
    lines: list[str] = []
    for kind in WITH_PARAMETERS:
        lines += ["", f"## {kind.capitalize()}"]
        for entry in found[kind]:
            lines += ["", f"### {entry.name} {{ #{anchor(kind, entry.name)} }}", "", *_entry(entry, kind, found)]
    return "\n".join(lines)


def registry() -> str:
    """Return the protocols, suites, collections and papers' tables that registry.yaml declares."""
    known = load_registry()
    protocols = [
        [f"`{name}`", prose(p.summary), _split(p.split), p.normalisation, f"`{p.probe}`", f"`{p.hash()[:12]}`"]
        for name, p in known.protocols.items()
    ]
    collections = [[f"`{name}`", prose(c.summary), f"`{c.protocol}`"] for name, c in known.collections.items()]
    suites = [
        [f"`{name}`", prose(s.summary), f"`{s.collection}`", _names(s.methods), _names(s.protocols), str(s.seeds)]
        for name, s in known.suites.items()
    ]
    tables = [
        [f"`{name}/{table}`", prose(t.summary), str(len(t.rows)), _names(t.datasets)]
        for name, paper in known.papers.items()
        for table, t in paper.tables.items()
    ]
    return "\n".join(
        [
            *["## Protocols", "", *_table(["name", "summary", "split", "normalisation", "probe", "hash"], protocols)],
            *["", "## Collections", "", *_table(["name", "summary", "default protocol"], collections)],
            *["", "## Suites", ""],
            *_table(["name", "summary", "collection", "methods", "protocols", "seeds"], suites),
            *["", "## Tables of papers", "", *_table(["name", "summary", "rows", "datasets"], tables)],
        ]
    )


def anchor(kind: str, name: str) -> str:
    """Return the anchor of an entry on the page of parameters: "method-trls"."""
    return f"{kind.removesuffix('s')}-{name.removesuffix(':')}"


def prose(text: str) -> str:
    """Return text with what Markdown or HTML would take for markup escaped; `code` stays code."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        escaped = parts[i].replace("&", "&amp;").replace("<", "&lt;")
        parts[i] = "".join(f"\\{character}" if character in "*[]|{}" else character for character in escaped)
    return "`".join(parts)


def _walk(context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """Yield every command below a group, depth first, in the order of --help."""
    assert isinstance(context.command, click.Group)
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        yield inner, command
        if isinstance(command, click.Group):
            yield from _walk(inner)


def _command(context: click.Context, command: click.Command, common: set[str | None]) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    lines = _help(command.help or "")
    if not isinstance(command, click.Group):
        lines = ["```text", f"{context.command_path} {usage}", "```", "", *lines]
    own = [p for p in command.params if isinstance(p, click.Option) and p.name not in common]
    return [*lines, "", *_options(own)] if own else lines


def _help(text: str) -> list[str]:
    """Turn a docstring for click into Markdown: indented lines of a kept-as-is paragraph are examples."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        rows = paragraph.removeprefix("\b\n").splitlines()
        examples = [row.strip() for row in rows if row.startswith("  ")]
        lines += [*(prose(row) for row in rows if not row.startswith("  ")), ""]
        lines += ["```text", *examples, "```", ""] if examples else []
    return lines


def _options(options: Iterable[click.Parameter]) -> list[str]:
    context = click.Context(cli)
    rows = []
    for option in options:
        record = option.get_help_record(context)
        if record is not None:
            rows.append([f"`{record[0]}`", prose(record[1])])
    return _table(["option", "meaning"], rows)


def _entry(entry: Entry, kind: str, found: Plugins) -> list[str]:
    about = " ".join(part for part in (entry.summary, f"({entry.paper})" if entry.paper else "") if part)
    lines = [f"{prose(about)} Plugin `{entry.plugin}`.", ""]
    if entry.name.endswith(":"):
        return [*lines, f"The parameters are the library's own: `tsbench show method {entry.name}NAME` lists them."]
    declared = declarations(found[kind].get(entry.name).Params)
    if not declared:
        return [*lines, "No parameters."]
    rows = [
        [f"`{d.name}`", _value(d.default), _kind(d), "yes" if d.tune else "", d.stage, prose(d.doc)] for d in declared
    ]
    return [*lines, *(_table(["parameter", "default", "type and bounds", "tuned", "stage", "meaning"], rows))]


def _kind(declared: Declaration) -> str:
    if declared.component:
        return f"one of the [{declared.component}](#{declared.component})"
    if declared.choices:
        return " or ".join(_value(choice) for choice in declared.choices)
    bounds = [f"from {declared.low:g}"] if declared.low is not None else []
    bounds += [f"to {declared.high:g}"] if declared.high is not None else []
    return " ".join([prose(declared.type.replace(" | ", " or ")), *bounds, *(["(log)"] if declared.log else [])])


def _value(value: Any) -> str:
    return f"`{json.dumps(value)}`" if isinstance(value, str | bool) else f"`{value}`"


def _split(split: Split) -> str:
    return "the dataset's own" if split.scheme == "archive" else f"{split.folds} folds, seed {split.seed}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
