"""What a row says must follow from itself and from what is installed; each refusal names file and row."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tsbench.evidence.conftest import answering, edited, named, rekeyed, shard_of
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
    "a start in the future": ({"started": 4e9, "finished": 4e9}, "its started is 4000000000.0, not 0 to "),
    "an end in the future": ({"finished": 4e9}, "its finished is 4000000000.0, not "),
    "no split": ({"split": "everything"}, "does not say on which split"),
    "another split": ({"split": "test:00 train:00"}, "not for the test cases of its split"),
    "a metric": ({"metrics": {"accuracy": 1.0}}, "other metrics than its predictions give"),
    "odd metrics": ({"metrics": ["accuracy"]}, "its metrics cannot be read"),
    "text for a number": ({"metrics": {"accuracy": "1"}}, "its metrics cannot be read"),
    "no predictions": ({"predictions": b"nothing"}, "its predictions cannot be read"),
    "a control character": ({"device": "cpu\x1b[2J"}, r"control characters in 'cpu\x1b[2J'"),
    "a hidden one": ({"environment": {"a": ["\u202e"]}}, r"control characters in '\u202e'"),
    "no environment": ({"environment": []}, "its environment cannot be read"),
    "fewer cases than none": ({"facts": {"n_train": -1}}, "its fact n_train is -1"),
    "other cases than it answers": ({"facts": {"n_test": 3}}, "it says of 3 test cases, and has predictions for "),
    "another device": ({"device": "cuda [red]"}, "its device is 'cuda [red]', not cpu, cuda or cuda:N"),
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
    many = [{**row, "device": f"cuda:{number}"} for number in range(50)]
    ((_, content),) = shard.shards(many)
    monkeypatch.setattr(
        "tsbench.evidence.verify.unpack_exact", lambda packed, most: limits.append(most) or unpack(packed)
    )
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


PROTOCOLS = {
    "archive": ({}, 1),
    "one group": ({"scheme": "archive", "group": "subject", "seed": 3}, 1),
    "resamples": ({"scheme": "resample", "folds": 30}, 30),
    "rotation": ({"scheme": "cv"}, 5),
}


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("what", PROTOCOLS)
def test_a_fold_that_there_is_not_is_refused(one, verify, tmp_path, installed, registry, monkeypatch, what, here):
    if not here:
        monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.available", lambda handle: False)
    split, n_folds = PROTOCOLS[what]
    row, verifier = shard.read(one)[0], Verifier(installed, registry)
    row["protocol"] = {**row["protocol"], "split": {**row["protocol"]["split"], **split}}
    path = shard_of(tmp_path, rekeyed(verifier, {**row, "fold": n_folds}))
    runs, (line,) = verify(path)
    assert runs == [] and f"its fold is {n_folds}, ItalyPowerDemand has fold" in line
    if not here:  # nothing else says that it is of another
        assert len(verify(shard_of(tmp_path, rekeyed(verifier, {**row, "fold": n_folds - 1})))[0]) == 1


def test_a_card_says_how_many_folds_a_split_has(installed, registry):
    verifier = Verifier(installed, registry)
    assert verifier._dataset("p12").handle.card.own_folds == {"archive": 5, "records": 5, "raindrop": 5}
    assert verifier._dataset("GunPoint").handle.card.own_folds == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (lambda p: {"cases": p.cases * 0}, "one is there twice, or is none"),
        (lambda p: {"cases": p.cases - p.cases.max() - 1}, "one is there twice, or is none"),
        (lambda p: {"cases": p.cases[::-1].copy()}, "its split is not that of fold 0 of ItalyPowerDemand here (test:"),
        (lambda p: {"cases": p.cases + 1}, "its split is not that of fold 0 of ItalyPowerDemand here"),
        (lambda p: {"y_true": p.y_pred}, "the labels of its test cases are not those of ItalyPowerDemand here"),
        (lambda p: {"classes": p.classes[::-1]}, "the labels of its test cases are not those of ItalyPowerDemand here"),
    ],
)
def test_what_was_tested_on_is_that_of_the_data_here(one, verify, tmp_path, fields, message):
    row = shard.read(one)[0]
    path = shard_of(tmp_path, answering(row, **fields(unpack(row["predictions"]))))
    runs, (line,) = verify(path)
    assert runs == [] and message in line


def test_the_training_part_and_groups_are_those_of_the_data_here(one, verify, tmp_path):
    row = shard.read(one)[0]
    for split in (f"{row['split'].partition(' ')[0]} train:00", f"{row['split']} groups:00"):
        runs, (line,) = verify(shard_of(tmp_path, {**row, "split": split}))
        assert runs == [] and "its split is not that of fold 0" in line


OTHERWISE = {
    "split": {"cases": lambda answers: answers.cases + 1},
    "labels": {"y_true": lambda answers: answers.y_pred},
    "classes": {"classes": lambda answers: ("a", "b")},
}


@pytest.mark.parametrize("what", OTHERWISE)
@pytest.mark.parametrize("first", [True, False])
def test_of_data_that_is_away_counts_what_most_methods_say(
    folder, one, away, tmp_path, installed, registry, what, first
):
    """A stranger has several files and seeds of one method, two methods stand against it."""
    verifier = Verifier(installed, registry)
    row = shard.read(one)[0]
    answers = unpack(row["predictions"])
    odd = answering(row, **{name: change(answers) for name, change in OTHERWISE[what].items()}) | {"method": "1nn-ed"}
    planned, _ = verifier._plan(odd, verifier._dataset(odd["dataset"]), verifier._protocol(odd["protocol"]))
    odd |= {"method_version": planned.method_version, "versions": {}, "params": {}}
    files = [shard_of(tmp_path, rekeyed(verifier, {**odd, "seed": seed})) for seed in range(3)]
    ours = shard.find(folder / "ucr")
    found = list(Verifier(installed, registry).files([*files, *ours] if first else [*ours, *files]))
    assert [one.refused for one in found] == [[]] * 5
    assert {one.path for one in found if one.conflicts} == set(files) and sum(len(one.runs) for one in found) == 3
    (line,) = next(one for one in found if one.conflicts).conflicts
    assert "row 0" in line and "differ in its split or test labels (those of 1 methods here, of 2 elsewhere)" in line


def test_of_as_many_methods_on_either_side_neither_counts(one, away, tmp_path, verify, installed, registry):
    row = shard.read(one)[0]
    other = {**answering(row, y_true=unpack(row["predictions"]).y_pred), "seed": 7}
    path = shard_of(tmp_path, rekeyed(Verifier(installed, registry), other))
    first, second = Verifier(installed, registry).files([one, path])
    assert first.runs == second.runs == [] and len(first.conflicts) == 2 and len(second.conflicts) == 1


def test_one_result_has_one_form(one, tmp_path, verify):
    row = shard.read(one)[0]
    packed = row["predictions"]
    for other in (packed + b"x", b"x" + packed, packed + packed):
        runs, (line,) = verify(shard_of(tmp_path, {**row, "predictions": other}))
        assert runs == [] and "not the bytes that tsbench packs" in line
