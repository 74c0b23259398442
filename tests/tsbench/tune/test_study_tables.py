"""What is read of the studies in a store without Optuna, and what `status` says of them, on both databases."""

import datetime
import json
import sys

import optuna
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from optuna.trial import TrialState

from tests.tsbench.conftest import new_url, open_store, postgres_server, store, url  # noqa: F401
from tsbench.cli import status as command
from tsbench.tune import storage as studies
from tsbench.tune.tables import studies_under_way

NAME = "trls.toy.knn.fold0.abc"


def begin(study, storage):
    trial = study.ask()
    storage.record_heartbeat(trial._trial_id)
    return trial


@pytest.fixture
def searched(store):  # noqa: F811
    """Two trials under way; completed, pruned and failed ones; one that was interrupted, which does not count."""
    with studies.open_studies(store) as storage, studies.quiet():
        study = optuna.create_study(storage=storage, study_name=NAME, direction="maximize")
        study.set_user_attr("trials", 50)
        for state, value in (("COMPLETE", 0.5), ("PRUNED", None), ("FAIL", None), ("FAIL", None)):
            trial = begin(study, storage)
            study.tell(trial, value, TrialState[state])
        storage.set_trial_user_attr(begin(study, storage)._trial_id, "spare", 1)
        begin(study, storage)
        optuna.create_study(storage=storage, study_name="another", direction="maximize")
    note = "insert into trial_user_attributes (trial_id, key, value_json) select max(trial_id), 'error', '\"e\"'"
    store.write(lambda connection: connection.execute(sa.text(f"{note} from trials where state = 'FAIL'")))
    return store


def test_trials_of_the_studies_under_way_are_counted(searched):
    (found,) = studies_under_way(searched)
    assert found == {"study": NAME, "running": 2, "ended": 3, "failed": 1, "wanted": 50}


def test_a_study_whose_processes_died_is_not_under_way(searched):
    long_ago = {"when": datetime.datetime(2000, 1, 1)}
    searched.write(lambda c: c.execute(sa.text("update trial_heartbeats set heartbeat = :when"), long_ago))
    assert studies_under_way(searched) == []


def test_the_command_shows_them_without_optuna_or_torch(searched, monkeypatch):
    for name in ("optuna", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    address = searched.url.render_as_string(hide_password=False)
    lines = CliRunner().invoke(command.status, ["--store", address]).output.splitlines()
    assert lines[-1] == f"study     {NAME}: 2 running, 3 of 50 ended, 1 failed"
    facts = json.loads(CliRunner().invoke(command.status, ["--store", address, "--json"]).output)
    assert [one["study"] for one in facts["studies"]] == [NAME]


def test_a_store_without_studies(store):  # noqa: F811
    assert studies_under_way(store) == []
