"""Studies beside the results: Optuna's tables in the store's own database."""

from __future__ import annotations

import contextlib
import datetime
import functools
import random
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from tsbench.cleanup import afterwards
from tsbench.data.splits import same_split
from tsbench.discovery.plugins import Plugins
from tsbench.errors import StoreError, UsageError
from tsbench.identity import digest
from tsbench.plan.datasets import open_dataset
from tsbench.plan.spec import RunSpec
from tsbench.plan.summaries import summarise
from tsbench.store.database import LOCK_SECONDS
from tsbench.store.store import Store
from tsbench.tune.tables import GRACE_SECONDS

HEARTBEAT_SECONDS = 30
MOST_RETRIES = 2
OPENINGS = 5
# What Optuna raises on rows that are not its own.
CANNOT_BE_READ = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError)
DIMENSION = {"key", "choices", "low", "high", "integer", "log"}
NOTES: dict[str, Callable[[Any], bool]] = {
    "trials": lambda value: isinstance(value, int),
    "seeds": lambda value: isinstance(value, list) and all(isinstance(one, int) for one in value),
    "fixed": lambda value: isinstance(value, dict),
    "space": lambda value: (
        isinstance(value, list) and all(isinstance(one, dict) and one.keys() >= DIMENSION for one in value)
    ),
}


@contextlib.contextmanager
def open_studies(store: Store) -> Iterator[RDBStorage]:
    """Give Optuna's storage behind the store's URL, and turn its errors into StoreError.

    The trial of a process that died is tried again, MOST_RETRIES times.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR + 10)  # what ends a trial is recorded in it and reported
    try:
        storage = _connect(store)
        with afterwards(storage.engine.dispose), afterwards(storage.remove_session):
            yield storage
    except (optuna.exceptions.StorageInternalError, sa.exc.SQLAlchemyError) as error:
        cause = error.__cause__ or error
        reason = " ".join(str(getattr(cause, "orig", None) or cause).split())
        raise StoreError(f"the studies in {store.name} cannot be read or written: {reason}") from (
            error if store.file else None
        )


def _connect(store: Store) -> RDBStorage:
    """Open the storage; tables that another process makes at the same moment are there the next time."""
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if store.file else {"pool_pre_ping": True}
    for attempt in range(OPENINGS):
        try:
            with quiet():
                storage = RDBStorage(
                    store.url.render_as_string(hide_password=False),
                    engine_kwargs=dict(options),
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES),
                )
            if store.file:
                _serialise(storage)
                store.guard(storage.engine)
            return storage
        except RuntimeError as error:  # its tables are of another version of Optuna
            raise StoreError(f"the studies in {store.name} cannot be read: {' '.join(str(error).split())}") from error
        except (sa.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError):
            if attempt == OPENINGS - 1:
                raise
            time.sleep(random.uniform(0, 0.5))  # noqa: S311
    raise AssertionError("the last attempt returns or raises")


def _serialise(storage: RDBStorage) -> None:
    """Have each transaction on SQLite lock the others out: Optuna looks and then writes, counting on row locks."""
    sa.event.listen(storage.engine, "connect", _tune_sqlite)
    sa.event.listen(storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    storage.engine.dispose()


def _tune_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the listener begins transactions, not the driver
    connection.execute("PRAGMA synchronous=NORMAL")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's notes that heartbeats are experimental, and meant for its own loop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Heartbeat of storage")
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def study_name(spec: RunSpec, plugins: Plugins, metric: str, fixed: Collection[str]) -> str:
    """Return the name of the study that tunes a planned run: the same for all its seeds.

    It ends in a digest of method, version, parameters, dataset, fingerprint, protocol, fold, metric, and the keys that
    the user fixed. Of a cross-validated protocol each fold has its study, since its training part holds test cases of
    the others.
    """
    about = replace(spec, seed=0, threads=1).identity()
    about |= {"metric": metric, "fixed": sorted(set(fixed) & set(spec.params))}
    if _uneven(spec.dataset_ref or spec.dataset, spec.fingerprint, plugins):
        about["training_part"] = 2  # once it kept the time axis and the classes of the whole dataset
    return f"{spec.method}.{spec.dataset}.{spec.protocol.name}.fold{spec.fold}.{digest(about)[:12]}"


def name_on_split(spec: RunSpec, storage: RDBStorage, plugins: Plugins, metric: str, fixed: Collection[str]) -> str:
    """Return the name under which a store has, or is to have, the study of a planned run on its split.

    It is `study_name`, and a digest of the split after it where the study of that name was made on another one. One
    that began before splits were noted is taken for such where groups (subjects, say) shape its folds.
    """
    name = study_name(spec, plugins, metric, fixed)
    study = find_study(name, storage)
    about = {} if study is None else study.user_attrs
    if "split" in about:
        same = same_split(about["split"], spec.split)
    else:  # or another process is just making it
        same = "space" not in about or "groups:" not in spec.split
    return name if same else f"{name}.{digest(spec.split)[:8]}"


@functools.lru_cache(maxsize=4096)
def _uneven(reference: str, fingerprint: str, plugins: Plugins) -> bool:
    """Ask a dataset once for each of its states."""
    return summarise(open_dataset(reference, plugins, "")).uneven


def find_study(name: str, storage: RDBStorage) -> optuna.Study | None:
    """Return a study, or None where there is none of this name; raises StoreError where it cannot be used."""
    try:
        if name not in optuna.get_all_study_names(storage):
            return None
        return sound(optuna.load_study(study_name=name, storage=storage))
    except CANNOT_BE_READ as error:
        raise _unusable(name, error) from error


def sound(study: optuna.Study) -> optuna.Study:
    """Return a study whose trials and notes can be used; raises StoreError for one that others wrote otherwise."""
    try:
        study.get_trials(deepcopy=False)
        notes = study.user_attrs
    except CANNOT_BE_READ as error:
        raise _unusable(study.study_name, error) from error
    for key, rule in NOTES.items():
        if key in notes and not rule(notes[key]):
            raise _unusable(study.study_name, f"its note '{key}'")
    return study


def _unusable(name: str, what: object) -> StoreError:
    return StoreError(f"study {name} cannot be used ({what}); delete it in 'tsbench dashboard', or use another --store")


def load_study(name: str, storage: RDBStorage) -> optuna.Study:
    """Return a study; raises UsageError where there is none of this name."""
    study = find_study(name, storage)
    if study is None:
        from tsbench.discovery.catalog import did_you_mean

        hint = did_you_mean(name, [summary.study_name for summary in optuna.get_all_study_summaries(storage)])
        raise UsageError(f"the store has no study '{name}'{hint or '; see tsbench dashboard'}")
    return study


def fail_stale(study: optuna.Study, storage: RDBStorage) -> None:
    """Give up the trials of processes that died, and queue them anew.

    Optuna sees those whose heartbeat stopped, but not those that died before their first.
    """
    with quiet():
        fail_stale_trials(study)
    with storage.engine.connect() as connection:
        began = set(connection.execute(sa.text("SELECT trial_id FROM trial_heartbeats")).scalars())
    latest = datetime.datetime.now() - datetime.timedelta(seconds=GRACE_SECONDS)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial._trial_id not in began and trial.datetime_start is not None and trial.datetime_start < latest:
            with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):  # another process was first
                storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                retry(study, trial)


def retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue the parameters of a trial anew."""
    with quiet():
        RetryHeartbeatStaleTrialCallback()(study, trial)


