"""Bench does what the command line does, and returns it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tsbench.execute.executors.conftest import TROUBLE
from tests.tsbench.leaderboard.test_table import board, row
from tsbench import Bench
from tsbench.data import memory
from tsbench.data.places import offline, search_path
from tsbench.errors import StoreError, UsageError
from tsbench.execute import driver
from tsbench.methods.params import declarations
from tsbench.protocol import Protocol, Split

QUICK = {"max_steps": 2, "min_steps": 0}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Bench("b.db", progress=False)


def test_the_keys_and_metrics_are_those_of_the_command_line(bench, tsbench):
    ran = bench.run("trls,majority", ["UnitTest"], "svm-rbf", seeds=2, **QUICK, **{"encoder.hidden": 8})
    assert (ran.exit_code, len(ran), ran.failures) == (0, 4, [])
    words = "--method trls,majority --dataset UnitTest --protocol svm-rbf --seeds 2 --set encoder.hidden=8"
    assert tsbench("run", *words.split(), "--set", "max_steps=2", "--set", "min_steps=0")[0] == 0
    ours, theirs = bench.results(), Bench("tsbench.db").results()
    same = ["key", "method", "dataset", "protocol", "fold", "seed", "status", "accuracy", "f1_macro", "params"]
    pd.testing.assert_frame_equal(ours[same], theirs[same])
    assert sorted(ran.frame()["key"]) == sorted(ours["key"])
    code, out, _ = tsbench("results", "--format", "csv", "--store", "b.db")
    assert code == 0 and [line.split(",")[0] for line in out.splitlines()[1:]] == ours["key"].tolist()


def test_the_same_again_is_done_already(bench):
    first = bench.run("majority", "UnitTest")
    again = bench.run(["majority"], ["UnitTest"], seeds=[0])
    assert repr(again).startswith("1 runs: 0 succeeded, 1 already in the store. Store: b.db")
    pd.testing.assert_frame_equal(first.frame(), again.frame())
    assert again.as_json()["already_done"] == first.keys == bench.results()["key"].tolist()


@pytest.mark.parametrize(
    ("seeds", "expected"), [(2, [0, 1]), ("2", [0, 1]), ("3,", [3]), ([5, 2], [2, 5]), (np.arange(2), [0, 1])]
)
def test_seeds_are_a_number_a_text_or_a_sequence(bench, seeds, expected):
    bench.run("majority", "UnitTest", seeds=seeds)
    assert bench.results()["seed"].tolist() == expected


def test_folds_and_a_suite(bench, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "suites:\n  small: {collection: one, methods: [majority], protocols: [knn], seeds: [4], floors: false}\n"
        "collections:\n  one: {datasets: [UnitTest]}\n"
    )
    own = Bench("b.db", registry="mine.yaml", progress=False)
    assert own.run(suite="small").frame()["seed"].tolist() == [4]
    with pytest.raises(UsageError, match="--suite brings its own"):
        own.run("majority", suite="small")
    assert own.leaderboard("small").cells.index.tolist() == ["majority"]
    assert bench.run("1nn-ed", "UnitTest", "linear-cv5", folds=[1, 3]).frame()["fold"].tolist() == [1, 3]


WRONG = [
    (("trlz", "UnitTest"), {}, "--method trlz --dataset UnitTest"),
    (("majority", "UnitTesd"), {}, "--method majority --dataset UnitTesd"),
    (("majority", "UnitTest", "svm"), {}, "--method majority --dataset UnitTest --protocol svm"),
    (("majority", "UnitTest"), {"seeds": 0}, "--method majority --dataset UnitTest --seeds 0"),
    (("trls", "UnitTest"), {"depth": 3}, "--method trls --dataset UnitTest --set depth=3"),
    (("trls", "UnitTest"), {"lr": "much"}, "--method trls --dataset UnitTest --set lr=much"),
    (("majority", "UnitTest"), {"folds": 7}, "--method majority --dataset UnitTest --fold 7"),
    (("majority", "UnitTest"), {"memory_limit": "much"}, "--method majority --dataset UnitTest --memory-limit much"),
    (("majority", "UnitTest"), {"time_limit": 0}, "--method majority --dataset UnitTest --time-limit 0"),
    (("trls", "UnitTest"), {"tuned": "best"}, "--method trls --dataset UnitTest --tuned best"),
    (("trls", ""), {}, "--method trls"),
    (("trls", "UnitTest"), {"params": {"methods": 1}}, "--method trls --dataset UnitTest --set methods=1"),
]


@pytest.mark.parametrize(("names", "options", "words"), WRONG)
def test_what_is_wrong_is_said_as_on_the_command_line(bench, tsbench, names, options, words):
    with pytest.raises(UsageError) as error:
        bench.run(*names, **options)
    code, _, err = tsbench("run", *words.split())
    assert (code, err) == (2, f"error: {error.value}\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "--workers 0: give a whole number from 1 to 1024"),
        ({"threads": "2"}, "--threads 2"),
        ({"executor": "slurm"}, "--executor slurm: choose one of local, ray"),
        ({"address": "here:1"}, "--address is for --executor ray"),
        ({"data_dir": "nowhere"}, "--data-dir nowhere: there is no such folder"),
        ({"plugins": "nowhere.py"}, "plugin file nowhere.py"),
        ({"store": "mysql://x"}, "--store: give a file name"),
        ({"registry": "nowhere.yaml"}, "registry nowhere.yaml"),
    ],
)
def test_a_bench_that_cannot_be_is_refused(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        Bench(**options, progress=False).run("majority", "UnitTest")
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("budget", [0, -1, float("nan"), "2", True])
def test_a_budget_is_hours(bench, budget):
    with pytest.raises(UsageError, match="--budget .*: give a number of hours above 0"):
        bench.run("majority", "UnitTest", budget=budget)


def test_what_is_no_name_is_refused(bench):
    with pytest.raises(UsageError, match="--method 3: give a name"):
        bench.run(3, "UnitTest")
    with pytest.raises(UsageError, match="--set lr is given twice"):
        bench.run("trls", "UnitTest", params={"lr": 1}, lr=2)


def test_nothing_is_printed_without_progress_and_data_that_is_missing_is_told(bench, capfd, tmp_path):
    ran = bench.run("majority", "UnitTest,Heartbeat")
    bench.leaderboard("UnitTest")
    assert capfd.readouterr() == ("", "")
    assert ran.exit_code == 3 and list(ran.outcome.plan.missing) == ["Heartbeat"]
    assert ran.notes[-1].startswith("--available takes")
    Bench("c.db").run("majority", "UnitTest,Heartbeat", available=True)
    out, err = capfd.readouterr()
    assert out == "" and "Heartbeat" in err.splitlines()[0] and ": accuracy 0." in err.splitlines()[1]


def test_a_failure_is_a_row_and_raises_nothing(bench):
    own = Bench("b.db", plugins=TROUBLE, progress=False)
    ran = own.run("trouble", "tiny", what="error")
    assert ran.exit_code == 1 and [result.status for result in ran.failures] == ["failed"]
    assert ran.frame()["status"].tolist() == ["failed"]
    with pytest.raises(UsageError, match="predicted nothing: it is failed"):
        own.predictions(ran.keys[0])
    with pytest.raises(UsageError, match="unknown method 'trouble'"):  # of another Bench
        bench.run("trouble", "tiny")


def test_predictions_are_those_of_the_store(bench):
    (key,) = bench.run("1nn-ed", "UnitTest", "knn").keys
    found = bench.predictions(key[:8])
    assert list(found)[:4] == ["case", "fold", "truth", "prediction"]
    assert list(found)[4:] == [f"score:{name}" for name in bench.show(key)["classes"]]
    right = (found["truth"] == found["prediction"]).mean()
    assert right == pytest.approx(bench.show(key)["metrics"]["accuracy"]) == bench.results()["accuracy"].item()
    assert found["fold"].unique().tolist() == [0] and found["case"].is_unique
    with pytest.raises(UsageError, match="no run in b.db has a key that starts with 'zz'"):
        bench.predictions("zz")


def test_show_is_what_the_command_prints_but_for_how_to_repeat(bench, tsbench):
    (key,) = bench.run("majority", "UnitTest").keys
    printed = json.loads(tsbench("show", "run", key, "--json", "--store", "b.db")[1])
    assert printed.pop("repeat") and printed.pop("notes") == []
    assert json.loads(json.dumps(bench.show(key), default=str)) == printed


def test_the_board_is_that_of_the_command_line(bench, tsbench):
    bench.run("majority,1nn-ed", "UnitTest", "knn", seeds=2)
    found = bench.leaderboard("UnitTest", "knn", "f1_macro", methods="majority")
    assert found.cells.index.tolist() == ["majority"] and found.metric == "f1_macro"
    options = ("--protocol", "knn", "--metric", "f1_macro", "--method", "majority", "--store", "b.db")
    code, out, err = tsbench("leaderboard", "UnitTest", *options, "--format", "json", "--out", "x.json")
    assert (code, err) == (0, "written to x.json\n")
    content = json.loads(out)
    assert json.loads(Path("x.json").read_text()) == content
    assert (content["metric"], content["protocol"], content["hash"]) == ("f1_macro", "knn", found.protocol.hash())
    assert content["seeds"] == "0-1" and content["notes"]
    cell = content["rows"][0]["cells"]["UnitTest"]
    assert cell["value"] == found.cells.loc["majority", "UnitTest"] and cell["n"] == 2
    assert cell["spread"] == {"seeds": 0.0, "folds": None}
    assert set(cell["keys"]) == set(bench.results().query("method == 'majority'")["key"])
    for form in ("csv", "md"):
        code, out, _ = tsbench("leaderboard", "UnitTest", *options, "--format", form, "--out", f"x.{form}")
        assert code == 0 and out == Path(f"x.{form}").read_text()
    with pytest.raises(UsageError, match="unknown metric 'f1'"):
        bench.leaderboard("UnitTest", metric="f1")
    with pytest.raises(UsageError, match="no result for GunPoint"):
        bench.leaderboard("GunPoint")


def test_the_evidence_of_a_cell_by_hand():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    values = {(0, 0): 0.1, (0, 1): 0.3, (0, 2): 0.2, (1, 0): 0.5, (1, 1): 0.9, (1, 2): 0.7}  # by seed and fold
    rows = [
        row("x", "A", value, seed, fold, key=f"k{seed}{fold}", protocol_hash=protocol.hash())
        for (seed, fold), value in [*values.items(), ((2, 0), 0.0)]  # seed 2 lacks a fold
    ]
    result = board([*reversed(rows)], protocol=protocol)
    (cell,) = result.evidence.to_dict("records")
    assert cell["keys"] == ["k00", "k01", "k02", "k10", "k11", "k12"]
    assert (cell["method"], cell["dataset"], cell["n"], cell["n_seeds"], cell["n_folds"]) == ("x", "A", 6, 2, 3)
    assert cell["mean"] == pytest.approx(0.45) == result.cells.loc["x", "A"]
    assert cell["std_seeds"] == pytest.approx(0.5 / 2**0.5)  # of the means 0.2 and 0.7
    assert cell["std_folds"] == pytest.approx(0.15)  # of the means 0.3, 0.6 and 0.45


def test_a_collection_may_have_a_metric_of_its_own(bench, tmp_path):
    collection = "{datasets: [UnitTest], protocol: ridge, metric: auroc}"
    (tmp_path / "mine.yaml").write_text(f"collections:\n  mine: {collection}\n")
    with Bench("b.db", registry=tmp_path / "mine.yaml", progress=False) as own:
        own.run("minirocket-features", "mine")
        assert own.leaderboard("mine").metric == "auroc" != own.leaderboard("mine", metric="f1_macro").metric
        assert own.leaderboard("UnitTest", protocol="ridge").metric == "accuracy"


def test_evidence_is_in_the_order_of_the_board_and_one_run_has_no_spread():
    rows = [row("x", "B", 0.5, key="b"), row("x", "A", 0.9, key="a"), row("z", "A", 1.0, key="c")]
    found = board(rows).evidence
    assert list(zip(found["method"], found["dataset"], strict=True)) == [("x", "A"), ("x", "B"), ("z", "A")]
    assert found["std_seeds"].isna().all() and found["std_folds"].isna().all()
    assert board([]).evidence.empty


def test_a_papers_table(bench, tsbench, tmp_path):
    frame = bench.reproduce("trls/table2", "UnitTest", out="mine", max_steps=2)
    words = "trls/table2 --dataset UnitTest --set max_steps=2 --store b.db --out theirs"
    code, _, err = tsbench("reproduce", *words.split())
    assert code == 0, err
    mine, theirs = ((tmp_path / name / "trls-table2.csv").read_text() for name in ("mine", "theirs"))
    assert mine == theirs and len(frame) == len(mine.splitlines()) - 1
    with pytest.raises(UsageError, match="unknown table 'trls/table9'"):
        bench.reproduce("trls/table9")


def test_the_process_is_as_it_was_after_each_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSBENCH_DATA", "/elsewhere")
    (tmp_path / "data").mkdir()
    pytest.importorskip("sklearn")  # which sets variables of its own when it is first imported
    before = dict(os.environ)
    own = Bench("b.db", data_dir="data", offline=True, artifacts="a", progress=False)
    ran = own.run("majority", "UnitTest", memory_limit="8G", time_limit=600)
    assert ran.frame()["status"].tolist() == ["succeeded"]
    with pytest.raises(UsageError):
        own.run("nothing", "UnitTest", memory_limit="8G")
    own.leaderboard("UnitTest")
    assert dict(os.environ) == before
    assert memory._limit is None and not offline()
    assert [str(path) for path in search_path()] == ["/elsewhere"]


def test_data_and_offline_hold_while_it_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSBENCH_DATA", "/elsewhere")
    (tmp_path / "data").mkdir()
    with Bench("b.db", data_dir=tmp_path / "data", offline=True, progress=False) as own:
        seen = []

        def looking(*given):
            seen.append(([*map(str, search_path())], offline()))
            return driver.choose(*given)

        monkeypatch.setattr("tsbench.execute.ran.choose", looking)
        ran = own.run("majority", "UnitTest")
    assert seen == [([str(tmp_path / "data"), "/elsewhere"], True)]
    assert ran.frame()["status"].tolist() == ["succeeded"]
    with pytest.raises(UsageError, match="closed"):
        own.results()


def test_two_at_once_on_one_store_share_the_work(bench):
    found = {}

    def work(name):
        found[name] = Bench("b.db", progress=False).run("trls", "UnitTest", "svm-rbf", seeds=2, **QUICK)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    a, b = found["a"], found["b"]
    assert (a.exit_code, b.exit_code) == (0, 0)
    assert len(a.outcome.results) + len(b.outcome.results) == 2  # none was done twice
    alone = Bench("alone.db", progress=False).run("trls", "UnitTest", "svm-rbf", seeds=2, **QUICK)
    same = ["key", "accuracy", "f1_macro"]
    pd.testing.assert_frame_equal(alone.frame()[same], a.frame()[same])


def test_a_store_that_is_not_there_is_not_made(bench, tmp_path):
    for call in (bench.results, bench.frames, lambda: bench.show("a"), lambda: bench.leaderboard("UnitTest")):
        with pytest.raises((UsageError, StoreError), match="b.db"):
            call()
    assert not (tmp_path / "b.db").exists()


def test_no_installed_parameter_is_hidden_by_an_argument(installed):
    """What could not be set by its name could still be by `params`."""
    arguments = set(Bench.run.__kwdefaults__) | {"methods", "datasets", "protocol", "seeds"}
    for entry in (one for one in installed["methods"] if not one.name.endswith(":")):
        names = {declared.name for declared in declarations(installed["methods"].get(entry.name).Params)}
        assert not names & arguments, entry.name


def test_the_door_is_light():
    code = (
        "import sys, tsbench\n"
        "assert not {'numpy', 'torch', 'click'} & set(sys.modules)\n"
        "tsbench.errors.UsageError, tsbench.Register\n"
        "tsbench.Bench\n"
        "assert not {'torch', 'numba', 'optuna'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
