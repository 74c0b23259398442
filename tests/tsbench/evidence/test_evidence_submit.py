"""From a store to files and back."""

from dataclasses import replace

import pytest

from tests.tsbench.evidence.conftest import DATASETS, METHODS, answering, rekeyed, shard_of
from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.errors import StoreError, UsageError
from tsbench.evidence import shard
from tsbench.evidence.bring import bring
from tsbench.evidence.submit import submit
from tsbench.evidence.verify import Verifier
from tsbench.store.check import check
from tsbench.store.packing import unpack
from tsbench.store.store import Store

KEPT = (
    "key",
    "label",
    "dataset",
    "protocol",
    "fold",
    "seed",
    "accuracy",
    "auroc",
    "split",
    "configuration",
    "durations",
)


@pytest.fixture
def ours(tmp_path):
    store = Store(str(tmp_path / "ours.db"))
    yield store
    store.close()


def rows(store):
    return [{name: row[name] for name in KEPT} for row in store.results()]


def test_a_store_comes_back_whole(stored, folder, ours, verify):
    runs, _ = verify(*shard.find(folder))
    assert sorted(bring(ours, runs).copied) == sorted(row["key"] for row in stored.results())
    assert rows(ours) == rows(stored) and list(check(ours)) == []
    again = bring(ours, runs)
    assert (again.copied, again.conflicts) == ([], [])


def test_a_success_with_other_metrics_is_a_conflict_and_a_failure_is_replaced(folder, ours, verify):
    runs, _ = verify(*shard.find(folder))
    first, second = runs[0].result.spec, runs[1].result.spec
    ours.record(make_result(first, metrics={"accuracy": 0.125}), ENVIRONMENT)
    ours.record(make_result(second, status="failed", metrics={}, predictions=None), ENVIRONMENT)
    report = bring(ours, runs)
    (line,) = report.conflicts
    assert line.startswith(f"{first.key[:12]}: accuracy 0.125 here, 0.")
    assert second.key in report.copied and len(report.copied) == 5
    assert ours.find(first.key)["metrics"]["accuracy"] == 0.125


def test_names_are_of_collection_and_method_and_nothing_is_written_twice(stored, folder, installed, registry):
    names = sorted(path.relative_to(folder).as_posix().rpartition("-")[0] for path in shard.find(folder))
    assert names == ["ucr/majority", "ucr/minirocket-features", "uea/majority", "uea/minirocket-features"]
    before = {path: path.stat().st_mtime_ns for path in shard.find(folder)}
    report = submit(stored, METHODS, ["ucr", "uea"], folder, installed, registry)
    assert (report.files, report.written, report.known) == ([], 0, 6)
    assert {path: path.stat().st_mtime_ns for path in shard.find(folder)} == before
    shard.find(folder)[0].unlink()
    assert submit(stored, METHODS, ["ucr", "uea"], folder, installed, registry).files == [min(before)]


def test_runs_that_others_cannot_verify_are_refused(tmp_path, installed, registry, ours):
    for number, fields in enumerate([{}, {"tuned": 20}, {"method": "majority", "params": {}, "versions": {}}]):
        ours.record(
            make_result(make_spec(number, **{"method": "majority", "dataset": "GunPoint", **fields})), ENVIRONMENT
        )
    report = submit(ours, ["majority"], ["GunPoint"], tmp_path / "out", installed, registry)
    assert (report.files, report.written) == ([], 0)
    assert any("its parameters come from a search" in line for line in report.refused)
    assert len(report.refused) == 3


def test_paths_and_data_that_may_not_be_shared_are_refused_before_anything_is_written(
    stored, tmp_path, installed, registry, monkeypatch
):
    (tmp_path / "mine.csv").write_text("label,a,b\nx,1,2\ny,3,4\n")
    with pytest.raises(UsageError, match="a path is not evidence"):
        submit(stored, METHODS, [str(tmp_path / "mine.csv")], tmp_path / "out", installed, registry)
    card = property(lambda handle: replace(handle.dataset.card, shareable=False))
    monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.card", card)
    with pytest.raises(UsageError, match="the card of ItalyPowerDemand forbids that its predictions are shared"):
        submit(stored, METHODS, DATASETS, tmp_path / "out", installed, registry)
    assert not (tmp_path / "out").exists()


def test_beside_a_damaged_shard_nothing_is_written(stored, folder, one, installed, registry):
    one.write_bytes(one.read_bytes()[:-9])
    with pytest.raises(StoreError, match="not what its name says.*; restore or remove it"):
        submit(stored, METHODS, DATASETS, folder, installed, registry)


def test_a_split_that_no_result_here_has_is_left_out_where_the_data_is_away(
    folder, one, away, tmp_path, ours, verify, installed, registry
):
    """A stranger's file alone, so that no other outvotes it."""
    bring(ours, verify(*shard.find(folder))[0])
    before, row = len(ours.results()), shard.read(one)[0]
    other = {**answering(row, cases=unpack(row["predictions"]).cases + 1), "seed": 9}
    path = shard_of(tmp_path, rekeyed(Verifier(installed, registry), other))
    report = bring(ours, verify(path)[0])
    (line,) = report.conflicts
    assert report.copied == [] and line.endswith(": its fold has another split in all results here")
    same = shard_of(tmp_path, rekeyed(Verifier(installed, registry), {**row, "seed": 9}))
    assert len(bring(ours, verify(same)[0]).copied) == 1 and len(ours.results()) == before + 1
