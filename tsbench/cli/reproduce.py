"""tsbench reproduce."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from tsbench.cli.execution import Where, execute_plan, executor_options, make_worker
from tsbench.cli.options import common_options, open_registry, open_store, seeds_option, settings
from tsbench.cli.output import check_folder
from tsbench.cli.run import split_commas
from tsbench.terminal import echo, echo_text


@click.command()
@click.argument("table", metavar="[PAPER/TABLE]", required=False)
@click.option("--dataset", "datasets", multiple=True, callback=split_commas, help="Other datasets than the paper's.")
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
    from tsbench.leaderboard.cells import to_csv
    from tsbench.leaderboard.export import write_bytes
    from tsbench.papers.maps import draw_map
    from tsbench.papers.reproduce import markdown, plan_table, tabulate
    from tsbench.plan.plan import parse_overrides

    registry, plugins = open_registry(), settings().plugins()
    if table is None:
        return _list_tables(registry)
    check_folder(out)
    paper, chosen = registry.table(table)
    known = [name for name in chosen.datasets if name in plugins["datasets"] or name in registry.collections]
    wanted, unknown = datasets or known, [] if datasets else [n for n in chosen.datasets if n not in known]
    planned = plan_table(chosen, wanted, seeds, parse_overrides(pairs), plugins, registry)
    planned.plan.missing |= {name: f"no plugin brings {name}; --dataset A,B uses other data" for name in unknown}
    outcome = execute_plan(
        planned.plan, device, retry, force=False, available=True, as_json=False, where=Where(**where)
    )
    names = [*dict.fromkeys(spec.dataset for spec in planned.plan.specs), *planned.plan.missing]
    title, stem = f"{table}: {chosen.summary}", out / table.replace("/", "-")
    files = [Path(f"{stem}.csv"), Path(f"{stem}.md")]
    with contextlib.closing(open_store()) as store:
        frame = tabulate(paper, chosen, planned, names, store.results())
        for file, text in zip(files, (to_csv(frame), markdown(title, frame)), strict=True):
            write_bytes(file, text.encode())
        if chosen.kind == "tsne":
            files += draw_map(planned, outcome, make_worker(store, device), stem)
    echo_text(markdown(title, frame))
    echo(f"written to {', '.join(map(str, files))}")
    return int(outcome.exit_code(available=False))


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
