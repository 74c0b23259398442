import optuna
import pytest
import sqlalchemy as sa
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from tsbench.store.store import Store
from tsbench.tune.merge import copy_studies
from tsbench.tune.storage import best, ended, load_study, open_studies
from tsbench.tune.tables import study_names

NAME = "trls.toy.knn.fold0.abc"


@pytest.fixture
def other(tmp_path):
    other = Store(str(tmp_path / "other.db"))
    yield other
    other.close()


def search(store, *values, name=NAME):
    """Add trials of these scores to a study."""
    with open_studies(store) as storage:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
        study.set_user_attr("trials", len(study.trials) + len(values))
        for value in values:
            found = {"params": {"lr": value / 2}, "distributions": {"lr": FloatDistribution(0, 1)}}
            study.add_trial(create_trial(value=value, **found))


def found(store, name=NAME):
    with open_studies(store) as storage:
        study = load_study(name, storage)
        return [trial.value for trial in ended(study)], study.user_attrs["trials"], best(study).params


def test_a_study_comes_whole_and_only_once(store, other):
    search(other, 0.5, 0.75)
    search(store, 0.25, name="another")
    assert copy_studies(store, other) == ([NAME], [])
    assert found(store) == found(other) and found(store)[0] == [0.5, 0.75]
    assert copy_studies(store, other) == ([], [])
    assert study_names(store) == sorted(["another", NAME])


def test_a_search_that_went_on_there_replaces_its_beginning_here(store, other):
    search(other, 0.5)
    copy_studies(store, other)
    search(other, 0.75)
    assert copy_studies(store, other) == ([NAME], [])
    assert found(store) == found(other)
    search(store, 0.875)
    assert copy_studies(store, other) == ([], []), "ours went on: it holds all of theirs"
    assert found(store)[0] == [0.5, 0.75, 0.875]


def test_two_searches_of_one_name_stay_apart(store, other):
    search(store, 0.5)
    search(other, 0.25, 0.125)
    assert copy_studies(store, other) == ([], [f"study {NAME}: 1 trials here, 2 there"])
    assert found(store)[0] == [0.5]


def test_a_search_under_way_here_is_not_replaced(store, other):
    search(other, 0.5)
    copy_studies(store, other)
    search(other, 0.75)
    with open_studies(store) as storage:
        load_study(NAME, storage).add_trial(create_trial(state=TrialState.RUNNING))
    assert copy_studies(store, other) == ([], [f"study {NAME}: 1 trials here, 2 there"])


def test_a_store_without_studies_is_not_touched(store, other):
    assert copy_studies(store, other) == ([], [])
    for one in (store, other):
        with one.read() as connection:
            assert not sa.inspect(connection).has_table("studies")


def test_a_copy_that_breaks_off_leaves_no_part(store, other, monkeypatch):
    search(other, 0.5)

    def breaks(**names):
        optuna.create_study(study_name=names["from_study_name"], storage=names["to_storage"])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(optuna, "copy_study", breaks)
        with pytest.raises(KeyboardInterrupt):
            copy_studies(store, other)
    assert study_names(store) == []
    assert copy_studies(store, other) == ([NAME], [])
