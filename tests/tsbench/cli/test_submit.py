"""tsbench submit, store merge of evidence, and boards."""

import pytest

from tests.tsbench.evidence.conftest import answering, shard_of
from tsbench.evidence import shard
from tsbench.store.packing import unpack


@pytest.fixture
def filled(tsbench):
    assert tsbench("run", "--method", "majority", "--dataset", "ItalyPowerDemand", "--seeds", "2", "--offline")[0] == 0
    return ("submit", "--method", "majority", "--dataset", "ucr", "--out", "results")


def test_from_one_store_to_another_and_to_boards(tsbench, filled, tmp_path):
    code, out, _ = tsbench(*filled)
    (path,) = (tmp_path / "results").rglob("*.parquet")
    name = path.relative_to(tmp_path)
    assert (code, out) == (0, f"{name}\n2 runs written, 0 there already, 0 refused\n")
    assert tsbench(*filled)[1] == "0 runs written, 2 there already, 0 refused\n"
    for other in (name, "results"):
        code, out, _ = tsbench("store", "merge", other, "--store", "all.db")
        assert (code, out) == (0, f"{other}: {2 if other == name else 0} runs copied, 0 conflicts, 0 refused\n")
    code, out, _ = tsbench("submit", "--check", name, "--sample", "1")
    first, second = out.splitlines()
    assert code == 0 and first == "2 runs verified, 0 refused"
    assert second.startswith("repeats: ") and second.endswith("0 of 1029 test cases answered otherwise")
    out = tsbench("boards", "--from", "results", "--out", "boards")[1]
    assert out == "boards/ucr.csv\nboards/ucr.md\nboards/ucr-shared.csv\n"
    assert (tmp_path / "boards" / "ucr.csv").read_text().splitlines()[1].startswith("majority,")


def test_what_is_refused_is_named_and_the_exit_code_is_1(tsbench, filled, tmp_path):
    tsbench(*filled)
    (path,) = (tmp_path / "results").rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    for command in (("store", "merge", path, "--store", "all.db"), ("submit", "--check", path)):
        code, _, err = tsbench(*command)
        assert code == 1 and f"refused: {path}: its content is not what its name says" in err
    assert tsbench("boards", "--from", "results")[0] == 2


def test_what_is_not_at_hand_cannot_be_repeated(tsbench, filled, tmp_path, monkeypatch):
    tsbench(*filled)
    (path,) = (tmp_path / "results").rglob("*.parquet")
    monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.available", lambda handle: False)
    code, out, err = tsbench("submit", "--check", path)
    assert (code, out) == (3, "2 runs verified, 0 refused\n")
    assert err == "2 runs cannot be repeated without ItalyPowerDemand\n"


def test_results_that_contradict_each_other_are_told_and_the_exit_code_is_1(tsbench, filled, tmp_path):
    tsbench(*filled)
    (path,) = (tmp_path / "results").rglob("*.parquet")
    row = shard.read(path)[0]
    shard_of(path.parent, answering(row, y_pred=1 - unpack(row["predictions"]).y_pred))
    code, out, err = tsbench("boards", "--from", "results", "--out", "boards")
    assert code == 1 and "conflict, left out: " in err and "an earlier file has other metrics" in err
    assert "boards/ucr.csv" in out


def test_a_fold_and_a_split_that_the_data_does_not_have_are_said_so(tsbench, filled, tmp_path):
    tsbench(*filled)
    (path,) = (tmp_path / "results").rglob("*.parquet")
    row = shard.read(path)[0]
    odd = shard_of(tmp_path, answering(row, cases=unpack(row["predictions"]).cases + 1))
    code, out, err = tsbench("submit", "--check", odd)
    assert (code, out) == (1, "0 runs verified, 1 refused\n")
    assert "its split is not that of fold 0 of ItalyPowerDemand here" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "majority"), "name --method, --dataset and --out; or --check and a file"),
        (("--check", ".", "--method", "x"), "--check takes a file alone"),
        (("--check", "."), "this is a folder"),
        (("--check", "none.parquet"), "no such file"),
        (("--method", "m", "--dataset", "ucr", "--out", "o", "--store", "none.db"), "no store at none.db"),
    ],
)
def test_wrong_usage_is_one_line(tsbench, words, message):
    code, _, err = tsbench("submit", *words)
    assert code == 2 and message in err
