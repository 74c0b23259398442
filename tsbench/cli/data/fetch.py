"""tsbench data fetch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tsbench.cli.data.path import destination
from tsbench.cli.data.verify import DIFFERS, SAME, compare
from tsbench.cli.options import common_options, open_registry, settings
from tsbench.errors import MissingDataError, UsageError
from tsbench.terminal import bars, confirm, echo, words
from tsbench.urls import shown

if TYPE_CHECKING:
    from tsbench.fetch.fetcher import Download, Fetcher
    from tsbench.plan.datasets import DatasetHandle

ASK_ABOVE_BYTES = 100_000_000


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="DATASET|COLLECTION...")
@click.option("--yes", is_flag=True, help="Do not ask before a large download.")
@click.option("--force", is_flag=True, help="Fetch also what is on this machine already.")
@common_options
def fetch(names: tuple[str, ...], yes: bool, force: bool) -> int:
    """Fetch datasets from their public homes, over https, checked before they land.

    They go to the cache folder (TSBENCH_CACHE moves it), or to the folder --data-dir names; 'tsbench data path' prints
    it. Sizes and licences are shown first; above 100 MB a terminal is asked. Exits 3 when a dataset was not fetched,
    1 when one has other content than the known.

    \b
    Examples:
      tsbench data fetch GunPoint BasicMotions
      tsbench data fetch uea --yes --data-dir ~/archives
    """
    from tsbench.data.places import offline
    from tsbench.fetch.fetcher import Fetchable, Fetcher
    from tsbench.plan.plan import expand_datasets

    handles = expand_datasets(names, settings().plugins(), open_registry())
    wanted = {handle.name: handle for handle in handles if force or not handle.available()}
    if len(wanted) < len(handles):
        echo(f"{len(handles) - len(wanted)} of {len(handles)} datasets are here already.", err=True)
    if not wanted:
        return 0
    root = destination()
    downloads = [handle.dataset.download() for handle in wanted.values() if isinstance(handle.dataset, Fetchable)]
    if len(downloads) < len(wanted):
        others = ", ".join(sorted(set(wanted) - {download.name for download in downloads}))
        raise UsageError(f"cannot be fetched: {others}; add the folder that holds them with --data-dir or TSBENCH_DATA")
    if offline():
        return _offline(downloads, root)
    fetcher = Fetcher(notice=lambda line: echo(line, err=True))
    return _Errand(fetcher, root, wanted, force).run(downloads, yes)


def _offline(downloads: Sequence[Download], root: Path) -> int:
    """Tell of each dataset that no network would bring; raise MissingDataError naming the others."""
    from tsbench.fetch.fetcher import no_home

    for download in downloads:
        if not download.locations:
            echo(f"error: {no_home(download, root)}", err=True)
    if others := [download.name for download in downloads if download.locations]:
        raise MissingDataError(
            f"offline (--offline or TSBENCH_OFFLINE): not fetched: {', '.join(others)}; fetch on a machine with "
            f"network and put the files into {root}, one folder per dataset"
        )
    return MissingDataError.exit_code


class _Errand:
    """One call of the command: what is fetched, and what came of it."""

    def __init__(self, fetcher: Fetcher, root: Path, handles: dict[str, DatasetHandle], force: bool) -> None:
        self.fetcher = fetcher
        self.root = root
        self.handles = handles
        self.force = force
        self.failed: list[str] = []
        self.differing: list[str] = []

    def run(self, downloads: Sequence[Download], yes: bool) -> int:
        """Show sizes and licences, ask, fetch; return the exit code."""
        from rich.filesize import decimal

        from tsbench.fetch.fetcher import FetchStoppedError

        left = list(downloads)
        try:
            size = self._offers(left)
            if left:
                echo(f"{len(left)} to fetch, {decimal(size)} in all, into {self.root}", err=True)
            if size > ASK_ABOVE_BYTES and not yes and sys.stdin.isatty():
                confirm(f"Download {decimal(size)} into {self.root}?")
            self._fetch(left)
        except FetchStoppedError as error:
            names = ", ".join([*self.failed, *(download.name for download in left)])
            raise FetchStoppedError(f"{error}. Not fetched: {names}") from error
        if self.differing:
            echo(f"content differs from the known: {', '.join(self.differing)}", err=True)
        return 3 if self.failed else 1 if self.differing else 0

    def _offers(self, left: list[Download]) -> int:
        """Show what there is to download, dropping what no location has; return the bytes, as far as known."""
        from rich.filesize import decimal

        total = 0
        for download in list(left):
            try:
                offer = self.fetcher.offer(download, self.root)
            except MissingDataError as error:
                self._skip(download, error)
                left.remove(download)
                continue
            total += offer.size or 0
            licence = offer.licence or self.handles[download.name].card.licence or "licence not stated"
            size = "size not stated" if offer.size is None else decimal(offer.size)
            echo(f"{download.name:<32}  {size:>15}  {licence}  {shown(offer.url)}", err=True)
        return total

    def _fetch(self, left: list[Download]) -> None:
        from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

        with bars(words("description"), BarColumn(), DownloadColumn(), TimeRemainingColumn()) as progress:
            task = progress.add_task("", total=None)
            while left:
                download = left[0]
                progress.reset(task, total=None, description=download.name)
                try:
                    fingerprint = self.fetcher.fetch(
                        download,
                        self.root,
                        lambda done, total: progress.update(task, completed=done, total=total or None),
                        self.force,
                    )
                except MissingDataError as error:
                    self._skip(download, error)
                else:
                    self._landed(download.name, fingerprint)
                left.pop(0)

    def _landed(self, name: str, fingerprint: str) -> None:
        state = compare(fingerprint, self.handles[name].card.contents)
        note = {
            SAME: "content as known",
            DIFFERS: "CONTENT DIFFERS from the known: results cannot be compared with those on the known version",
        }.get(state, f"fingerprint {fingerprint[:12]}, nothing known to compare with")
        if state == DIFFERS:
            self.differing.append(name)
        echo(f"fetched {name} into {self.root / name}: {note}")

    def _skip(self, download: Download, error: MissingDataError) -> None:
        """Tell of a dataset that was not fetched and go on, unless there is no sense in going on."""
        from tsbench.fetch.fetcher import FetchStoppedError

        if isinstance(error, FetchStoppedError):
            raise error
        self.failed.append(download.name)
        echo(f"error: {error}", err=True)
