"""The store of results: one transaction per run; drivers on several machines may share it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from tsbench.errors import StoreError, UsageError
from tsbench.identity import canonical
from tsbench.plan.exposure import CLEAN, derived
from tsbench.plan.result import Result
from tsbench.store import claims
from tsbench.store.artifacts import Folder, folder_of, join
from tsbench.store.database import Database, chunks
from tsbench.store.packing import pack, unpack
from tsbench.store.record import record
from tsbench.store.rows import (
    ATTEMPT,
    RUN,
    SPEC,
    file_name,
    flaw,
    flaw_of_run,
    is_number,
    read_json,
    sound_columns,
    versions_of,
)
from tsbench.store.schema import attempts, checkpoints, environments, metrics, predictions, runs
from tsbench.store.wanted import Wanted
from tsbench.tasks.score import Predictions

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
DEFAULT_STORE = "tsbench.db"
FEW_DATASETS = 20
BATCH = 1000
ALL = Wanted()
ATTEMPT_OF = sa.select(runs.c.attempt).where(runs.c.key == sa.bindparam("key"))
TEXT, WHOLE, NUMBER, PERHAPS = {str}, {int}, {int, float}, {str, type(None)}
# Of rows of before exposure was noted, those that may not be clean, by their labels.
NOT_CLEAN = ("pretrain_on=", "@sha256:")
MAY_BE_EXPOSED = runs.c.exposure.is_(None) & sa.or_(*(runs.c.label.contains(sign) for sign in NOT_CLEAN))
# What a leaderboard needs of a run, and the types that it may have; `value` comes beside them.
SCORE_COLUMNS: dict[Any, set[Any]] = {
    **{
        runs.c[name]: TEXT for name in ("key", "label", "method", "dataset", "protocol_hash", "status", "normalisation")
    },
    **{runs.c[name]: WHOLE for name in ("method_version", "fold", "seed")},
    runs.c.fingerprint: TEXT,
    **{runs.c[name]: PERHAPS for name in ("split", "configuration", "exposure", "versions")},
    attempts.c.finished: NUMBER,
    # Parsed where a driver older than a column wrote the row.
    sa.case((runs.c.versions.is_(None) | MAY_BE_EXPOSED, sa.cast(runs.c.spec, sa.String))).label("old"): PERHAPS,
}
logger = logging.getLogger("tsbench.store")


class Store(Database):
    """Results behind one URL, and the folder of artefacts (checkpoints) that goes with them.

    artifacts : a folder or a URL for fsspec. None: TSBENCH_ARTIFACTS, else as ""; "": beside the SQLite file, or
        ./tsbench-artifacts for a server.

    Raises what `Database` does.
    """

    def __init__(self, url: str = DEFAULT_STORE, must_exist: bool = False, artifacts: str | None = None) -> None:
        # Runs whose result was recorded through this object, and from which attempt.
        self._recorded: dict[str, int] = {}
        self._last = ""
        super().__init__(url, must_exist)
        self._artifacts = os.environ.get("TSBENCH_ARTIFACTS", "") if artifacts is None else artifacts

    @property
    def artifacts(self) -> Folder:
        """The folder (a Path) or the URL (a str) of what is kept in files."""
        return folder_of(self._artifacts, self.file)

    @property
    def checkpoint_folder(self) -> Folder:
        """The folder or URL of the checkpoints; raises UsageError where a URL cannot be used on this machine."""
        return join(self.artifacts, "checkpoints")

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do what `Database.write` does, and raise StoreError where the result recorded last is not there any more."""

        def after_check(connection: sa.Connection) -> T:
            if self._last:
                found = connection.execute(ATTEMPT_OF, {"key": self._last}).scalar()
                self._check_recorded([self._last], {self._last: found or 0})
            return work(connection)

        return super().write(after_check)

    def verify(self) -> None:
        """Raise StoreError where a result recorded through this object cannot be read from where the name leads."""

        def look(connection: sa.Connection) -> dict[str, int]:
            if self.backend == "sqlite":
                connection.exec_driver_sql("PRAGMA shrink_memory")  # pages in memory say nothing of the file
            return _by_key(connection, sa.select(runs.c.key, runs.c.attempt), runs.c.key, set(self._recorded))

        self._check_recorded(self._recorded, self.query(look))

    def _check_recorded(self, keys: Iterable[str], found: Mapping[str, int]) -> None:
        """Raise StoreError unless each run has the attempt recorded here, or a later one, as its result."""
        lost = [key for key in keys if found.get(key, 0) < self._recorded[key]]
        if lost:
            raise StoreError(
                f"store {self.name} has lost {len(lost)} results that were recorded in it (run {lost[0][:12]}): "
                "an older copy took its place while it was in use"
            )

    def claim(self, key: str, owner: str, redo: bool = False, split: str = "") -> bool:
        """Take a run for this owner: True when it may execute it now, and nobody else may.

        False when another owner holds it whose last heartbeat is less than CLAIM_EXPIRY old on the database's clock,
        or when it has already succeeded (unless `redo`), on this split where one is given (`RunSpec.made_on`). An owner
        may claim again what it holds.
        """
        # Most that are not to be had are seen without a place in the writers' queue.
        if not self.query(lambda connection: claims.free(connection, key, owner, redo, split)):
            return False
        return self.write(lambda connection: claims.claim(connection, key, owner, redo, split))

    def heartbeat(self, owner: str) -> set[str]:
        """Refresh all claims of an owner and return their keys; one that another owner took over is missing."""
        return self.write(lambda connection: claims.heartbeat(connection, owner))

    def release(self, owner: str, keys: Iterable[str] | None = None) -> None:
        """Give back an owner's claims, all or those of keys; those of others stay."""
        held = None if keys is None else list(keys)
        self.write(lambda connection: claims.release(connection, owner, held))

    def claimed(self) -> dict[str, str]:
        """Return {key: owner} of the live claims."""
        return self.query(claims.live)

    def statuses(self, keys: Iterable[str]) -> dict[str, str]:
        """Return {key: status} of the runs that have one."""
        query, wanted = sa.select(runs.c.key, runs.c.status), set(keys)
        return self.query(lambda connection: _by_key(connection, query, runs.c.key, wanted))

    def splits(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Return {key: `RunSpec.made_on`} of the runs that have a status; None or a part where it was not noted."""
        query, wanted = sa.select(runs.c.key, runs.c.split), set(keys)
        return self.query(lambda connection: _by_key(connection, query, runs.c.key, wanted))

    def seconds(self, keys: Iterable[str]) -> dict[str, float]:
        """Return {key: seconds} that all attempts of a run took together."""
        query = sa.select(attempts.c.key, sa.func.sum(attempts.c.finished - attempts.c.started))
        query, wanted = query.group_by(attempts.c.key), set(keys)
        return self.query(lambda connection: _by_key(connection, query, attempts.c.key, wanted))

    def record(self, result: Result, environment: dict[str, Any], owner: str | None = None) -> bool:
        """Write everything about one attempt in one transaction; return whether it now is the run's result.

        The newest attempt is the run's status, except that a success is only replaced by a success: a forced
        repetition that fails or is interrupted leaves the earlier result in place.

        owner : who claimed the run; the claim is released. An owner whose claim was taken over (or that never had
        one) is late: its attempt is kept as a row, but becomes the result only where it succeeded and no success is
        there yet. The owner that took over decides in all other cases. The same key gives the same bits, so a late
        success is as good as another.
        """
        content = None if result.predictions is None else pack(result.predictions)
        attempt = self.write(lambda connection: record(connection, result, content, environment, owner))
        if attempt is not None:
            self._recorded[result.spec.key], self._last = attempt, result.spec.key
        return attempt is not None

    def checkpoint_sha256(self, pretrain_key: str) -> str | None:
        """Return the recorded checksum of a checkpoint."""
        query = sa.select(checkpoints.c.sha256).where(checkpoints.c.pretrain_key == pretrain_key)
        return self.query(lambda connection: connection.execute(query).scalar())

    def checkpoint_is_gone(self, pretrain_key: str) -> bool:
        """Say whether a recorded checkpoint has no file in its folder on this machine; of a URL that is not asked."""
        folder = self.checkpoint_folder
        if not isinstance(folder, Path) or (folder / file_name(pretrain_key)).is_file():
            return False
        return self.checkpoint_sha256(pretrain_key) is not None  # None: pruned

    def batches(self, wanted: Wanted = ALL) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of `results`, BATCH at a time: what is held does not grow with the store."""
        text = "C" if self.backend == "postgresql" else "BINARY"  # by code point, whatever the server's language
        order = [runs.c[name].collate(text) for name in ("dataset", "label", "protocol")]
        query = sa.select(runs.c.key).where(*wanted.conditions())
        query = query.order_by(*order, runs.c.fold, runs.c.seed, runs.c.attempt)
        with self.read() as connection:
            keys = connection.execute(query, execution_options={"yield_per": BATCH})
            left_out = 0
            for chunk in keys.scalars().partitions():
                rows = _flat_rows(connection, chunk)
                left_out += len(chunk) - len(rows)
                yield rows
        self._say_left_out(left_out)

    def endings(self) -> Iterator[dict[str, Any]]:
        """Yield key, status, started and finished of each run, of the attempt that it comes from."""
        columns = [runs.c.key, runs.c.status, attempts.c.started, attempts.c.finished]
        query = sa.select(*columns).join(attempts, attempts.c.id == runs.c.attempt)
        left_out = 0
        with self.read() as connection:
            for row in map(dict, connection.execute(query, execution_options={"yield_per": BATCH}).mappings()):
                if flaw(row, RUN) or flaw(row, ATTEMPT):
                    left_out += 1
                else:
                    yield row
        self._say_left_out(left_out)

    def _say_left_out(self, count: int) -> None:
        if count:
            logger.warning("%d runs of %s cannot be used and are left out; see 'tsbench store check'", count, self.name)

    def results(self, protocol_hashes: Iterable[str] = (), datasets: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return one flat row per run, by dataset, label, protocol, fold, seed, with the attempt it comes from.

        Metrics are columns of their own. Of the specification there are the parameters and the protocol's split and
        condition; that as a whole, curve and traceback are left to `find`.
        """
        wanted = Wanted(datasets=tuple(datasets), protocol_hashes=tuple(protocol_hashes))
        return [row for batch in self.batches(wanted) for row in batch]

    def rows(self, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Return the rows of `results` of these runs, in this order, without those that it lacks."""
        with self.read() as connection:
            return [row for chunk in chunks(keys) for row in _flat_rows(connection, chunk)]

    def scores(self, metric: str, protocol_hashes: Iterable[str], datasets: Iterable[str] = ()) -> pd.DataFrame:
        """Return a row per run that has the metric: its value and what a leaderboard needs to place it.

        Columns: key, label, method, method_version, dataset, protocol_hash, fold, seed, status, normalisation,
        fingerprint, split, configuration, exposure, versions (JSON), finished, and the metric under its name.
        """
        import pandas as pd

        value = sa.and_(metrics.c.key == runs.c.key, metrics.c.name == metric, metrics.c.value.is_not(None))
        query = sa.select(*SCORE_COLUMNS, metrics.c.value).select_from(runs).join(metrics, value)
        names = list(datasets)
        # SQLite looks each row up in a long IN (...): pandas is faster.
        few = Wanted(datasets=tuple(names) if len(names) < FEW_DATASETS else (), protocol_hashes=tuple(protocol_hashes))
        query = query.join(attempts, attempts.c.id == runs.c.attempt).where(*few.conditions())
        with self.read() as connection:
            # The driver's cursor: SQLAlchemy's rows take three times as long.
            columns, flawed = sound_columns(connection.execute(query).cursor, [*SCORE_COLUMNS.values(), NUMBER])
        names_of = [*(column.name for column in SCORE_COLUMNS), metric]
        with pd.option_context("future.infer_string", False):  # text that is read once, which to convert takes longer
            frame = pd.DataFrame(dict(zip(names_of, columns, strict=True)))
        made = frame[["versions", "old"]].drop_duplicates()
        known = {pair: versions_of(*pair) for pair in made.itertuples(index=False, name=None)}
        then = frame[frame["exposure"].isna()]
        about = zip(then["old"], then["split"].fillna(""), strict=True)
        told = [CLEAN if old is None else _exposure(read_json(old), split) for old, split in about]
        frame["exposure"] = (
            frame["exposure"].astype(object).where(frame["exposure"].notna(), pd.Series(told, then.index))
        )
        texts = {pair: "" if found is None else canonical(found) for pair, found in known.items()}
        frame["versions"] = [texts[pair] for pair in zip(frame["versions"], frame.pop("old"), strict=True)]
        readable = frame["versions"] != ""
        self._say_left_out(flawed + int((~readable).sum()))
        frame = frame[readable]
        return frame[frame["dataset"].isin(names)] if names else frame

    def costs(self, keys: Iterable[str]) -> list[tuple[str, float | None, float | None, int]]:
        """Return (key, seconds of the training, of the probe, peak bytes) of runs; None where that was not measured.

        A training that several runs share counts for each of them.
        """
        query = sa.select(runs.c.key, attempts.c.durations, attempts.c.peak_memory_bytes)
        query, found = query.join(attempts, attempts.c.id == runs.c.attempt), []
        with self.read() as connection:
            for chunk in chunks(keys):
                for key, durations, peak in connection.execute(query.where(runs.c.key.in_(chunk))):
                    if not flaw({"durations": durations, "peak_memory_bytes": peak}, ATTEMPT):
                        found.append((key, durations.get("fit"), durations.get("probe"), peak))
        return found

    def metric_names(self) -> set[str]:
        """Return the names of the metrics that runs have."""
        with self.read() as connection:
            return {str(name) for name in connection.execute(sa.select(metrics.c.name).distinct()).scalars()}

    def names(self, *columns: str) -> set[str]:
        """Return what these columns of the table of runs hold, such as "label", or "method" and "label"."""
        with self.read() as connection:
            found = (connection.execute(sa.select(runs.c[name]).distinct()).scalars() for name in columns)
            return {str(name) for names in found for name in names}

    def find(self, prefix: str) -> dict[str, Any]:
        """Return everything about the one run whose key starts with prefix.

        With its metrics, its attempts, `current`, the attempt it comes from, and the environment of that one.
        """
        query = sa.select(runs).where(runs.c.key.startswith(prefix, autoescape=True)).limit(2)
        with self.read() as connection:
            found = connection.execute(query).mappings().all()
            if len(found) != 1:
                count = "more than one run" if found else "no run"
                raise UsageError(f"{count} in {self.name} has a key that starts with '{prefix}'; see 'tsbench results'")
            run = dict(found[0])
            query = sa.select(attempts).where(attempts.c.key == run["key"]).order_by(attempts.c.id)
            run["attempts"] = [dict(row) for row in connection.execute(query).mappings()]
            query = sa.select(metrics.c.name, metrics.c.value).where(metrics.c.key == run["key"])
            run["metrics"] = {row.name: row.value for row in connection.execute(query)}
            current = [one for one in run["attempts"] if one["id"] == run["attempt"]]
            if not current:
                raise StoreError(f"run {run['key'][:12]} has lost the attempt it comes from; see 'tsbench store check'")
            run["current"] = current[0]
            query = sa.select(environments.c.content).where(environments.c.id == run["current"]["environment"])
            run["environment"] = connection.execute(query).scalar()
        values = [{"name": name, "value": value} for name, value in run["metrics"].items()]
        if what := flaw_of_run(run, run["attempts"], values, [{"content": run["environment"]}]):
            raise StoreError(f"run {run['key'][:12]} in {self.name} cannot be used: {what}; see 'tsbench store check'")
        run["exposure"] = run["exposure"] or _exposure(run["spec"], run["split"])
        return run

    def predictions(self, key: str) -> Predictions | None:
        """Return the stored predictions of a run; raises StoreError where they are none."""
        query = sa.select(predictions.c.content).where(predictions.c.key == key)
        with self.read() as connection:
            content = connection.execute(query).scalar()
        try:
            return None if content is None else unpack(content)
        except StoreError as error:
            raise StoreError(f"run {key[:12]} in {self.name}: {error}") from None


def _by_key(connection: sa.Connection, query: sa.Select[Any], column: sa.Column[str], keys: set[str]) -> dict[str, Any]:
    """Return {key: value} of the rows (key, value) of these keys."""
    found = (connection.execute(query.where(column.in_(chunk))) for chunk in chunks(keys))
    return {key: value for rows in found for key, value in rows}


def _flat_rows(connection: sa.Connection, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of these runs, without those that cannot be used."""
    columns: list[sa.ColumnElement[Any]] = [c for c in runs.c if c.name not in ("spec", "versions")]
    columns += [c for c in attempts.c if c.name not in ("id", "key", "status", "curve", "traceback")]
    sources: sa.ColumnElement[Any] = sa.case((runs.c.exposure.is_(None), runs.c.spec["sources"]))
    params: sa.ColumnElement[Any] = runs.c.spec["params"]
    protocol: dict[str, sa.ColumnElement[Any]] = {
        name: runs.c.spec["protocol"][name] for name in ("split", "condition")
    }
    versions: sa.ColumnElement[Any] = sa.cast(runs.c.spec["versions"], sa.String)
    if connection.dialect.name == "sqlite":  # which refuses the whole query over one text that is no JSON
        valid = sa.func.json_valid(runs.c.spec) == 1
        params, versions, sources = (sa.case((valid, part)) for part in (params, versions, sources))
        protocol = {name: sa.case((valid, part)) for name, part in protocol.items()}
    columns += [part.label(f"protocol_{name}") for name, part in protocol.items()] + [sources.label("sources")]
    columns += [sa.func.coalesce(runs.c.versions, versions).label("versions"), params.label("params")]
    query = sa.select(*columns).join(attempts, attempts.c.id == runs.c.attempt).where(runs.c.key.in_(keys))
    measured: dict[str, dict[str, Any]] = {}
    # Plain tuples: SQLAlchemy's rows take three times as long.
    for key, name, value in connection.execute(sa.select(metrics).where(metrics.c.key.in_(keys))).cursor.fetchall():
        measured.setdefault(key, {})[name] = value
    rows = {}
    for found in connection.execute(query).mappings():
        row, values = dict(found), measured.get(found["key"], {})
        then = {"protocol": {"name": "", "split": row["protocol_split"]}, "sources": row.pop("sources") or []}
        sound = all(isinstance(name, str) and (v is None or is_number(v)) for name, v in values.items())
        if sound and not values.keys() & row.keys() and not flaw_of_run(row, [row]):
            if row["exposure"] is None:
                told = any(sign in row["label"] for sign in NOT_CLEAN)
                row["exposure"] = _exposure({**row, **then, "versions": {}}, row["split"]) if told else CLEAN
            rows[row["key"]] = {**row, **values}
    return [rows[key] for key in keys if key in rows]


def _exposure(spec: Any, split: str | None) -> str:
    """Return what a row of before exposure was noted states, given what there is of its specification."""
    return derived(spec, split) if isinstance(spec, dict) and not flaw(spec, SPEC) else CLEAN
