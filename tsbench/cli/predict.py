"""tsbench predict."""

from __future__ import annotations

from pathlib import Path

import click

from tsbench.cli.options import bench, common_options, skip_bad_option
from tsbench.cli.results import form_of
from tsbench.terminal import echo, echo_text


@click.command()
@click.option("--run", "key", required=True, metavar="KEY", help="The run, by the start of its key.")
@click.option("--dataset", required=True, metavar="NAME|PATH", help="The new data; it needs no labels.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write a .csv, .parquet or .jsonl file.  [default: print CSV]"
)
@click.option("--device", default="auto", show_default=True, help="Where cases are encoded: cpu, cuda or cuda:N.")
@skip_bad_option
@common_options
def predict(key: str, dataset: str, out: Path | None, device: str, skip_bad: bool) -> int:
    """Apply a trained run to new data: a row per recording with its name, the prediction and the scores.

    The data that the run was trained on must be here: the probe is fitted on it again, and new values are normalised
    as it is. Weights come from the checkpoint beside the store; where there is none, the method is trained anew, which
    a warning and the column `weights` say. Channels are matched by name. Where some cases have a label, it is in the
    column `truth`, and metrics over these cases are printed.

    \b
    Example:
      tsbench predict --run 3fa9c1 --dataset ./new --out predictions.csv
    """
    from tsbench.leaderboard.cells import to_csv
    from tsbench.leaderboard.results import write_results

    form = form_of(out) if out else ""
    frame = bench(device=device).predict(key, dataset, skip_bad)
    if out is None:
        echo_text(to_csv(frame, float_format=None))
    else:
        write_results([frame], out, form)
        echo(f"{len(frame)} cases written to {out}")
    if frame.attrs["n_labelled"]:
        found, scored, labelled = (frame.attrs[name] for name in ("metrics", "n_scored", "n_labelled"))
        unknown = f" that the run knows ({labelled - scored} have another)" if scored < labelled else ""
        values = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        echo(f"{scored} of {len(frame)} cases have a label{unknown}{': ' if values else ''}{values}", err=True)
    return 0
