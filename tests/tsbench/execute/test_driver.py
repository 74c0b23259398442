import json
import os
import shlex
import signal

import pytest
import sqlalchemy as sa

from tests.tsbench.store.test_store import make_result, make_spec
from tsbench.errors import StoreError
from tsbench.execute import driver, rescue
from tsbench.execute.driver import Outcome, choose, execute
from tsbench.execute.executors.base import Done, Executor
from tsbench.execute.executors.inline import Inline
from tsbench.execute.loop import MOST_LOSSES
from tsbench.execute.ran import Ran
from tsbench.plan.request import Plan
from tsbench.plan.result import Result
from tsbench.store.merge import merge
from tsbench.store.schema import runs
from tsbench.store.store import Store


class FakeWorker:
    """Answers with what was set up for each seed."""

    def __init__(self, answers):
        self.answers, self.ran = answers, []

    def run(self, spec):
        self.ran.append(spec.seed)
        answer = self.answers.get(spec.seed, "succeeded")
        if answer == "interrupt":
            raise KeyboardInterrupt
        if callable(answer):
            answer = answer(spec)
        return make_result(spec, finished=2.0) if answer == "succeeded" else Result(spec, answer, error="e")


class Silent:
    def started(self, *_):
        pass

    step = note = finished = waiting = started


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "s.db"))
    yield store
    store.close()


def go(store, answers=None, n=4, retry=False, force=False, **plan):
    worker = FakeWorker(answers or {})
    todo, outcome = choose(Plan([make_spec(seed) for seed in range(n)], **plan), store, retry, force)
    return worker, execute(todo, outcome, Inline(worker), store, Silent(), force=force)


def test_the_second_time_only_what_is_missing_runs(store):
    assert go(store, n=2)[0].ran == [0, 1]
    worker, outcome = go(store, n=4)
    assert worker.ran == [2, 3]
    assert len(outcome.already_done) == 2
    assert outcome.exit_code(available=False) == 0
    assert go(store, force=True)[0].ran == [0, 1, 2, 3]


def test_a_result_on_another_split_is_made_anew_and_replaced(store):
    def go_on(split, answer="succeeded"):
        worker = FakeWorker({0: answer})
        todo, outcome = choose(Plan([make_spec(split=split)]), store, retry=False, force=False)
        execute(todo, outcome, Inline(worker), store, Silent())
        return worker.ran, outcome.exit_code(available=False), store.results()[0]["split"]

    assert go_on("test:1 train:1") == ([0], 0, "test:1 train:1")
    assert go_on("test:1 train:1") == ([], 0, "test:1 train:1")
    assert go_on("test:1 train:2 groups:1", "failed") == ([0], 1, "test:1 train:1")  # the success stays until another
    assert go_on("test:1 train:2 groups:1") == ([0], 0, "test:1 train:2")
    assert go_on("test:1 train:2 groups:2") == ([], 0, "test:1 train:2")  # groups shape a search alone
    assert go_on("") == ([], 0, "test:1 train:2")
    store.write(lambda connection: connection.execute(sa.update(runs).values(split=None)))
    assert go_on("test:1 train:2") == ([0], 0, "test:1 train:2")
    assert len(store.results()) == 1 and len(store.find(make_spec().key)["attempts"]) == 4


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
        execute(todo, outcome, Inline(worker), store, Silent(), budget)
    assert worker.ran == [1, 2]
    assert go(store, n=4)[0].ran == [3]


def test_exit_codes_for_data(store):
    assert go(store, missing={"D": "not here"})[1].exit_code(available=False) == 3
    assert go(store, missing={"D": "not here"})[1].exit_code(available=True) == 0
    assert go(store, n=0, missing={"D": "not here"})[1].exit_code(available=True) == 3
    assert go(store, invalid={"D": "rubbish"})[1].exit_code(available=True) == 1
    assert go(store, {0: "failed"}, force=True, missing={"D": "x"})[1].exit_code(available=False) == 1


class Slots(Executor):
    """Two slots; runs of a seed in `lost` vanish with their worker as often as it says, others end in turn."""

    def __init__(self, lost=None, on_wait=lambda: None):
        self.lost, self.on_wait, self.runs, self.stopped = dict(lost or {}), on_wait, {}, 0

    def idle(self):
        return [slot for slot in (0, 1) if slot not in self.runs]

    def submit(self, slot, spec):
        self.runs[slot] = spec

    def wait(self, *told):
        self.on_wait()
        slot = min(self.runs)
        spec = self.runs.pop(slot)
        if self.lost.get(spec.seed, 0):
            self.lost[spec.seed] -= 1
            return [Done(slot, spec, None)]
        return [Done(slot, spec, make_result(spec), {"node": slot})]

    def stop(self):
        self.stopped += 1


def drive(store, executor, n=4):
    todo, outcome = choose(Plan([make_spec(seed) for seed in range(n)]), store, retry=False, force=False)
    return execute(todo, outcome, executor, store, Silent())


def test_a_run_that_vanishes_with_its_worker_is_given_out_again_a_few_times(store):
    executor = Slots({1: MOST_LOSSES - 1, 2: MOST_LOSSES})
    outcome = drive(store, executor)
    statuses = store.statuses(spec.key for spec in outcome.plan.specs)
    assert [statuses[spec.key] for spec in outcome.plan.specs] == ["succeeded", "succeeded", "crashed", "succeeded"]
    assert [result.error for result in outcome.failures()] == ["its worker vanished before the end of the run, 3 times"]
    assert executor.stopped and store.claimed() == {}


