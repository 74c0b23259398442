import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.tsbench.tune.conftest import TOY, run
from tsbench.execute.executors.base import Done
from tsbench.execute.executors.inline import Inline
from tsbench.execute.executors.local import Local
from tsbench.execute.executors.process import WorkerSettings
from tsbench.execute.limits import Limits
from tsbench.execute.log import DriverLog
from tsbench.measure.worker import Worker
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.plan.result import Result
from tsbench.registry import load_registry
from tsbench.store.store import Store
from tsbench.tune.driver import run_searches
from tsbench.tune.search import open_search
from tsbench.tune.storage import ended, open_studies

ALWAYS = float("inf")


class Slots(Inline):
    """Several slots in this process; `lose` says of which runs the worker vanishes, or what comes of them instead."""

    def __init__(self, worker, count, lose=lambda number: False):
        super().__init__(worker)
        self.count, self.lose, self.given, self.submitted = count, lose, {}, []

    def idle(self):
        return [slot for slot in range(self.count) if slot not in self.given]

    def submit(self, slot, spec):
        assert slot in self.idle()
        self.given[slot] = spec
        self.submitted.append((slot, spec))

    def wait(self, step, note=None):
        slot = next(iter(self.given))
        spec = self.given.pop(slot)
        lost = self.lose(len(self.submitted))
        if lost is True:
            return [Done(slot, spec, None)]
        return [Done(slot, spec, replace(lost, spec=spec) if lost else self.worker.run(spec))]


@pytest.fixture
def searches(plugins, storage):
    """Return a function that opens one search per fold of a cross-validation: so many studies."""

    def make(count, **options):
        specs = make_plan(Request(["threshold"], ["toy"], ["svm-rbf-cv5"]), plugins, load_registry()).specs
        return [open_search(spec, storage, plugins, **options) for spec in specs[:count]]

    return make


def history(search):
    return [(trial.state.name, trial.params, trial.value) for trial in search.study.trials]


def test_slots_work_on_studies_of_their_own_which_go_on_as_they_would_alone(searches, plugins, tmp_path):
    executor = Slots(Worker(plugins), 2)
    found, over = searches(3), []
    run_searches(iter(found), executor, 4, ALWAYS, search_ended=over.append)
    assert [len(ended(search.study)) for search in found] == [4, 4, 4]
    assert sorted(search.study.study_name for search in over) == [search.study.study_name for search in found]
    first = [{spec.part_of.fold for slot, spec in executor.submitted[:8] if slot == number} for number in (0, 1)]
    assert first == [{0}, {1}]
    for search in found[:2]:  # the last one has both slots at its end
        other = Store(str(tmp_path / f"{search.spec.fold}.db"))
        with open_studies(other) as storage:
            alone = open_search(search.spec, storage, plugins)
            run(alone, 4)
            assert history(alone) == history(search)
        other.close()


def test_slots_share_a_study_where_there_is_no_other(searches, plugins):
    executor = Slots(Worker(plugins), 3)
    (search,) = searches(1)
    run_searches([search], executor, 6, ALWAYS)
    assert len(ended(search.study)) == len(search.study.trials) == 6
    assert {slot for slot, _ in executor.submitted} == {0, 1, 2}


def test_a_run_lost_with_its_worker_is_given_again_a_few_times(searches, plugins):
    (search,) = searches(1)
    run_searches([search], Slots(Worker(plugins), 1, lose=lambda number: number in (1, 3)), 1, ALWAYS)
    assert [trial.state for trial in search.study.trials] == [TrialState.COMPLETE]
    (search,) = searches(1, metric="f1_macro")
    run_searches([search], Slots(Worker(plugins), 1, lose=lambda number: True), 1, ALWAYS)
    assert "its worker vanished before the end of a run, 3 times" in search.study.trials[0].user_attrs["error"]


def test_a_run_that_kills_its_worker_is_given_again_a_few_times(searches, plugins):
    killed = Result(None, "crashed", error="the worker process was ended by SIGSEGV")
    (search,) = searches(1)
    lose = {1: killed, 3: killed}.get
    run_searches([search], Slots(Worker(plugins), 1, lose), 1, ALWAYS)
    assert [trial.state for trial in search.study.trials] == [TrialState.COMPLETE]
    (search,) = searches(1, metric="f1_macro")
    run_searches([search], Slots(Worker(plugins), 1, lambda number: killed), 1, ALWAYS)
    assert search.study.trials[0].user_attrs["error"] == "the worker process was ended by SIGSEGV, 3 times"


def test_a_run_over_a_limit_is_a_failed_trial(searches, plugins):
    (search,) = searches(1)
    slots = Slots(Worker(plugins), 1, {1: Result(None, "oom", error="took too much")}.get)
    run_searches([search], slots, 1, ALWAYS)
    assert [trial.user_attrs["error"] for trial in search.study.trials] == ["took too much"]


def test_the_log_tells_of_each_run_of_a_trial(searches, plugins, tmp_path):
    (search,) = searches(1)
    with DriverLog(tmp_path / "logs", "me") as log:
        slots = Slots(Worker(plugins), 1, lose=lambda number: number == 2)
        run_searches([search], slots, 1, ALWAYS, log=log)
        with pytest.raises(KeyboardInterrupt):
            run_searches([search], Slots(Worker(plugins), 1, lose=interrupt), 2, ALWAYS, log=log)
    entries = [json.loads(line) for line in log.path.read_text().splitlines()]
    events = [(entry["event"], entry.get("fold"), entry.get("status")) for entry in entries]
    assert events == [
        ("started", 0, None),
        ("finished", 0, "succeeded"),
        ("started", 1, None),
        ("lost", 1, None),
        ("started", 1, None),
        ("finished", 1, "succeeded"),
        ("started", 2, None),
        ("finished", 2, "succeeded"),
        ("started", 0, None),
        ("finished", 0, "interrupted"),
        ("end", None, None),
    ]


def interrupt(number):
    raise KeyboardInterrupt


def test_what_raises_leaves_no_trial_under_way(searches, plugins):
    def broken():
        yield from searches(1)
        raise RuntimeError("the second study cannot be opened")

    with pytest.raises(RuntimeError, match="cannot be opened"):
        run_searches(broken(), Slots(Worker(plugins), 2), 4, ALWAYS)
    (search,) = searches(1)
    assert search.running() == 0
    assert all("interrupted" in trial.user_attrs for trial in search.study.trials if trial.state == TrialState.FAIL)


def test_a_worker_process_that_is_killed_costs_a_run_and_no_study(searches, monkeypatch, tmp_path):
    monkeypatch.setenv("TOY_DIES_ONCE", str(tmp_path / "dead"))
    found = searches(2)
    executor, handler = (
        Local([WorkerSettings(plugin_files=(TOY,))] * 2, Limits()),
        signal.getsignal(signal.SIGTERM),
    )
    run_searches(found, executor, 2, ALWAYS)
    assert Path(tmp_path / "dead").read_text() != str(os.getpid())
    assert TrialState.FAIL not in [trial.state for search in found for trial in search.study.trials]
    assert [len(ended(search.study)) for search in found] == [2, 2]
    assert signal.getsignal(signal.SIGTERM) == handler
