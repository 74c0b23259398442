"""Runs that fill in missing values, in the commands that look at runs."""

import json

import pytest


@pytest.fixture
def key(tsbench):
    code, _, err = tsbench(
        *("run", "--method", "linear-fill", "--dataset", "UnitTest", "--protocol", "impute", "--floors"),
        *("--device", "cpu", "--json"),
    )
    assert code == 0, err
    _, csv, _ = tsbench("results", "--method", "linear-fill", "--format", "csv")
    return csv.splitlines()[1].split(",")[0]


def test_they_are_shown_listed_ranked_and_checked(tsbench, key, tmp_path):
    code, out, err = tsbench("show", "run", key, "--plot", "run.png")
    assert code == 0, err
    assert "masked_nrmse" in out and "test_mask" in out and "hidden values by channel" in out
    assert (tmp_path / "run.png").stat().st_size > 0
    code, out, err = tsbench("results", "--predictions", "--method", "linear-fill", "--out", "filled.csv")
    assert code == 0, err
    head, *rows = (tmp_path / "filled.csv").read_text().splitlines()
    assert head.endswith("channel,step,truth,prediction") and len(rows) == 22 * 7  # round(0.3 * 24) of each case
    code, out, err = tsbench("leaderboard", "UnitTest", "--protocol", "impute")
    assert code == 0 and "masked_mae in prepared units, low is good" in out
    assert tsbench("store", "check")[0] == 0
    assert "is no metric of classification" in tsbench("leaderboard", "UnitTest", "--metric", "masked_mae")[2]


def test_what_is_for_labels_refuses_them_by_name(tsbench, key):
    for words in (("read", key), ("predict", "--run", key, "--dataset", "UnitTest")):
        code, _, err = tsbench(*words)
        assert code == 2 and f"run {key[:12]} (linear-fill on UnitTest) fills in missing values" in err


def test_they_are_evidence_and_repeat(tsbench, key, tmp_path):
    code, out, err = tsbench("submit", "--method", "linear-fill", "--dataset", "UnitTest", "--out", "evidence")
    assert code == 0, err
    (shard,) = (tmp_path / "evidence").rglob("*.parquet")
    code, out, err = tsbench("submit", "--check", shard, "--sample", "1")
    assert code == 0 and "0 of 154 values answered otherwise" in out, err
    code, out, err = tsbench("boards", "--from", "evidence", "--out", "boards")
    assert code == 0, err
    (path,) = (tmp_path / "boards").glob("*-impute.csv")
    board = path.read_text()
    assert board.splitlines()[1].startswith("linear-fill,impute,") and "masked_mae,prepared units" in board


@pytest.mark.parametrize("key", ["", ","])
def test_realism_of_no_run_is_refused(tsbench, key):
    code, out, err = tsbench("realism", key)
    assert code == 2 and not out and "name a run by the start of its key" in err


def test_how_real_it_looks_is_said(tsbench, key):
    code, _, err = tsbench("realism", key, "--device", "cpu")
    assert code == 1 and "22 cases have values filled in; telling windows apart takes at least 30" in err
    tsbench("run", "--method", "linear-fill", "--dataset", "BasicMotions", "--protocol", "impute", "--device", "cpu")
    key = tsbench("results", "--dataset", "BasicMotions", "--format", "csv")[1].splitlines()[1].split(",")[0]
    code, out, err = tsbench("realism", key, "--device", "cpu")
    assert code == 0 and "linear-fill" in out and "0.5 is chance" in out, err
    code, out, err = tsbench("realism", key, "--device", "cpu", "--json")
    (row,) = json.loads(out)
    assert row["cases"] == 40 and 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
