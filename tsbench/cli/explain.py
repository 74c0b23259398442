"""tsbench explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tsbench.cli.options import bench, common_options
from tsbench.errors import UsageError
from tsbench.terminal import echo

if TYPE_CHECKING:
    from tsbench.reading.attribution import Over

LITTLE = 0.05  # of a confidence, below which curves differ by nothing that counts


@click.command()
@click.option("--run", "key", required=True, metavar="KEY", help="The start of the key of a run.")
@click.option("--case", required=True, metavar="NAME", help="A case of its test part, by name or number.")
@click.option("--class", "target", metavar="NAME", help="Whose score is explained.  [default: of the largest score]")
@click.option("--over", default="values", show_default=True, type=click.Choice(["values", "pixels"]), help="Of what.")
@click.option("--steps", default=64, show_default=True, type=click.IntRange(8, 4096), help="Of the integral.")
@click.option("--device", default="auto", show_default=True, help="Where to compute: cpu, cuda or cuda:N.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A picture (.png, .svg, .pdf), or a .csv.")
@common_options
def explain(key: str, case: str, target: str | None, over: Over, steps: int, device: str, out: Path) -> int:
    """Say on which values a decision about a case hangs, and how far that can be believed.

    Integrated gradients of a score, from every value missing to the case. They are judged by deletion and insertion
    curves beside occlusion and random order, and by what the untrained twin gives. For nets with a rule of their own,
    and for features under a linear probe (ridge, linear, logistic, linear-paper). Where the net sees pictures of a
    case (vitst, seqimage, trls), --over pixels says which of their pixels count.

    \b
    Example:
      tsbench run --method supervised --dataset GunPoint --protocol own
      tsbench explain --run 3fa9c1 --case 60 --out case60.png
    """
    from tsbench.leaderboard.cells import to_csv
    from tsbench.output import check_file, write_bytes
    from tsbench.plots.drawing import FORMATS, check_output, save

    if out.suffix.lower() == ".csv":
        check_file(out, "--out")
    elif out.suffix.lower() in FORMATS:
        check_output("--out", out)
    else:
        raise UsageError(f"--out {out}: the name must end in .csv or one of {', '.join(FORMATS)}")
    door = bench(device=device)
    run, found = door.show(key), door.explain(key, case, target, steps, over)
    of = f"class {found.target}" if found.target else "the number"
    if out.suffix.lower() == ".csv":
        write_bytes(out, to_csv(found.entries, float_format=None).encode())
    else:
        from tsbench.plots.explain import draw, draw_pictures

        title = f"{run['label']}, {run['dataset']}, {run['protocol']}: case {case}, score of {of}"
        drawn = draw_pictures(found.pictures, found.entries, found.curves, title) if found.pictures else None
        save(drawn or draw(found.entries, found.curves, title), out)
    echo(f"case {case}, {of}: score {found.score:.4g}, {found.at_nothing:.4g} with {found.nothing}")
    echo(f"the attributions' sum misses the difference by {100 * found.gap:.1f} %")
    if found.apart:
        echo("the net also sees pictures of the values, of which these attributions tell nothing: see --over pixels")
    for name, (deletion, insertion) in found.areas.items():
        echo(f"{name}: deletion {deletion:.3f} (low is good), insertion {insertion:.3f} (high is good)")
    like = found.like_untrained
    said = f"{like:.2f} (0: unlike)" if like == like else "none, for too few values or all alike"
    echo(f"rank correlation with the untrained twin's attributions: {said}")
    if found.target and found.moved < LITTLE:  # a number has a scale of its own
        echo(f"confidence moves by {found.moved:.2g} over all curves: too little to tell one order from another")
    echo(f"written to {out}")
    return 0
