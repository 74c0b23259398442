"""tsbench submit."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tsbench.cli.options import common_options, open_registry, open_store, settings
from tsbench.cli.ui.refusals import echo_refused
from tsbench.errors import UsageError
from tsbench.terminal import echo

if TYPE_CHECKING:
    from tsbench.discovery.plugins import Plugins
    from tsbench.plan.spec import RunSpec


@click.command()
@click.option("--method", "methods", multiple=True, help="Methods, or labels of rows, comma-separated.")
@click.option("--dataset", "datasets", multiple=True, help="Datasets or collections.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of evidence, such as leaderboards/results.")
@click.option("--check", type=click.Path(path_type=Path), metavar="FILE", help="Verify a shard and repeat some runs.")
@click.option("--sample", default=3, show_default=True, type=click.IntRange(0), help="Runs that --check repeats.")
@click.option("--seed", default=0, show_default=True, help="Which of them are drawn.")
@click.option("--device", default="cpu", show_default=True, help="Where they are repeated: cpu, cuda or cuda:N.")
@common_options
def submit(
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    out: Path | None,
    check: Path | None,
    sample: int,
    seed: int,
    device: str,
) -> int:
    """Write results of --store as evidence: files that others can verify and bring into their store.

    A file holds specifications, versions, environment, metrics, durations and predictions of one method. Each run is
    verified first; what is in a file of the folder already is not written again.

    --check verifies a file and repeats a random few of its runs. Of the test cases of each, one or two in a hundred may
    be answered otherwise: other processors round differently.

    Exit codes: 0 all is well, 1 some run was refused or does not repeat, 3 no run can be repeated, as their data is not
    on this machine.

    \b
    Examples:
      tsbench submit --method ts2vec,random:ts2vec --dataset ucr --store results.db --out leaderboards/results
      tsbench submit --check results/ucr/ts2vec-0123.parquet --sample 5
    """
    if check is not None:
        if methods or datasets or out is not None:
            raise UsageError("--check takes a file alone: leave out --method, --dataset and --out")
        return _check(check, sample, seed, device)
    if not methods or not datasets or out is None:
        raise UsageError("name --method, --dataset and --out; or --check and a file")
    from tsbench.evidence.submit import submit as write_evidence
    from tsbench.leaderboard.wanted import read_wanted
    from tsbench.output import check_folder
    from tsbench.plan.asked import read_choice

    check_folder(out)
    known = settings().plugins(), open_registry()
    with contextlib.closing(open_store(must_exist=True)) as store:
        wanted = read_wanted(store, *known, time.time(), methods, datasets)
        names = read_choice(datasets, "--dataset", store.names("dataset").__contains__)
        report = write_evidence(store, wanted.methods, names, out, *known)
        if not (report.written or report.known or report.refused):
            raise UsageError(f"{store.name} has no succeeded run of {', '.join(wanted.methods)} on {', '.join(names)}")
    echo_refused(report.refused)
    for path in report.files:
        echo(path)
    echo(f"{report.written} runs written, {report.known} there already, {len(report.refused)} refused")
    return 1 if report.refused else 0


def _check(path: Path, sample: int, seed: int, device: str) -> int:
    from tsbench.evidence.repeat import repeat
    from tsbench.evidence.shard import find
    from tsbench.evidence.verify import Verifier
    from tsbench.execute.where import Where

    plugins, failed = settings().plugins(), 0
    if path.is_dir():
        raise UsageError(f"--check {path}: this is a folder; name a file of it")
    (found,) = Verifier(plugins, open_registry()).files(find(path))
    echo_refused(found.refused)
    echo(f"{len(found.runs)} runs verified, {len(found.refused)} refused")
    for line in found.conflicts:
        echo(f"conflict, left out: {line}", err=True)
    here = [one for one in found.runs if one.claim is None]
    absent = {_content(one.result.spec, plugins) for one in found.runs if one.claim is not None}
    if absent:
        echo(f"{len(found.runs) - len(here)} runs cannot be repeated without {', '.join(sorted(absent))}", err=True)
    for one in repeat(here, sample, seed, Where(device).make_worker(plugins)):
        spec, failed = one.spec, failed + (not one.agrees)
        name = f"{spec.key[:12]} ({spec.label} on {spec.dataset}, fold {spec.fold}, seed {spec.seed})"
        answer = one.error or f"{one.changed} of {one.cases} {one.what} answered otherwise"
        echo(f"{'repeats' if one.agrees else 'does not repeat'}: {name}: {answer}")
    if found.refused or found.conflicts or failed:
        return 1
    return 3 if absent and sample and not here else 0


def _content(spec: RunSpec, plugins: Plugins) -> str:
    """Return what a run was made on and is not here: a dataset, or another content of one."""
    from tsbench.plan.datasets import open_dataset

    other = open_dataset(spec.dataset, plugins, "").available()
    return f"{spec.dataset} of fingerprint {spec.fingerprint[:12]}" if other else spec.dataset
