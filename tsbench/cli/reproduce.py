"""tsbench reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tsbench.cli.options import bench, common_options, executor_options, open_registry, seeds_option, split_commas
from tsbench.terminal import echo, echo_text


@click.command()
@click.argument("table", metavar="[PAPER/TABLE]", required=False)
@click.option("--dataset", "datasets", multiple=True, callback=split_commas, help="Other datasets than the paper's.")
@click.option("--protocol", help="Another protocol than the table's; a row that has one of its own keeps it.")
@seeds_option("1", "A number of seeds, or a list of them; 'N,' is seed N alone.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Override a parameter in every row.")
@click.option(
    "--out", default="reproduced", show_default=True, type=click.Path(path_type=Path), help="Folder to write to."
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")
@click.option("--retry", is_flag=True, help="Run again what failed before.")
@executor_options
@common_options
def reproduce(
    table: str | None,
    datasets: list[str],
    protocol: str | None,
    seeds: tuple[int, ...],
    pairs: tuple[str, ...],
    out: Path,
    device: str,
    retry: bool,
    **where: Any,
) -> int:
    """Run what is missing of a paper's table and write ours beside the published numbers, as CSV and Markdown.

    --dataset fills the same table from other data; the published column is then blank. Without a table the command
    lists those there are; the exit codes are those of 'tsbench run'.

    \b
    Examples:
      tsbench reproduce
      tsbench reproduce trls/table1 --dataset BasicMotions,GunPoint
    """
    from tsbench.plan.request import parse_overrides

    if table is None:
        return _list_tables(open_registry())
    limits = {name: where.pop(name) for name in ("time_limit", "memory_limit")}
    door = bench(device=device, **where)
    found = door.reproduction(table, datasets, seeds, out, parse_overrides(pairs), retry, protocol=protocol, **limits)
    if not found.ran.outcome.interrupted:
        echo_text(found.markdown)
    echo(f"written to {', '.join(map(str, found.files))}")
    echo(found.ran)
    return found.ran.exit_code


def _list_tables(registry: Any) -> int:
    tables = {
        f"{name}/{key}": entry.summary
        for name, paper in sorted(registry.papers.items())
        for key, entry in paper.tables.items()
    }
    width = max(map(len, tables), default=0)
    for name, summary in tables.items():
        echo(f"{name:<{width}}  {summary}".rstrip())
    return 0
