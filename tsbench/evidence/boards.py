"""Every board that follows from evidence: one for each collection and protocol it has results of."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.evidence.bring import bring
from tsbench.evidence.shard import find
from tsbench.evidence.verify import Verifier
from tsbench.leaderboard.cell_intervals import METRICS
from tsbench.leaderboard.query import query
from tsbench.leaderboard.write import write_board
from tsbench.plan.plan import expand_datasets
from tsbench.protocol import OWN_PROBE
from tsbench.registry import Registry
from tsbench.store.store import Store
from tsbench.tasks import MEASURED


@dataclass
class Boards:
    """The files written, and a line for each row of the evidence that was refused or contradicts an earlier one.

    unknown : the folders of evidence that are called as no collection, of which there is no board.
    """

    files: list[Path] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)


def make_boards(evidence: Path, out: Path, plugins: Plugins, registry: Registry) -> Boards:
    """Write <board>.csv of each collection, for other protocols than its own <board>-<protocol>.csv, into a folder.

    Of further metrics that a collection has its boards `also` of there is <board>-<metric>.csv.
    Beside each stands the same as <name>.md, which tells of which datasets a sample was read, and <name>-shared.csv,
    which ranks every method on the datasets that all have. Raises UsageError where there is no evidence.
    """
    files, verifier = find(evidence), Verifier(plugins, registry)
    boards, have = Boards(), dict[str, set[tuple[str, str]]]()
    with tempfile.TemporaryDirectory(prefix="tsbench-boards-") as folder:
        opened = partial(_open, str(Path(folder) / "evidence.db"))
        with opened() as store:
            for found in verifier.files(files):
                boards.refused += found.refused
                boards.conflicts += found.conflicts
                in_folder = have.setdefault(found.path.parent.name, set())
                in_folder |= {(one.result.spec.protocol.hash(), one.result.spec.dataset) for one in found.runs}
                bring(store, found.runs)
        if not any(have.values()):
            raise UsageError(f"{evidence}: holds no evidence; 'tsbench submit' writes some")
        folders = {path.parent for path in files}
        known = with_boards(plugins, registry)
        boards.unknown = sorted(one for one in folders if one.name not in known)
        for collection, protocol in _asked(have, plugins, registry):
            own = registry.collections[collection].protocol == protocol
            name = registry.collections[collection].board or collection
            name = name if own else f"{name}-{protocol}"
            served = _served(collection, protocol, plugins, registry)
            further = [one for one in registry.collections[collection].also if one in served]
            intervals = registry.collections[collection].intervals and not served.isdisjoint(METRICS)
            for metric, called in ((None, name), *((one, f"{name}-{one}") for one in further)):
                for shared, suffixes in ((False, (".csv", ".md")), (True, ("-shared.csv",))):
                    asked = [collection], protocol, metric, None, ()
                    how = plugins, registry, opened
                    board = query(*asked, shared, *how, look=False, intervals=intervals and not shared)
                    for suffix in suffixes:
                        boards.files.append(out / f"{called}{suffix}")
                        write_board(board, boards.files[-1])
    return boards


def _served(collection: str, protocol: str, plugins: Plugins, registry: Registry) -> set[str]:
    """Return the metrics of what a protocol measures on a collection."""
    chosen, handles = registry.protocol(protocol, plugins), expand_datasets([collection], plugins, registry)
    tasks = {chosen.task_of(handle.card.task) for handle in handles} & MEASURED.keys()
    return {metric.name for task in tasks for metric in MEASURED[task].metrics}


def with_boards(plugins: Plugins, registry: Registry) -> set[str]:
    """Return the collections that there can be a board of: those whose datasets are of one task."""
    tasks = {
        name: {handle.card.task for handle in expand_datasets([name], plugins, registry)}
        for name in registry.collections
    }
    return {name for name, of in tasks.items() if len(of) == 1}


def _open(name: str) -> contextlib.closing[Store]:
    return contextlib.closing(Store(name))


def _asked(have: Mapping[str, set[tuple[str, str]]], plugins: Plugins, registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield collection and protocol where its folder has a result: have holds hashes of protocols with datasets.

    What has its own decision rule is on each board, and makes that of the collection's protocol alone.
    """
    for collection in sorted(have.keys() & with_boards(plugins, registry)):
        members = [handle.name for handle in expand_datasets([collection], plugins, registry)]
        for name in registry.protocols:
            protocol = registry.protocol(name, plugins)
            of_collection = name == registry.collections[collection].protocol
            if protocol.probe == OWN_PROBE and not of_collection:
                continue
            hashes = {protocol.hash(), protocol.own().hash()} if of_collection else {protocol.hash()}
            if not have[collection].isdisjoint(product(hashes, members)):
                yield collection, name