def ended(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: completed, pruned, or failed by themselves; not those killed or interrupted."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        or (trial.state == TrialState.FAIL and "error" in trial.user_attrs)
    ]


def best(study: optuna.Study) -> FrozenTrial | None:
    """Return the completed trial of the best score, the earliest of equals; None where none completed."""
    return best_of(study, study.get_trials(deepcopy=False))


def best_of(study: optuna.Study, trials: Iterable[FrozenTrial]) -> FrozenTrial | None:
    """Return the best of these trials of a study, as `best` does of all: it says whether a high score is good."""
    done = (trial for trial in trials if trial.state == TrialState.COMPLETE)
    return max(done, key=lambda trial: (sign_of(study) * (trial.value or 0.0), -trial.number), default=None)


def sign_of(study: optuna.Study) -> int:
    """Return 1 where a high score is good, -1 where a low one is."""
    return -1 if study.direction == optuna.study.StudyDirection.MINIMIZE else 1


def died(trial: FrozenTrial) -> bool:
    """Say whether a trial ended with its process: neither by itself nor interrupted by the user."""
    return trial.state == TrialState.FAIL and not {"error", "interrupted"} & set(trial.user_attrs)


def seconds(study: optuna.Study) -> float:
    """Return the time that the trials took together; of one that died, none: when it did is not known."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if not died(trial)]
    return sum(trial.duration.total_seconds() for trial in trials if trial.duration is not None)
