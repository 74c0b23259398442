"""Merging studies: what was tuned elsewhere comes here, so that `run --tuned` finds it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.trial import TrialState

from tsbench.errors import StoreError
from tsbench.execute.owner import owner_name
from tsbench.execute.rescue import rescue_folders, rescue_name, way_back
from tsbench.store.store import Store
from tsbench.tune.storage import ended, load_study, open_studies
from tsbench.tune.tables import study_names


def copy_studies(ours: Store, other: Store) -> tuple[list[str], list[str]]:
    """Copy the studies that ours lacks or whose search went on in other; return their names, and a line per conflict.

    One that was searched in both apart is a conflict and stays as it is in ours: the trials of two searches make no
    third one. Raises StoreError.
    """
    names = study_names(other)
    if not names:
        return [], []
    copied, conflicts = [], []
    with open_studies(other) as there, open_studies(ours) as here:
        known = set(optuna.get_all_study_names(here))
        for name in names:
            found = load_study(name, there)
            if name in known:
                study = load_study(name, here)
                mine, theirs = _outcomes(study), _outcomes(found)
                if mine[: len(theirs)] == theirs:
                    continue
                if theirs[: len(mine)] != mine or study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                    conflicts.append(f"study {name}: {len(mine)} trials here, {len(theirs)} there")
                    continue
                optuna.delete_study(study_name=name, storage=here)
            _copy(name, there, here)
            copied.append(name)
    return copied, conflicts


@contextlib.contextmanager
def rescued(store: Store, storage: Any) -> Iterator[None]:
    """Keep all studies in a file beside when the store is taken away while they are searched.

    storage : that of the store's studies. The StoreError names the file.
    """
    try:
        yield
    except StoreError as trouble:
        kept = None if _holds(store) else _keep(store, storage)
        if kept is None:
            raise
        raise StoreError(f"{trouble}; all studies are kept in {kept}, {way_back(kept, store.name)}") from None


def _holds(store: Store) -> bool:
    try:
        store.verify()
    except StoreError:
        return False
    return True


def _keep(store: Store, storage: Any) -> Path | None:
    """Copy the studies from what is still open to a new store; return its file, None where there is no room."""
    store.let_go()
    for folder in rescue_folders():
        file = folder / rescue_name(owner_name())
        with contextlib.suppress(StoreError, optuna.exceptions.OptunaError, sa.exc.SQLAlchemyError):
            with contextlib.closing(Store(str(file))) as kept, open_studies(kept) as there:
                for name in optuna.get_all_study_names(storage):
                    _copy(name, storage, there)
            return file
    return None


def _copy(name: str, there: Any, here: Any) -> None:
    """Copy one study, whole or not at all."""
    with contextlib.ExitStack() as undo:
        undo.callback(_forget, name, here)
        optuna.copy_study(from_study_name=name, from_storage=there, to_storage=here)
        undo.pop_all()


def _forget(name: str, here: Any) -> None:
    with contextlib.suppress(KeyError):
        optuna.delete_study(study_name=name, storage=here)


def _outcomes(study: optuna.Study) -> list[Any]:
    return [(trial.params, trial.values, trial.datetime_complete) for trial in ended(study)]
