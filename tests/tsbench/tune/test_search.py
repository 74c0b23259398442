import contextlib
import datetime
import multiprocessing
import os
import signal
from dataclasses import replace

import optuna
import pytest
import sqlalchemy as sa
from optuna.trial import TrialState, create_trial

from tests.tsbench.conftest import new_url, postgres_server, url  # noqa: F401
from tests.tsbench.tune.conftest import run
from tsbench.data.panel import Panel
from tsbench.errors import UsageError
from tsbench.identity import digest
from tsbench.measure import load
from tsbench.measure import training_part as inner
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.registry import load_registry
from tsbench.store.store import Store
from tsbench.tune import search as searching
from tsbench.tune.report import describe
from tsbench.tune.search import open_search
from tsbench.tune.storage import best, ended, open_studies, study_name


@pytest.fixture
def spec(plugins):
    return make_plan(Request(["threshold"], ["toy"], ["knn"]), plugins, load_registry()).specs[0]


@pytest.fixture
def start(spec, storage, plugins):
    return lambda **options: open_search(options.pop("spec", spec), storage, plugins, **options)


def history(study):
    return [(trial.state.name, trial.params, trial.value) for trial in study.trials]


def test_the_defaults_come_first_and_the_best_is_better(start):
    search, seen = start(), []
    run(search, 8, told=seen.append)
    assert seen[0].params == {"threshold": 0.2, "sign": True}
    assert [trial.number for trial in seen] == list(range(8))
    assert best(search.study).value > seen[0].value
    assert best(search.study).params["sign"]
    assert search.study.direction.name == "MAXIMIZE"


def test_of_equal_scores_the_earliest_is_the_best(start):
    search = start(spaces={"threshold": "0.46:0.54"}, fixed=("sign",))
    run(search, 4)
    assert [trial.value for trial in search.study.trials] == [1.0] * 4
    assert best(search.study).number == 0


def test_a_resumed_search_goes_on_as_one_that_was_never_interrupted(start, spec, plugins, tmp_path):
    whole = start()
    run(whole, 12)
    other = Store(str(tmp_path / "other.db"))
    for n in (3, 11, 12, 12):
        with open_studies(other) as storage:
            parts = open_search(spec, storage, plugins)
            run(parts, n)
            assert len(ended(parts.study)) == n
            found = history(parts.study)
    other.close()
    assert found == history(whole.study)
    assert len({str(params) for _, params, _ in found}) == 12


def test_a_search_whose_trials_are_interrupted_goes_on_as_one_that_was_never(
    start, spec, plugins, tmp_path, monkeypatch
):
    whole = start()
    run(whole, 13)
    other, original, count = Store(str(tmp_path / "other.db")), Worker.run, []

    def interrupt(self, spec):
        count.append(spec)
        if len(count) in (5, 6, 21):
            raise KeyboardInterrupt
        return original(self, spec)

    monkeypatch.setattr(Worker, "run", interrupt)
    for outcome in (pytest.raises(KeyboardInterrupt),) * 3 + (contextlib.nullcontext(),):
        with open_studies(other) as storage, outcome:
            parts = open_search(spec, storage, plugins)
            run(parts, 13)
    with open_studies(other) as storage:
        study = optuna.load_study(study_name=parts.study.study_name, storage=storage)
        assert len(study.trials) == 16
        found = [(trial.state.name, trial.params, trial.value) for trial in ended(study)]
    other.close()
    assert found == history(whole.study)


def test_the_test_part_changes_nothing(start, plugins, monkeypatch):
    honest = start()
    run(honest, 6)
    monkeypatch.setenv("TOY_TEST", "garbage")
    (spec,) = make_plan(Request(["threshold"], ["toy"], ["knn"]), plugins, load_registry()).specs
    other = start(spec=spec)
    assert other.study.study_name != honest.study.study_name
    run(other, 6)
    assert history(other.study) == history(honest.study)


