"""tsbench data check, on files."""

import json

import numpy as np
import pytest


@pytest.fixture
def ward(tmp_path):
    """A table of 60 cases whose subjects each have two; the first is there twice, once in each of two parts."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 12))
    lines = [",".join([*(f"t{t}" for t in range(12)), "subject", "label"])]
    for case in range(60):
        lines.append(",".join([*map(str, X[case].round(3)), f"s{case // 2}", "ab"[case % 2]]))
    (tmp_path / "ward_TRAIN.csv").write_text("\n".join(lines[:41]) + "\n")
    (tmp_path / "ward_TEST.csv").write_text("\n".join([lines[0], *lines[41:], lines[1]]) + "\n")
    return tmp_path / "ward_TRAIN.csv"


def test_what_is_found_is_printed_with_what_to_do(tsbench, ward):
    code, out, err = tsbench("data", "check", ward)
    assert code == 0, err
    title, *lines = out.splitlines()
    assert title.endswith(", split archive: 2 findings")
    assert any("error    same cases, training" in line and "1 of 21 test cases" in line for line in lines)
    assert any("error    subject on both sides" in line and "1 of 30 subjects" in line for line in lines)
    assert sum("-> " in line for line in lines) == 2
    assert tsbench("data", "check", ward, "--strict")[0] == 1


def test_another_split_is_checked_and_a_clean_one_passes(tsbench, ward, tmp_path):
    text = (tmp_path / "ward_TEST.csv").read_text().splitlines()
    (tmp_path / "ward_TEST.csv").write_text("\n".join(text[:-1]) + "\n")
    assert tsbench("data", "check", ward, "--strict")[0] == 0
    code, out, _ = tsbench("data", "check", ward, "--protocol", "svm-rbf-cv5", "--fold", "2", "--strict")
    assert code == 0 and "split cv5, fold 2 of 5: 0 findings" in out
    code, _, err = tsbench("data", "check", ward, "--protocol", "svm-rbf-cv5", "--fold", "5")
    assert code == 2 and "has folds 0 to 4 under svm-rbf-cv5" in err


def test_as_json_and_as_markdown(tsbench, ward):
    (report,) = json.loads(tsbench("data", "check", ward, "--format", "json")[1])
    assert (report["split"], report["fold"], report["folds"]) == ("archive", 0, 1)
    assert report["found"][0] == {
        "check": "same cases, training",
        "severity": "error",
        "what": "1 of 21 test cases have the values of a training case, 0 with another label; "
        "the first is case 60, a copy of training case 0",
        "remedy": "split by subject or record ('group' of the card, a subject column), or drop the copies",
    }
    lines = tsbench("data", "check", ward, "--format", "md")[1].splitlines()
    assert lines[0].startswith("### ") and lines[2] == "| check | severity | what | remedy |"
    assert len(lines) == 4 + len(report["found"])


def test_what_is_not_here_is_said(tsbench):
    code, _, err = tsbench("data", "check", "Beef")
    assert code == 3 and "missing: Beef: " in err
    assert tsbench("data", "check")[0] == 2
