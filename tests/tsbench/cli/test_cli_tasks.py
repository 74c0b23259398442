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
