"""The option --task and what commands say of numbers and several labels."""

import json

import numpy as np
import pytest


@pytest.fixture
def numbers(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{v:.4f},{','.join(f'{v * t:.3f}' for t in range(9))}" for v in rng.normal(size=40)]
    path = tmp_path / "numbers.csv"
    path.write_text("\n".join([f"label,{','.join(f't{t}' for t in range(9))}", *rows]) + "\n")
    return path


def test_labels_that_differ_are_taken_for_numbers_unless_the_user_says_otherwise(tsbench, numbers):
    code, out, _ = tsbench("data", "info", numbers)
    assert code == 0
    assert "taken for numbers, as 40 of 40 are different; --task says otherwise" in out
    assert "numbers (regression)" in out and "standard deviation" in out and "classes" not in out
    code, out, _ = tsbench("data", "info", numbers, "--task", "classification")
    assert code == 0
    assert "taken for classes; 40 different numbers may be values: see --task regression" in out


def test_few_numbers_are_classes_without_a_word(tsbench):
    code, out, _ = tsbench("data", "info", "GunPoint")
    assert code == 0 and "taken for classes" not in out


def test_a_run_for_numbers_from_the_file_to_the_board(tsbench, numbers):
    run = ("run", "--method", "majority", "--dataset", numbers, "--task", "regression", "--device", "cpu")
    code, out, err = tsbench(*run)
    assert code == 0, err
    assert "Board: tsbench leaderboard regression:" in out and "mae " in err
    assert "5 already in the store" in tsbench(*run)[1]
    code, out, err = tsbench("leaderboard", numbers, "--task", "regression")
    assert code == 0, err
    assert "mae in units of the labels" in out
    _, text, _ = tsbench("results", "--format", "csv")
    key = text.splitlines()[1].split(",")[0]
    code, out, _ = tsbench("show", "run", key)
    assert code == 0 and "mae" in out and "confusion" not in out
    assert json.loads(tsbench("show", "run", key, "--json")[1])["confusion"] is None
    assert "regression:" in out.split("repeat: ")[1]
    assert tsbench("store", "check")[0] == 0


def test_a_board_says_where_results_lack_its_metric(tsbench, tmp_path):
    for part, labels in {"TRAIN": (1, 2, 3), "TEST": (2, 2)}.items():
        rows = "".join(f"{label},{label},1,{number}\n" for number, label in enumerate(labels))
        (tmp_path / f"flat_{part}.csv").write_text(f"label,t0,t1,t2\n{rows}")
    board = (tmp_path / "flat_TRAIN.csv", "--task", "regression", "--metric", "r2")
    tsbench("run", "--method", "majority", "--dataset", *board[:3], "--device", "cpu")
    code, _, err = tsbench("leaderboard", *board)
    assert code == 2
    assert "no r2 in" in err and "not defined on their test cases" in err and "there are mae, rmse" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--method", "majority", "--dataset", "GunPoint", "--task", "regression"), "is for files"),
        (
            ("leaderboard", "GunPoint", "--metric", "mae"),
            "mae is no metric of classification (GunPoint); choose",
        ),
        (("leaderboard", "GunPoint", "Covid3Month"), "several tasks have no common metric"),
        (("leaderboard", "GunPoint", "--metric", "nope"), "unknown metric 'nope'"),
    ],
)
def test_what_does_not_go_together_is_refused(tsbench, words, said):
    code, _, err = tsbench(*words)
    assert code == 2 and said in err


def test_text_is_no_number(tsbench, numbers):
    numbers.write_text(numbers.read_text().replace("label", "label", 1) + "high,1,2,3,4,5,6,7,8,9\n")
    code, _, err = tsbench("run", "--method", "majority", "--dataset", numbers, "--task", "regression")
    assert code == 1
    assert "numbers.csv:42: label 'high' is not a finite number" in err


@pytest.fixture
def findings(tmp_path):
    rows = [f"{i % 2},{int(i % 3 == 0)},{i % 2 + t},{i % 3},{i}" for i in range(40) for t in [i % 5 / 10]]
    path = tmp_path / "findings.csv"
    path.write_text("\n".join(["label_odd,label_third,t0,t1,t2", *rows]) + "\n")
    return path


