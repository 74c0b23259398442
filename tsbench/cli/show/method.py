"""tsbench show method: what a method is and its parameters."""

from __future__ import annotations

from tsbench.cli.options import settings
from tsbench.identity import base_method
from tsbench.methods.capabilities import capabilities
from tsbench.terminal import echo

WORDS = {
    "represent": "give features, which the probe of a protocol is fitted on",
    "decide": "decide by a rule of its own: --protocol own, and any protocol where it gives no features",
    "reconstruct": "fill in missing values: --protocol impute",
    "embed": "put series and texts into one space: --protocol retrieval",
}


def show_method(name: str) -> int:
    """Print what a method is and every parameter it takes, those of its default components included."""
    from tsbench.methods.params import declarations, resolve

    plugins = settings().plugins()
    base = base_method(name)
    entry, cls = plugins["methods"].entry(base), plugins["methods"].get(base)
    echo(f"{name} (version {cls.version}, plugin {entry.plugin})", f"{entry.summary} {entry.paper}".rstrip())
    if cls.__doc__:
        echo("", *(line.strip() for line in cls.__doc__.strip().split("\n")))
    echo("", "It can:", *(f"  {what:<11}  {WORDS[what]}" for what in capabilities(cls)))
    chosen = resolve(cls.Params, {}, lambda kind, part: plugins[kind].get(part), name)
    owners = [("", cls.Params), *((f"{slot}.", part.cls.Params) for slot, part in chosen.components.items())]
    echo("", "Parameters (--set KEY=VALUE):")
    for prefix, params in owners:
        for declared in declarations(params):
            limits = [f">= {declared.low:g}" if declared.low is not None else ""]
            limits += [f"<= {declared.high:g}" if declared.high is not None else ""]
            bounds = ", ".join(limit for limit in limits if limit)
            kind = f"{declared.type}{', ' + bounds if bounds else ''}"
            echo(f"  {prefix}{declared.name} = {declared.default!r}  ({kind})", f"      {declared.doc}")
    return 0
