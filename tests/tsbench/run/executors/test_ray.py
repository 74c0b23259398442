import socket
from dataclasses import replace

import pytest

from tsbench.errors import UsageError
from tsbench.run.driver import choose, execute
from tsbench.run.executors import ray as executor_module
from tsbench.run.executors.process import WorkerSettings
from tsbench.run.executors.ray import ClusterError, Ray, _Remote, check_address
from tsbench.run.limits import Limits
from tsbench.run.store import Store


class Silent:
    def started(self, *_):
        pass

    step = note = finished = waiting = started


@pytest.mark.parametrize("address", ["nonsense", "host", "host:port", ":1", "host:99999"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(UsageError, match="give auto, host:port"):
        check_address(address)


def test_an_address_where_nothing_answers_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_address(f"127.0.0.1:{port}")
    with pytest.raises(ClusterError, match="nothing answers there"):
        check_address(f"ray://127.0.0.1:{port}")


def test_without_ray_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(executor_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"tsbench\[ray\]"):
        Ray(WorkerSettings(), Limits(), "", 1, "cpu", 1)


def test_a_node_that_cannot_enforce_the_limits_gets_no_run_while_others_can():
    executor, reason = Ray.__new__(Ray), UsageError("node n has too little")
    small, large = _Remote(None, "call"), _Remote(None, None, ready=True)
    executor._remotes = [small, large]
    executor._leave_out(small, reason)
    assert (small.ready, small.call, executor.idle()) == (False, None, [1])
    executor._remotes = [small]
    with pytest.raises(UsageError, match="too little"):
        executor._leave_out(small, reason)


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.doomed = cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def test_limits_that_no_node_can_enforce_are_refused_by_the_nodes(cluster, settings):
    executor = Ray(settings, Limits(None, 2**60), cluster.address, 1, "cpu", 1)
    try:
        with pytest.raises(UsageError, match=f"--memory-limit: node {socket.gethostname()} has .* in all"):
            while True:
                executor.wait(lambda *_: None)
    finally:
        executor.stop()


class LosesANode(Ray):
    """Kills a node once runs have begun on both; they go on when one of them is seen to be lost."""

    def wait(self, *told):
        if self.doomed is not None and all(note.exists() for note in self.notes):
            self.cluster.remove_node(self.doomed, allow_graceful=False)
            self.doomed = None
        done = super().wait(*told)
        if any(one.result is None for one in done):
            self.notes[0].with_name("go").touch()
        return done


def test_a_cluster_loses_a_node_and_a_run_crashes(cluster, planned, settings, tmp_path):
    notes = [tmp_path / "a", tmp_path / "b"]
    plan = planned()
    plan.specs = [
        *(planned("wait", note=note).specs[0] for note in notes),
        *planned("segfault").specs,
        *(replace(spec, method_version=7) for spec in plan.specs),
        *(replace(spec, method="absent") for spec in plan.specs),
        *(replace(spec, dataset="absent", dataset_ref="absent") for spec in plan.specs),
    ]
    executor = LosesANode(settings, Limits(), cluster.address, 1, "cpu", 1)
    executor.cluster, executor.doomed, executor.notes = cluster, cluster.doomed, notes
    store = Store(str(tmp_path / "s.db"))
    todo, outcome = choose(plan, store, retry=False, force=False)
    outcome = execute(todo, outcome, executor, store, Silent())
    assert executor.doomed is None
    results = {result.spec.key: result for result in outcome.results}
    found = [results[spec.key] for spec in plan.specs]
    assert [one.status for one in found] == ["succeeded", "succeeded", "crashed", "failed", "failed", "failed"]
    assert len(store.results()) == len(outcome.results) == len(plan.specs)
    errors = [one.error for one in found[2:]]
    for error, words in zip(errors, ("SIGSEGV", "version 1 here, 7", "absent", "absent"), strict=True):
        assert words in error and "\n" not in error
    assert socket.gethostname() in errors[1]
    (log,) = (store.artifacts / "logs").iterdir()
    assert log.read_text().count('"event": "lost"') == 1
    store.close()