def test_a_study_has_a_new_name_only_where_the_training_part_was_not_on_its_own(spec, plugins, monkeypatch):
    def old_name(spec):
        about = {**spec.identity(), "metric": "accuracy", "fixed": []}
        return f"threshold.toy.{spec.protocol.name}.fold0.{digest(about)[:12]}"

    assert study_name(spec, plugins, "accuracy", ()) == old_name(spec)
    monkeypatch.setenv("TOY_TEST", "garbage")
    (spec,) = make_plan(Request(["threshold"], ["toy"], ["knn"]), plugins, load_registry()).specs
    assert study_name(spec, plugins, "accuracy", ()) != old_name(spec)


def test_a_study_on_another_split_is_not_continued(start, spec, monkeypatch):
    monkeypatch.setattr(inner, "check_planned", lambda *_: None)
    first = start(spec=replace(spec, split="test:1 train:1 groups:1"))
    moved = start(spec=replace(spec, split="test:1 train:1 groups:2"))
    assert (first.instead_of, moved.instead_of) == ("", first.study.study_name) != ("", moved.study.study_name)
    assert start(spec=replace(spec, split="test:1 train:1 groups:1")).study.study_name == first.study.study_name
    assert start(spec=replace(spec, split="test:1 train:1 groups:2")).study.study_name == moved.study.study_name


@pytest.mark.parametrize("groups, continued", [("", True), (" groups:1", False)])
def test_a_study_of_before_splits_were_noted_is_continued_without_groups(
    start, spec, storage, monkeypatch, groups, continued
):
    monkeypatch.setattr(inner, "check_planned", lambda *_: None)
    earlier = start().study
    storage.engine.dispose()
    with storage.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM study_user_attributes WHERE key = 'split'"))
    search = start(spec=replace(spec, split=f"test:1 train:1{groups}"))
    assert (search.study.study_name == earlier.study_name) == continued


def test_no_panel_with_a_test_case_is_made_once_the_training_part_is_cut(start, plugins, monkeypatch):
    whole = plugins["datasets"].get("toy")().load().panel
    test = {float(value) for value in whole.X[24:, 0, 0]}
    search, seen, cutting = start(), [], []
    original, cut = Panel.__post_init__, load.training_part

    def watch(panel):
        if not cutting:
            seen.append({float(value) for value in panel.X[:, 0, 0]})
        original(panel)

    def cut_unwatched(*arguments):
        cutting.append(True)
        inner = cut(*arguments)
        cutting.clear()
        return inner

    monkeypatch.setattr(Panel, "__post_init__", watch)
    monkeypatch.setattr(load, "training_part", cut_unwatched)
    run(search, 2)
    assert seen
    assert not any(values & test for values in seen)


def test_the_score_is_the_mean_over_inner_folds_and_seeds(start):
    search = start(seeds=(0, 1), fixed=("sign",))
    run(search, 1)
    (trial,) = search.study.trials
    panel = search.inner.data.panel
    right = (panel.X.mean(axis=(1, 2)) > 0.2) == (panel.y == 1)
    assert trial.value == pytest.approx(right.mean(), abs=1e-9)  # 24 cases in three folds of 8
    assert len(trial.intermediate_values) == 6


def test_a_trial_that_does_worse_early_is_pruned(start, monkeypatch):
    monkeypatch.setattr(searching, "PRUNE_AFTER", 1)
    search = start()
    search.study.enqueue_trial({"threshold": 0.5, "sign": False})
    run(search, 2)
    assert [trial.state for trial in search.study.trials] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert len(search.study.trials[1].intermediate_values) == 1


def test_a_failing_trial_is_recorded_and_does_not_end_the_study(start, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "0.2")
    search = start()
    run(search, 3)
    first, *others = search.study.trials
    assert first.state == TrialState.FAIL
    assert first.user_attrs["error"].startswith("ValueError: asked to fail (in Threshold.fit, toy.py line ")
    assert {trial.state for trial in others} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(others) == 2
    assert best(search.study) is not None


