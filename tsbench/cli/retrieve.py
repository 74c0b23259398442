"""tsbench retrieve."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import bench, common_options
from tsbench.terminal import echo, echo_text


@click.command()
@click.option("--run", "key", required=True, metavar="KEY", help="The run, by the start of its key.")
@click.option("--query", required=True, metavar="FILE|TEXT", help="One recording (record.hea, .edf), or a text.")
@click.option("-k", default=5, show_default=True, type=click.IntRange(1, 1000), help="How many cases to find.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write a page with the curves on ECG paper.")
@click.option("--device", default="auto", show_default=True, help="Where cases are embedded: cpu, cuda or cuda:N.")
@common_options
def retrieve(key: str, query: str, k: int, html: Path | None, device: str) -> int:
    """Find the cases of a run's dataset that are nearest to a query, by a run of protocol retrieval.

    A text finds cases by their series, a recording by their texts. A row per case: rank, case, the part of the fold it
    is in, score (the inner product of the two vectors), codes and text. The data of the run must be here; weights come
    from the checkpoint beside the store, and where there is none, the method is trained anew.

    \b
    Example:
      tsbench retrieve --run 3fa9c1 --query "atrial fibrillation" -k 5 --html found.html
    """
    from tsbench.leaderboard.cells import to_csv
    from tsbench.output import check_file, write_bytes

    if html is not None:
        check_file(html, "--html")
    found = bench(device=device).retrieve(key, query, k)
    for note in found.notes:
        echo(f"note: {note}", err=True)
    echo_text(to_csv(found.frame))
    if html is not None:
        from tsbench.reading.ecg_page import page

        write_bytes(html, page(found, query).encode())
        echo(f"{len(found.frame)} cases drawn in {html}")
    return 0
