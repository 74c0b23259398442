"""tsbench plugin."""

from __future__ import annotations

import os

import click

from tsbench.cli.options import common_options, settings
from tsbench.terminal import echo, echo_text


@click.group()
def plugin() -> None:
    """See which plugins are installed and whether they load."""


@plugin.command("list")
@common_options
def list_plugins() -> int:
    """List every plugin with what it registers, or with the error that keeps it from loading.

    A broken plugin never breaks another. Exits 1 when one is broken; --debug shows its traceback.

    \b
    Example:
      tsbench plugin list
    """
    broken = 0
    for health in settings().plugins().health.values():
        version = f" {health.version}" if health.version else ""
        if health.error:
            broken += 1
            echo(f"BROKEN  {health.name}{version}: {health.error}")
            if os.environ.get("TSBENCH_DEBUG"):
                echo_text(health.details, indent="  ")
        else:
            parts = [f"{len(names)} {kind}" for kind, names in health.registered.items()]
            echo(f"ok      {health.name}{version}: {', '.join(parts) or 'registers nothing'}")
    return 1 if broken else 0
