"""Every board that follows from evidence: one for each collection and protocol it has results of."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.evidence.bring import bring
from tsbench.evidence.shard import find
from tsbench.evidence.verify import Evidence, Verifier
from tsbench.leaderboard.export import write_board
from tsbench.leaderboard.query import query
from tsbench.plan.plan import expand_datasets
from tsbench.registry import Registry
from tsbench.store.store import Store


@dataclass
class Boards:
    """The files written, and a line for each row of the evidence that was refused."""

    files: list[Path] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def make_boards(evidence: Path, out: Path, plugins: Plugins, registry: Registry) -> Boards:
    """Write <collection>.csv, for other protocols than the collection's <collection>-<protocol>.csv, into a folder.

    Beside each stands <name>-shared.csv, which ranks every method on the datasets that all have. Raises UsageError
    where there is no evidence.
    """
    files = find(evidence)
    found = Verifier(plugins, registry).files(files)
    if not found.runs:
        raise UsageError(f"{evidence}: holds no evidence; 'tsbench submit' writes some")
    boards = Boards(refused=found.refused)
    with tempfile.TemporaryDirectory(prefix="tsbench-boards-") as folder:
        opened = partial(_open, str(Path(folder) / "evidence.db"))
        with opened() as store:
            bring(store, found.runs)
        folders = {path.parent.name for path in files}
        for collection, protocol in _asked(folders, found.runs, plugins, registry):
            own = registry.collections[collection].protocol == protocol
            name = collection if own else f"{collection}-{protocol}"
            for shared in (False, True):
                board = query([collection], protocol, "accuracy", (), shared, plugins, registry, opened)
                boards.files.append(out / f"{name}{'-shared' if shared else ''}.csv")
                write_board(board, boards.files[-1])
    return boards


def _open(name: str) -> contextlib.closing[Store]:
    return contextlib.closing(Store(name))


def _asked(
    collections: set[str], runs: list[Evidence], plugins: Plugins, registry: Registry
) -> Iterator[tuple[str, str]]:
    """Yield the collections and protocols that there are results of; what has its own decision rule goes with each."""
    have: dict[str, set[str]] = {}
    for one in runs:
        have.setdefault(one.result.spec.protocol.hash(), set()).add(one.result.spec.dataset)
    for collection in sorted(collections & registry.collections.keys()):
        members = {handle.name for handle in expand_datasets([collection], plugins, registry)}
        for protocol in registry.protocols:
            if have.get(registry.protocol(protocol).hash(), set()) & members:
                yield collection, protocol