def test_a_score_that_is_not_defined_is_a_failure(start, monkeypatch):
    original = Worker.run

    def undefined(self, spec):
        result = original(self, spec)
        result.metrics["auroc"] = float("nan")
        return result

    monkeypatch.setattr(Worker, "run", undefined)
    search = start(metric="auroc")
    run(search, 1)
    assert "auroc is not defined" in search.study.trials[0].user_attrs["error"]


def test_a_score_of_probabilities_says_that_it_needs_them(start):
    search = start(metric="log_loss")
    run(search, 1)
    assert search.study.trials[0].user_attrs["error"] == "log_loss needs scores that are probabilities"


def test_an_interrupted_trial_is_marked_and_done_again(start, monkeypatch):
    search, original, count = start(), Worker.run, []

    def interrupt(self, spec):
        count.append(spec)
        if len(count) == 5:
            raise KeyboardInterrupt
        return original(self, spec)

    monkeypatch.setattr(Worker, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(search, 4)
    broken = search.study.trials[1]
    assert broken.state == TrialState.FAIL and broken.user_attrs == {"interrupted": True}
    assert [trial.number for trial in ended(search.study)] == [0]
    run(search, 4)
    again = search.study.trials[2]
    assert again.params == broken.params and again.state != TrialState.FAIL
    assert len(ended(search.study)) == 4


def in_another_process(work):
    """Do work() in a fork of this process; nothing of it comes back."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def test_the_trial_of_a_killed_process_is_done_again(start, spec, plugins, store, storage, monkeypatch):
    search = start()

    def die(self, spec):
        while not heartbeats(storage.url):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    def killed():
        monkeypatch.setattr(Worker, "run", die)
        with open_studies(Store(str(store.file))) as own:
            run(open_search(spec, own, plugins), 1)

    process = in_another_process(killed)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    run(search, 1)
    assert search.running() == 1, "it may be alive, and is left alone"
    with storage.engine.begin() as connection:
        connection.execute(sa.text("UPDATE trial_heartbeats SET heartbeat = '2000-01-01 00:00:00'"))
    run(search, 1)
    states = [trial.state for trial in search.study.trials]
    assert states == [TrialState.FAIL, TrialState.COMPLETE]
    assert search.study.trials[1].params == search.study.trials[0].params


def heartbeats(address):
    engine = sa.create_engine(address)
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM trial_heartbeats")).scalar()


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_that_died_before_its_first_heartbeat_is_done_again(start, monkeypatch):
    search = start()
    search.study.ask({"threshold": optuna.distributions.FloatDistribution(0.0, 0.6000000000000001)})
    run(search, 1)
    assert search.running() == 1
    monkeypatch.setattr("tsbench.tune.storage.GRACE_SECONDS", -1)
    run(search, 1)
    assert [trial.state for trial in search.study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert search.study.trials[1].params["threshold"] == 0.2


@pytest.mark.parametrize("at_work", ["scored", "failed", "interrupted"])
def test_a_trial_that_another_process_took_for_dead_is_left_to_it(start, monkeypatch, at_work):
    search, original = start(), Worker.run

    def stopped_meanwhile(self, spec):
        if len(search.study.trials) == 1:
            with search.storage.engine.begin() as connection:
                connection.execute(sa.text("UPDATE trial_heartbeats SET heartbeat = '2000-01-01 00:00:00'"))
            search.revive()  # as the other process does
            if at_work == "interrupted":
                raise KeyboardInterrupt
            return replace(original(self, spec), status="succeeded" if at_work == "scored" else at_work)
        return original(self, spec)

    monkeypatch.setattr(Worker, "run", stopped_meanwhile)
    with pytest.raises(KeyboardInterrupt) if at_work == "interrupted" else contextlib.nullcontext():
        run(search, 2)
    run(search, 2)
    dead, *others = search.study.trials
    assert dead.state == TrialState.FAIL and not dead.user_attrs and not dead.intermediate_values
    assert len(others) == 2 and others[0].params == dead.params


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_process_that_lives_on_does_the_trials_of_one_that_died(start, monkeypatch, seconds):
    """Soon, or at the latest before it leaves the study."""
    monkeypatch.setattr("tsbench.tune.search.HEARTBEAT_SECONDS", seconds)
    monkeypatch.setattr("tsbench.tune.storage.GRACE_SECONDS", -1)
    search = start()

    def other_process_begins_and_dies(trial):
        if trial.number == 0:
            search.study.ask({"threshold": optuna.distributions.FloatDistribution(0.0, 0.6000000000000001)})

    run(search, 3, told=other_process_begins_and_dies)
    dead, *others = search.study.trials[1:]
    assert dead.state == TrialState.FAIL and search.running() == 0
    assert len(ended(search.study)) == 3
    assert dead.params["threshold"] in [trial.params["threshold"] for trial in others]


def test_the_time_limit_counts_earlier_trials(start):
    search = start()
    run(search, 3, 0.0)
    assert not search.study.trials or len(search.study.trials) == 1  # the queued defaults only
    assert not ended(search.study)
    run(search, 3, 1e-9)
    assert len(ended(search.study)) == 1
    run(search, 3, 1e-9)
    assert len(ended(search.study)) == 1


def test_the_time_limit_does_not_count_the_hours_for_which_a_process_was_dead(start):
    search = start()
    began = datetime.datetime.now() - datetime.timedelta(hours=8)
    search.study.add_trial(create_trial(state=TrialState.FAIL))
    with search.storage.engine.begin() as connection:
        connection.execute(sa.text("UPDATE trials SET datetime_start = :began"), {"began": began})
    assert search.study.trials[-1].duration > datetime.timedelta(hours=7)
    assert " s)" not in describe(search.study.trials[-1])
    run(search, 2, 3600.0)
    assert len(ended(search.study)) == 2


def test_other_seeds_or_another_space_are_refused(start):
    start()
    with pytest.raises(UsageError, match=r"begun with other seeds: \[0\], now \[0, 1\]"):
        start(seeds=(0, 1))
    with pytest.raises(UsageError, match="begun with other space"):
        start(spaces={"threshold": "0.1:0.2"})
    start(fixed=("sign",))  # another study


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("random:ts2vec", "the untrained twin is a floor"),
        ("permuted:ts2vec", "a method on shuffled series is a control"),
        ("permuted:random:ts2vec", "a method on shuffled series is a control"),
    ],
)
def test_a_control_is_refused(plugins, start, method, message):
    (spec,) = make_plan(Request([method], ["toy"], ["knn"]), plugins, load_registry()).specs
    with pytest.raises(UsageError, match=f"{method}: tune ts2vec; {message}"):
        start(spec=spec)


def test_several_processes_work_on_one_study(url, spec, plugins, tmp_path, monkeypatch):  # noqa: F811
    both_began, original, waited = multiprocessing.get_context("fork").Barrier(2), Worker.run, []

    def run_beside(self, spec):
        if not waited:  # the first run of each process begins with that of the other
            waited.append(both_began.wait())
        return original(self, spec)

    monkeypatch.setattr(Worker, "run", run_beside)

    def work():
        store = Store(url, artifacts=str(tmp_path))
        with open_studies(store) as storage:
            search, own = open_search(spec, storage, plugins), []
            run(search, 16, told=own.append)
            (tmp_path / f"{os.getpid()}.txt").write_text(str(len(own)))
        store.close()

    processes = [in_another_process(work) for _ in range(2)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    store = Store(url, artifacts=str(tmp_path))
    with open_studies(store) as storage:
        (summary,) = optuna.get_all_study_summaries(storage)
        study = optuna.load_study(study_name=summary.study_name, storage=storage)
        assert 16 <= len(ended(study)) <= 17, "both may begin the last one at the same moment"
        assert sorted(trial.number for trial in study.trials) == list(range(len(study.trials)))
        drawn = [trial.params["threshold"] for trial in study.trials]
        assert len(set(drawn)) == len(drawn)
    store.close()
    shares = [int((tmp_path / f"{process.pid}.txt").read_text()) for process in processes]
    assert min(shares) > 0 and sum(shares) == len(drawn)