def run_of(tsbench, dataset):
    """The key of a stored run on a dataset."""
    _, text, _ = tsbench("results", "--format", "csv")
    return next(line for line in text.splitlines() if f",{dataset}," in line).split(",")[0]


def test_screens_show_what_each_task_goes_by(tsbench, numbers, findings, tmp_path):
    code, out, err = tsbench("run", "--method", "majority", "--dataset", f"{numbers},{findings}", "--device", "cpu")
    assert code == 0, err
    boards = [line for line in out.splitlines() if line.startswith("Board: ")]
    assert len(boards) == 2
    assert all(sum(path.name in line for line in boards) == 1 for path in (numbers, findings))
    head = tsbench("results")[1].splitlines()[1]
    assert "auroc_macro" in head and "mae" in head and "accuracy" not in head
    for dataset, said in (("findings", "labels, the lowest F1 first (2 of 2)"), ("numbers", "largest errors (8 of 8")):
        picture = tmp_path / f"{dataset}.svg"
        code, out, err = tsbench("show", "run", run_of(tsbench, dataset), "--plot", picture)
        assert code == 0 and said in out, err
        assert picture.stat().st_size > 1000
    found = json.loads(tsbench("show", "run", run_of(tsbench, "findings"), "--json")[1])
    assert found["task"] == "multilabel" and found["classes"] == ["odd", "third"]
    assert [np.array(table).sum() for table in found["confusion"]] == [8, 8]


def test_a_board_of_numbers_says_their_unit_and_has_no_mean_over_several(tsbench):
    names = ("Covid3Month", "Tecator")
    assert tsbench("run", "--method", "majority", "--dataset", ",".join(names), "--device", "cpu")[0] == 0
    _, out, _ = tsbench("leaderboard", "Tecator")
    assert "Tecator: mae in % fat, low is good" in out
    found = json.loads(tsbench("leaderboard", "Tecator", "--format", "json")[1])
    assert (found["unit"], found["better"]) == ("% fat", "low")
    assert found["rows"][0]["mean"] == found["rows"][0]["cells"]["Tecator"]["value"]
    both = json.loads(tsbench("leaderboard", *names, "--format", "json")[1])
    assert both["unit"] == "units of the labels" and both["rows"][0]["mean"] is None
    assert "No mean: the labels of these datasets are in units of their own." in both["notes"]
    assert tsbench("leaderboard", "Tecator", "--format", "csv")[1].splitlines()[0].split(",")[3:5] == ["metric", "unit"]
    assert "label unit" in tsbench("data", "info", "Tecator")[1]


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("label,label_a,x,y", "1,1,2,3", "1.csv:2: has both a column 'label' and 'label_a'"),
        ("label,label_a,x,y", "a;b,1,2,3", "1.csv:2: has both a column 'label' and 'label_a'"),
        ("label_,x,y", "1,2,3", "1.csv: column 'label_' names no label"),
        ("label_a,x,y", "2,2,3", "1.csv:2: column 'label_a' is '2'; a label is 0 or 1"),
        ("label_a,x,y", ",2,3", "1.csv:2: column 'label_a' is empty"),
    ],
)
def test_a_layout_of_labels_that_is_none_is_refused(tsbench, tmp_path, head, row, said):
    (tmp_path / "1.csv").write_text(f"{head}\n{row}\n{row}\n")
    code, _, err = tsbench("data", "info", tmp_path / "1.csv")
    assert code == 1 and said in err


def test_the_python_door_takes_a_task(tsbench, numbers, tmp_path):
    from tsbench import Bench

    bench = Bench(tmp_path / "s.db", device="cpu", progress=False)
    ran = bench.run("majority", str(numbers), task="regression", folds=0)
    assert ran.exit_code == 0 and ran.frame()["mae"].notna().all()
    board = bench.leaderboard(str(numbers), task="regression")
    assert board.metric == "mae"
    frame = bench.predictions(ran.keys[0])
    assert (frame["truth"] - frame["prediction"]).abs().mean() == pytest.approx(ran.frame()["mae"][0])