def test_ctrl_c_stops_handing_out_and_records_what_was_under_way(store):
    before = signal.getsignal(signal.SIGINT)
    executor = Slots(on_wait=lambda: os.kill(os.getpid(), signal.SIGINT))
    outcome = drive(store, executor)
    assert outcome.exit_code(available=False) == 130
    statuses = store.statuses(spec.key for spec in outcome.plan.specs)
    assert sorted(statuses.values()) == ["interrupted", "succeeded"]
    assert executor.stopped and store.claimed() == {}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_leaves_at_once_and_gives_the_claims_back(store):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    executor = Slots(on_wait=twice)
    outcome = drive(store, executor)
    assert outcome.interrupted and executor.stopped and store.claimed() == {}


class Full(Store):
    """A store that takes so many results and then none."""

    room = 1

    def record(self, *arguments):
        self.room -= 1
        if self.room < 0:
            raise StoreError("store s.db cannot be written: full")
        return super().record(*arguments)


def test_when_the_store_takes_no_more_what_is_under_way_is_kept_in_a_file_that_merges(tmp_path, monkeypatch):
    folder = tmp_path / "a b"
    folder.mkdir()
    monkeypatch.chdir(folder)
    store = Full("s.db")
    with pytest.raises(
        StoreError, match=r"full; 2 results are kept in .*, bring them in by: tsbench store merge"
    ) as error:
        drive(store, Slots(), n=5)  # two at a time: the second is refused, the third was under way
    assert len(store.results()) == 1
    (file,) = folder.glob("tsbench-rescued-*.db")
    back = shlex.split(str(error.value).partition("by: ")[2])
    assert back == ["tsbench", "store", "merge", str(file), "--store", "s.db"]
    rescued = Store(str(file))
    store.room = 9
    assert len(merge(store, rescued).copied) == 2
    assert len(store.results()) == 3 and store.claimed() == {}
    store.close()
    rescued.close()


def test_a_store_that_cannot_be_reached_starts_no_run_and_ends_none_under_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store("s.db")
    executor = Slots(on_wait=lambda: monkeypatch.setattr(store, "claim", refuse))

    def refuse(*_):
        raise StoreError("store s.db cannot be read: gone")

    with pytest.raises(StoreError, match="gone; 1 results are kept in"):
        drive(store, executor)
    assert len(store.results()) == 1 and executor.runs == {}
    store.close()


def test_results_that_no_folder_takes_end_with_the_trouble_of_the_store(tmp_path, monkeypatch):
    store = Full(str(tmp_path / "s.db"))
    monkeypatch.setattr(rescue, "rescue_folders", lambda: [tmp_path / "none" / "such"])
    with pytest.raises(StoreError, match="full$"):
        drive(store, Slots())
    assert len(store.results()) == 1
    store.close()


OTHER = "elsewhere-12345678-1-1"


@pytest.mark.parametrize(
    ("end", "ran", "code"),
    [
        (lambda store, spec: store.record(make_result(spec), {}, OTHER), [0, 2], 0),
        (lambda store, spec: store.record(Result(spec, "failed", started=1.0, finished=2.0), {}, OTHER), [0, 2], 1),
        (lambda store, spec: store.release(OTHER), [0, 2, 1], 0),
    ],
)
def test_a_run_of_another_driver_is_waited_for(store, monkeypatch, end, ran, code):
    monkeypatch.setattr(driver, "LOOK_AGAIN_SECONDS", 0.01)
    spec = make_spec(1)
    store.claim(spec.key, OTHER)

    class Waits(Silent):
        def waiting(self, count):
            assert count == 1
            end(store, spec)

    worker = FakeWorker({})
    todo, outcome = choose(Plan([make_spec(seed) for seed in range(3)]), store, retry=False, force=False)
    execute(todo, outcome, Inline(worker), store, Waits())
    assert (worker.ran, outcome.exit_code(available=False), outcome.elsewhere) == (ran, code, [])


def test_what_succeeds_elsewhere_in_the_meantime_is_not_done_again(store):
    def first_of_the_other(spec):
        store.record(make_result(make_spec(1)), {})
        return "succeeded"

    worker, outcome = go(store, {0: first_of_the_other}, n=2)
    assert worker.ran == [0]
    assert outcome.already_done == [make_spec(1)]


def test_the_log_says_what_ran_and_how_it_ended(store):
    outcome = drive(store, Slots({1: 1}))
    (file,) = (store.artifacts / "logs").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert (events[0], events[-1], events.count("lost")) == ("plan", "end", 1)
    assert lines[0]["todo"] == 4
    finished = [line for line in lines if line["event"] == "finished"]
    assert sorted(line["key"] for line in finished) == sorted(spec.key for spec in outcome.plan.specs)
    assert finished[0]["stages"] == {} and finished[0]["status"] == "succeeded"


def test_an_interruption_between_two_runs_is_not_lost():
    """It may come after the driver has looked for one and before the next run occupies the thread."""
    worker = FakeWorker({})
    executor = Inline(worker)
    executor.submit(0, make_spec(0))
    executor.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        executor.wait(lambda *_: None)
    assert worker.ran == []


def test_an_interrupted_run_has_not_failed(capsys):
    specs = [make_spec(seed) for seed in range(4)]
    results = [
        make_result(spec, status=status)
        for spec, status in zip(specs, ("succeeded", "interrupted", "oom"), strict=False)
    ]
    outcome = Outcome(Plan(specs), results)
    assert [result.status for result in outcome.failures()] == ["oom"]
    assert outcome.exit_code(False) == 130
    said = str(Ran(outcome, False, "s.db", (), list))
    assert said == "4 runs: 1 succeeded, 1 failed, 1 interrupted, 1 not started. Store: s.db"
