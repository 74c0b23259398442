"""tsbench reproduce."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from tsbench.cli.execution import Where, execute_plan, executor_options, make_worker
from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.cli.output import check_folder
from tsbench.cli.run import split_commas
from tsbench.cli.terminal import echo, echo_text


@click.command()
@click.argument("table", metavar="PAPER/TABLE")
@click.option("--dataset", "datasets", multiple=True, callback=split_commas, help="Other datasets than the paper's.")
@click.option(
    "--seeds", default="1", show_default=True, metavar="N|0,1,2", help="A number of seeds, or a list of them."
)
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Override a parameter in every row.")
@click.option(
    "--out", default="reproduced", show_default=True, type=click.Path(path_type=Path), help="Folder to write to."
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")
@click.option("--retry", is_flag=True, help="Run again what failed before.")
@executor_options
@common_options
def reproduce(
    table: str,
    datasets: list[str],
    seeds: str,
    pairs: tuple[str, ...],
    out: Path,
    device: str,
    retry: bool,
    **where: Any,
) -> int:
    """Run what is missing of a paper's table and write ours beside the published numbers, as CSV and Markdown.

    --dataset fills the same table from other data; the published column is then blank. 'tsbench list papers' names
    the papers; the exit codes are those of 'tsbench run'.

    \b
    Example:
      tsbench reproduce trls/table1 --dataset BasicMotions,GunPoint
    """
    from tsbench.leaderboard.export import to_csv, write_bytes
    from tsbench.leaderboard.maps import draw_map
    from tsbench.leaderboard.reproduce import markdown, plan_table, tabulate
    from tsbench.run.plan import parse_overrides, parse_seeds

    check_folder(out)
    registry, plugins = open_registry(), settings().plugins()
    paper, chosen = registry.table(table)
    known = [name for name in chosen.datasets if name in plugins["datasets"] or name in registry.collections]
    wanted, unknown = datasets or known, [] if datasets else [n for n in chosen.datasets if n not in known]
    planned = plan_table(chosen, wanted, parse_seeds(seeds), parse_overrides(pairs), plugins, registry)
    planned.plan.missing |= {name: f"no plugin brings {name}; --dataset A,B uses other data" for name in unknown}
    outcome = execute_plan(
        planned.plan, device, retry, force=False, available=True, as_json=False, where=Where(**where)
    )
    names = [*dict.fromkeys(spec.dataset for spec in planned.plan.specs), *planned.plan.missing]
    stem, files = out / table.replace("/", "-"), []
    with contextlib.closing(open_store()) as store:
        frame = tabulate(paper, chosen, planned, names, store.results())
        if chosen.kind == "tsne":
            files = draw_map(planned, outcome, make_worker(store, device), stem)
    title = f"{table}: {chosen.summary}"
    write_bytes(stem.with_suffix(".csv"), to_csv(frame).encode())
    write_bytes(stem.with_suffix(".md"), markdown(title, frame).encode())
    echo_text(markdown(title, frame))
    echo(f"written to {', '.join(map(str, [f'{stem}.csv', f'{stem}.md', *files]))}")
    return int(outcome.exit_code(available=False))
