"""Writing evidence: what a store has of some methods, as shards that are verified before they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from tsbench.discovery.plugins import Plugins
from tsbench.errors import StoreError, TsbenchError, UsageError
from tsbench.evidence import shard
from tsbench.evidence.apart import read_all
from tsbench.evidence.boards import with_boards
from tsbench.evidence.shard import Row
from tsbench.evidence.verify import Verifier
from tsbench.methods.weights import without_place
from tsbench.output import write_bytes
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.plan import expand_datasets
from tsbench.registry import Registry
from tsbench.store.database import chunks
from tsbench.store.packing import check_packed, pack
from tsbench.store.schema import runs
from tsbench.store.store import Store

PARAMETERS = ("overrides", "params")
NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")  # "random:trls" is "random-trls" in a file's name


@dataclass
class Submitted:
    """What was written: files, and how many runs are in them; how many were there already; lines of what was not."""

    files: list[Path] = field(default_factory=list)
    written: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


def submit(
    store: Store, methods: Sequence[str], names: Sequence[str], out: Path, plugins: Plugins, registry: Registry
) -> Submitted:
    """Write the succeeded runs of methods on datasets or collections as out/<collection>/<method>-<digest>.parquet.

    methods : their names, or labels of rows. Runs that a shard below `out` has already are not written again; files
    that are there are never changed. Raises UsageError for data that is not known by a name, or whose card forbids
    sharing; nothing is written then.
    """
    folders = {handle.name: folder for handle, folder in _folders(names, plugins, registry)}
    report, verifier, known = Submitted(), Verifier(plugins, registry), _known(out)
    keys = _keys(store, methods, folders)
    report.known = len(keys & known)
    ready: dict[tuple[str, str], list[Row]] = {}
    for key in sorted(keys - known):
        try:
            row = _row(store, key)
            verifier.row(row)
            ready.setdefault((folders[row["dataset"]], row["method"]), []).append(row)
        except TsbenchError as error:
            report.refused.append(f"run {key[:12]}: {error}")
    for (folder, method), rows in sorted(ready.items()):
        for digest, content in shard.shards(rows):
            path = out / folder / f"{NO_NAME.sub('-', method)}-{digest}.parquet"
            write_bytes(path, content)
            report.files.append(path)
        report.written += len(rows)
    return report


def _folders(names: Sequence[str], plugins: Plugins, registry: Registry) -> Iterator[tuple[DatasetHandle, str]]:
    """Yield each dataset with its folder: the collection it was asked by, else the first that has it, else its name.

    Only collections that have boards count.
    """
    known = with_boards(plugins, registry)
    boards = {name: one for name, one in registry.collections.items() if name in known}
    for name in names:
        for handle in expand_datasets([name], plugins, registry):
            if handle.reference != handle.name:
                raise UsageError(f"--dataset {name}: a path is not evidence: others cannot check it; name a dataset")
            if not handle.card.shareable:
                raise UsageError(f"--dataset {name}: the card of {handle.name} forbids that its predictions are shared")
            tags = plugins["datasets"].entry(handle.name).tags
            of = (c for c, one in boards.items() if handle.name in one.datasets or one.tag in tags)
            yield handle, name if name in boards else next(of, handle.name)


def _known(out: Path) -> set[str]:
    """Return the keys of the runs that are in the shards of a folder."""
    keys = set[str]()
    for _, rows, error in read_all(shard.find(out) if out.is_dir() else ()):
        if error:
            raise StoreError(f"{error}; restore or remove it")
        keys |= {row["key"] for row in rows}
    return keys


def _keys(store: Store, methods: Sequence[str], datasets: Iterable[str]) -> set[str]:
    named = runs.c.method.in_(list(methods)) | runs.c.label.in_(list(methods))
    query = sa.select(runs.c.key).where(runs.c.status == "succeeded", named)
    with store.read() as connection:
        return {
            key
            for names in chunks(datasets)
            for key in connection.execute(query.where(runs.c.dataset.in_(names))).scalars()
        }


def _row(store: Store, key: str) -> Row:
    """Return what a shard has of a run; raises StoreError where that cannot be evidence."""
    run, answers = store.find(key), store.predictions(key)
    spec, attempt = run["spec"], run["current"]
    if spec.get("tuned") is not None:
        raise StoreError("its parameters come from a search, of which evidence holds nothing")
    if spec.get("sources"):
        raise StoreError("it was pre-trained on other data, of which evidence holds nothing")
    noted = ("overrides", "params", "versions", "protocol", "threads")
    if answers is None or run["split"] is None or not spec.keys() >= set(noted):
        raise StoreError("its predictions, split or specification are not whole; run it again")
    packed = pack(answers)
    check_packed(packed, shard.MOST_UNPACKED)
    return {
        "key": key,
        **{name: run[name] for name in ("method", "method_version", "dataset", "fingerprint", "normalisation")},
        **{name: run[name] for name in ("fold", "seed", "split", "metrics", "environment")},
        **{name: _anywhere(spec[name]) if name in PARAMETERS else spec[name] for name in noted},
        **{name: attempt[name] for name in ("device", "started", "finished", "durations", "facts")},
        "peak_memory_bytes": attempt["peak_memory_bytes"],
        "predictions": packed,
    }


def _anywhere(params: Row) -> Row:
    """Return parameters that say of pre-trained weights what they are, not where they lay."""
    return {key: without_place(value) for key, value in params.items()}
