import pytest

from tests.tsbench.run.test_store import make_result, make_spec
from tsbench.run.driver import choose, execute
from tsbench.run.plan import Plan
from tsbench.run.spec import Result
from tsbench.run.store import Store


class FakeWorker:
    """Answers with what was set up for each seed."""

    def __init__(self, answers):
        self.answers, self.ran = answers, []

    def run(self, spec):
        self.ran.append(spec.seed)
        answer = self.answers.get(spec.seed, "succeeded")
        if answer == "interrupt":
            raise KeyboardInterrupt
        return make_result(spec, finished=2.0) if answer == "succeeded" else Result(spec, answer, error="e")


class Silent:
    def started(self, *_):
        pass

    step = finished = started


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


def go(store, answers=None, n=4, retry=False, force=False, **plan):
    worker = FakeWorker(answers or {})
    todo, outcome = choose(Plan([make_spec(seed) for seed in range(n)], **plan), store, retry, force)
    return worker, execute(todo, outcome, worker, store, Silent())


def test_the_second_time_only_what_is_missing_runs(store):
    assert go(store, n=2)[0].ran == [0, 1]
    worker, outcome = go(store, n=4)
    assert worker.ran == [2, 3]
    assert len(outcome.already_done) == 2
    assert outcome.exit_code(available=False) == 0
    assert go(store, force=True)[0].ran == [0, 1, 2, 3]


def test_a_failure_does_not_stop_the_rest_and_runs_again_only_on_retry(store):
    worker, outcome = go(store, {1: "failed"})
    assert worker.ran == [0, 1, 2, 3]
    assert outcome.exit_code(available=False) == 1
    worker, outcome = go(store)
    assert worker.ran == []
    assert outcome.exit_code(available=False) == 1
    worker, outcome = go(store, retry=True)
    assert worker.ran == [1]
    assert outcome.exit_code(available=False) == 0


def test_an_interruption_loses_only_the_run_it_hits_which_runs_again(store):
    worker, outcome = go(store, {2: "interrupt"})
    assert worker.ran == [0, 1, 2]
    assert outcome.exit_code(available=False) == 130
    assert sorted(store.statuses(s.key for s in outcome.plan.specs).values()) == ["interrupted"] + ["succeeded"] * 2
    worker, outcome = go(store)
    assert worker.ran == [2, 3]
    assert outcome.exit_code(available=False) == 0


def test_a_budget_counts_what_the_store_has_and_leaves_the_rest_to_be_done(store):
    go(store, n=1)  # takes 2 seconds
    worker = FakeWorker({})
    for budget in (1.0, 2.5):
        todo, outcome = choose(Plan([make_spec(seed) for seed in range(3)]), store, retry=False, force=False)
        execute(todo, outcome, worker, store, Silent(), budget)
    assert worker.ran == [1, 2]
    assert go(store, n=4)[0].ran == [3]


def test_exit_codes_for_data(store):
    assert go(store, missing={"D": "not here"})[1].exit_code(available=False) == 3
    assert go(store, missing={"D": "not here"})[1].exit_code(available=True) == 0
    assert go(store, n=0, missing={"D": "not here"})[1].exit_code(available=True) == 3
    assert go(store, invalid={"D": "rubbish"})[1].exit_code(available=True) == 1
    assert go(store, {0: "failed"}, force=True, missing={"D": "x"})[1].exit_code(available=False) == 1
