"""What a row says must follow from itself and from what is installed; each refusal names file and row."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tsbench.evidence.conftest import edited, named
from tsbench.api import Bench
from tsbench.errors import TsbenchError
from tsbench.evidence import shard
from tsbench.evidence.apart import read_all
from tsbench.evidence.submit import submit
from tsbench.evidence.verify import Verifier
from tsbench.store.packing import pack, unpack
from tsbench.store.store import Store
from tsbench.tasks.score import metrics_of


def corrupted(**condition):
    return {"protocol": {"name": "p", "probe": "own", "condition": {"corruption": "noise", "level": 5.0, **condition}}}


PARTS = {
    "another version": ({"method_version": 2}, "it has version 2 of majority, this installation 1"),
    "a part that is not there": ({"versions": {"probe:x": 1}}, "it has version 1 of probe:x, this installation None"),
    "another fingerprint": ({"fingerprint": "0" * 64}, "data of fingerprint 000000000000, ItalyPowerDemand is "),
    "another seed": ({"seed": 5}, "its key does not follow from what it says"),
    "another fold": ({"fold": 1}, "its key does not follow"),
    "another normalisation": ({"normalisation": "channel"}, "its normalisation 'channel' is 'none' here"),
    "an unknown dataset": ({"dataset": "Nowhere"}, "dataset 'Nowhere' is not known here"),
    "a path": ({"dataset": "./x.csv"}, "dataset './x.csv' is not known here"),
    "an unknown method": ({"method": "nothing"}, "unknown method 'nothing'"),
    "a parameter": ({"params": {"lr": 1}}, "its parameter lr = 1 is not what its method and label say"),
    "an unknown member of a family": ({"method": "sktime:os"}, "os"),
    "an unknown parameter": ({"overrides": {"lr": 1}}, "no parameter 'lr' in majority"),
    "odd parameters": ({"overrides": {"lr": []}}, "its overrides cannot be read"),
    "no protocol": ({"protocol": {"name": "p"}}, "its protocol cannot be read: Field required"),
    "an unknown corruption": (corrupted(corruption="mine"), "unknown corruption 'mine'"),
    "a version of one": (corrupted(version=2), "has version 2 of noise, this installation 1"),
    "a corruption that reads labels": (corrupted(uses_labels=True), "of the corruption is not what this installation"),
    "no split": ({"split": "everything"}, "does not say on which split"),
    "another split": ({"split": "test:00 train:00"}, "not for the test cases of its split"),
    "a metric": ({"metrics": {"accuracy": 1.0}}, "other metrics than its predictions give"),
    "odd metrics": ({"metrics": ["accuracy"]}, "its metrics cannot be read"),
    "text for a number": ({"metrics": {"accuracy": "1"}}, "its metrics cannot be read"),
    "no predictions": ({"predictions": b"nothing"}, "its predictions cannot be read"),
    "a control character": ({"device": "cpu\x1b[2J"}, r"control characters in 'cpu\x1b[2J'"),
    "a hidden one": ({"environment": {"a": ["\u202e"]}}, r"control characters in '\u202e'"),
    "no environment": ({"environment": []}, "its environment cannot be read"),
    "an odd fact": ({"facts": {"n_test": "many"}}, "its facts cannot be read"),
    "a time": ({"finished": 0.0}, "its finished is 0.0, not "),
    "time that ran backwards": ({"durations": {"fit": -1.0}}, "its duration of fit is -1.0, not 0 to "),
    "memory below nothing": ({"peak_memory_bytes": -1}, "its peak_memory_bytes is -1, not 0 to "),
    "a long name": ({"dataset": "N" * 40_000}, "dataset 'NNNN"),
    "a large seed": ({"seed": 2**40}, "its seed is 1099511627776, not 0 to "),
    "too many threads": ({"threads": 0}, "its threads is 0, not 1 to "),
}


def test_all_holds_and_each_run_comes_once(folder, verify):
    runs, refused = verify(*shard.find(folder))
    assert (len(runs), refused) == (6, [])
    assert {run.result.spec.dataset for run in runs} == {"ItalyPowerDemand", "BasicMotions"}
    files = shard.find(folder)
    assert len(verify(*files, *files)[0]) == 6


@pytest.mark.parametrize("what", PARTS)
def test_what_was_edited_is_refused_and_the_other_row_kept(one, tmp_path, verify, what):
    values, message = PARTS[what]
    path = edited(tmp_path, one, **values)
    runs, (line,) = verify(path)
    assert len(runs) == 1
    assert line.startswith(f"{path}, row ") and ", run " in line and message in line
    assert line.isprintable() and len(line) < len(str(path)) + 500


def test_metrics_must_follow_from_the_predictions(one, tmp_path, verify):
    row = shard.read(one)[0]
    better = edited(tmp_path, one, metrics={**row["metrics"], "accuracy": 1.0})
    assert "its accuracy is 1.0, its predictions give 0." in verify(better)[1][0]
    answers = unpack(row["predictions"])
    odd = replace(answers, classes=("1", "\x1b"))
    assert (
        "control characters in the names of its classes" in verify(edited(tmp_path, one, predictions=pack(odd)))[1][0]
    )
    nan = replace(answers, scores=np.full_like(answers.scores, np.nan))
    assert "scores are NaN" in verify(edited(tmp_path, one, predictions=pack(nan)))[1][0]


def test_a_row_is_there_once_and_of_two_that_contradict_the_first_counts(one, tmp_path, verify, installed, registry):
    rows = shard.read(one)
    ((_, content),) = shard.shards([rows[0], rows[0]])
    runs, (line,) = verify(named(tmp_path, content))
    assert len(runs) == 1 and "row 1" in line and "it is there twice" in line
    answers = unpack(rows[0]["predictions"])
    other = replace(answers, y_pred=1 - answers.y_pred)
    path = edited(tmp_path, one, predictions=pack(other), metrics=metrics_of(other))
    first, second = Verifier(installed, registry).files([one, path])
    assert (len(first.runs), first.conflicts, len(second.runs), second.refused) == (2, [], 0, [])
    (line,) = second.conflicts
    assert line.startswith(f"{path}, row ") and line.endswith(": an earlier file has other metrics")


def test_predictions_are_unpacked_once_for_all_rows_that_share_them_and_only_to_so_much(
    one, tmp_path, verify, monkeypatch
):
    row, limits = shard.read(one)[0], []
    many = [{**row, "device": f"cpu {number}"} for number in range(50)]
    ((_, content),) = shard.shards(many)
    monkeypatch.setattr("tsbench.evidence.verify.unpack", lambda packed, most: limits.append(most) or unpack(packed))
    runs, refused = verify(named(tmp_path, content))
    assert (len(runs), len(refused), limits) == (1, 49, [shard.MOST_UNPACKED])
    monkeypatch.undo()
    monkeypatch.setattr("tsbench.evidence.verify.MOST_UNPACKED", 1000)
    ((_, content),) = shard.shards(many)
    runs, refused = verify(named(tmp_path, content))
    assert runs == [] and len(refused) == 50 and all("more than 1000" in line for line in refused)


def test_an_odd_file_hides_no_other(one, tmp_path, verify):
    bad = named(tmp_path, b"nothing")
    runs, (line,) = verify(bad, one)
    assert len(runs) == 2 and line.startswith(f"{bad}: ")


def test_data_that_may_not_be_shared_is_refused(one, verify, monkeypatch):
    monkeypatch.setattr("tsbench.data.dataset.Card.shareable", False)
    monkeypatch.setattr(
        "tsbench.plan.datasets.DatasetHandle.card",
        property(lambda handle: replace(handle.dataset.card, shareable=False)),
    )
    runs, refused = verify(one)
    assert runs == [] and "the card of ItalyPowerDemand forbids that its predictions are shared" in refused[0]


@pytest.mark.parametrize("knows", [True, False])
def test_a_content_that_the_card_knows_need_not_be_at_hand(one, verify, monkeypatch, knows):
    ((_, rows, _),) = read_all([one])
    known = {next(iter(rows))["fingerprint"] if knows else "0" * 64: "sample: 16 of 48 records"}
    card = property(lambda handle: replace(handle.dataset.card, checksum="", known=known))
    monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.card", card)
    monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.available", lambda handle: False)
    runs, refused = verify(one)
    assert len(runs) == (2 if knows else 0)
    assert knows or all(line.endswith("ItalyPowerDemand is 000000000000 here") for line in refused)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_field_holds_is_taken_or_refused_in_words(one, installed, registry, data):
    row = shard.read(one)[0]
    name = data.draw(st.sampled_from(sorted(shard.KINDS)))
    kinds = {shard.TEXT: st.text(), shard.WHOLE: st.integers(-(2**63), 2**63 - 1), shard.BYTES: st.binary()}
    inner = {**row[name], **data.draw(st.dictionaries(st.text(), VALUES))} if isinstance(row[name], dict) else None
    drawn = data.draw(VALUES if name in shard.JSON else kinds.get(shard.KINDS[name], st.floats()))
    verifier = Verifier(installed, registry)
    for value in (drawn, inner if inner is not None else drawn):
        try:
            verifier.row({**row, name: value})
        except TsbenchError:
            continue
        assert name not in ("key", "seed", "fold", "predictions") or value == row[name]


def test_decisions_of_what_can_also_represent_are_evidence(tmp_path, installed, registry, verify):
    quick = {"max_steps": 1, "min_steps": 0}
    with Bench(tmp_path / "own.db", offline=True, progress=False, device="cpu") as bench:
        assert bench.run("supervised", "ItalyPowerDemand", "own,svm-rbf", params=quick).exit_code == 0
    with contextlib.closing(Store(str(tmp_path / "own.db"))) as store:
        report = submit(store, ["supervised"], ["ItalyPowerDemand"], tmp_path / "results", installed, registry)
    assert (report.written, report.refused) == (2, [])
    runs, refused = verify(*(tmp_path / "results").rglob("*.parquet"))
    assert refused == [] and sorted("probe" in run.result.spec.overrides for run in runs) == [False, True]
