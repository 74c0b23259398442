"""Studies that others wrote, and a store that is taken away while they are searched."""

import contextlib
from pathlib import Path

import optuna
import pytest
import sqlalchemy as sa

from tests.tsbench.tune.conftest import run
from tests.tsbench.tune.test_merge import NAME, other, search  # noqa: F401
from tests.tsbench.tune.test_search import spec, start  # noqa: F401
from tsbench.errors import StoreError
from tsbench.run.store import Store
from tsbench.tune.merge import copy_studies, rescued
from tsbench.tune.storage import ended, load_study, open_studies


def remove():
    for file in Path().glob("s.db*"):
        if file.is_file():
            file.unlink()


def replace():
    Path("new.db").write_bytes(Path("s.db").read_bytes())
    Path("new.db").replace("s.db")


@pytest.mark.parametrize("away", [remove, replace])
def test_the_studies_of_a_store_that_is_taken_away_are_kept(spec, plugins, tmp_path, monkeypatch, away):  # noqa: F811
    from tsbench.tune.search import open_search

    monkeypatch.chdir(tmp_path)
    trials = []

    def told(trial):
        trials.append(trial)
        if len(trials) == 2:
            away()

    with contextlib.closing(Store("s.db")) as store:
        with (
            pytest.raises(StoreError, match=r"while it was in use: .*; all studies are kept in .*, bring them in by"),
            open_studies(store) as storage,
            rescued(store, storage),
        ):
            run(open_search(spec, storage, plugins), 5, told=told)
        assert Path("s.db").exists() == (away is replace)
    (file,) = tmp_path.glob("tsbench-rescued-*.db")
    with contextlib.closing(Store(str(file))) as kept, open_studies(kept) as storage:
        (name,) = optuna.get_all_study_names(storage)
        assert [trial.values for trial in ended(load_study(name, storage))] == [trial.values for trial in trials]


def test_a_search_that_fails_otherwise_makes_no_file(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(StoreError, match="^no disk$"),
        open_studies(store) as storage,
        rescued(store, storage),
    ):
        raise StoreError("no disk")
    assert not list(tmp_path.glob("tsbench-rescued-*"))


FOREIGN = [
    "UPDATE study_user_attributes SET value_json = '\"x\"' WHERE key = 'trials'",
    "UPDATE study_user_attributes SET value_json = '{' WHERE key = 'trials'",
    "UPDATE trial_params SET distribution_json = '[]'",
    "UPDATE trial_params SET distribution_json = 'x'",
    "UPDATE trials SET state = 'NONE'",
    "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, 'space', '[{}]')",
    "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, 'seeds', '\"ab\"')",
]


@pytest.mark.parametrize("statement", FOREIGN)
def test_a_study_that_cannot_be_used_is_named(store, other, statement):  # noqa: F811
    search(other, 0.5, 0.75)
    other.write(lambda connection: connection.execute(sa.text(statement)))
    with pytest.raises(StoreError, match="stud"), open_studies(other) as storage:
        load_study(NAME, storage)
    search(store, 0.25, name="another")
    with pytest.raises(StoreError, match="stud"):
        copy_studies(store, other)
        with open_studies(store) as storage:
            load_study(NAME, storage)
