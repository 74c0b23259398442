"""tsbench data verify."""

from __future__ import annotations

from collections.abc import Collection

import click

from tsbench.cli.options import common_options, open_registry, settings
from tsbench.terminal import echo

SAME, DIFFERS, UNKNOWN = "same", "differs", "unknown"
MAX_FILES = 10  # of a dataset that are named


@click.command()
@click.argument("names", nargs=-1, metavar="[DATASET|COLLECTION]...")
@common_options
def verify(names: tuple[str, ...]) -> int:
    """Compare what datasets hold with their known content; without names, all that are on this machine.

    Prints for each: same, differs, unknown (nothing to compare with) or unreadable, and which of its files differ from
    a SHA256SUMS.txt in a folder above them; where no content is known, they decide. Exits 1 when one differs or cannot
    be read, 3 when one that was named is not on this machine.

    \b
    Examples:
      tsbench data verify
      tsbench data verify GunPoint uea
    """
    from tsbench.data.published_sums import SUMS, differing
    from tsbench.errors import InvalidDataError
    from tsbench.plan.plan import expand_datasets

    plugins = settings().plugins()
    wanted = names or tuple(name for name in plugins["datasets"].names() if name != "local")
    bad, missing, again = 0, 0, False
    for handle in expand_datasets(wanted, plugins, open_registry()):
        try:
            if not handle.available():
                missing += bool(names)
                if names:
                    echo(f"missing     {handle.name}: {handle.remedy()}")
                continue
            if not names and not handle.files():
                continue  # generated: there is nothing that could differ
            fingerprint, files = handle.load().fingerprint(), handle.files()
            others = differing(files)
        except InvalidDataError as error:
            bad += 1
            again |= handle.fetchable()
            echo(f"unreadable  {error}")
            continue
        state = compare(fingerprint, handle.card.contents)
        if others and state == UNKNOWN:
            state = DIFFERS
        bad += state == DIFFERS
        again |= state == DIFFERS and handle.fetchable()
        echo(f"{state:<10}  {handle.name:<32}  {fingerprint[:12]}  {files[0].parent if files else ''}".rstrip())
        for file in others[:MAX_FILES]:
            echo(f"{'':<10}  {file} differs from {SUMS}")
        if len(others) > MAX_FILES:
            echo(f"{'':<10}  and {len(others) - MAX_FILES} more files")
    if bad:
        echo(
            f"{bad} datasets are not what is known under their names: results on them cannot be compared with others'."
            + " 'tsbench data fetch NAME --force' fetches one again." * again,
            err=True,
        )
    return 1 if bad else 3 if missing else 0


def compare(fingerprint: str, known: Collection[str]) -> str:
    """Say whether a dataset's content is one that is known."""
    return UNKNOWN if not known else SAME if fingerprint in known else DIFFERS
