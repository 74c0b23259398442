"""tsbench realism."""

from __future__ import annotations

import click

from tsbench.cli.options import bench, common_options
from tsbench.terminal import echo, echo_json


@click.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--device", default="auto", show_default=True, help="Where gaps are filled in: cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@common_options
def realism(keys: tuple[str, ...], device: str, as_json: bool) -> int:
    """Say how well a small classifier tells windows that a run filled in from true ones.

    KEY is the start of the key of a run under protocol impute. Accuracy 0.5: they cannot be told apart by this
    classifier; 1: always. Weights come from the run's checkpoint; where there is none, the method is trained anew.

    \b
    Example:
      tsbench run --method linear-fill --dataset BasicMotions --protocol impute
      tsbench realism 3fa9c1
    """
    from tsbench.cli.ui.tables import print_table

    found = bench(device=device).realism(list(keys))
    if as_json:
        echo_json(found.to_dict("records"))
        return 0
    columns = ["key", "method", "dataset", "protocol", "fold", "seed", "cases", "hidden", "accuracy", "95%"]
    right = columns[4:]
    rows = (
        [
            *(row["key"][:10], *(str(row[name]) for name in columns[1:7]), f"{row['hidden']:.3f}"),
            *(f"{row['accuracy']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}"),
        ]
        for row in found.to_dict("records")
    )
    print_table([(name, "right" if name in right else "left") for name in columns], rows, ["seed", "fold", "protocol"])
    echo("accuracy: share of windows told right by boosted trees on 8 statistics of each channel; 0.5 is chance.")
    return 0
