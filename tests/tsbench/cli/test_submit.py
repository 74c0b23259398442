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
    merge, diff = ("store", "merge", path, "--store", "all.db"), ("diff", path, "tsbench.db")
    for command in (merge, diff, ("submit", "--check", path)):
        code, _, err = tsbench(*command)
        assert code == 1 and f"refused: {path}: its content is not what its name says" in err
        assert ("1 rows or files of the evidence do not count: the comparison lacks them" in err) == (command is diff)
    assert tsbench("boards", "--from", "results")[0] == 2


@pytest.mark.parametrize(
    ("methods", "datasets", "said"),
    [
        ("majorty", "ucr", "--method majorty: no run in tsbench.db is of it; did you mean 'majority'?"),
        ("majority,nosuch", "ucr", "--method nosuch: no run in tsbench.db is of it"),
        ("majority[max_steps=5]", "ucr", "--method majority[max_steps=5]: no run in tsbench.db is of it"),
        ("majority", "GunPoint", "--dataset GunPoint: no run in tsbench.db is of it"),
        ("majority", "uea", "--dataset uea: tsbench.db has no run of a dataset of this collection"),
        ("majority,", "ucr,Nothing", "--dataset Nothing: no run in tsbench.db is of it"),
    ],
)
def test_names_that_nothing_has_are_refused(tsbench, filled, tmp_path, methods, datasets, said):
    code, out, err = tsbench("submit", "--method", methods, "--dataset", datasets, "--out", "results")
    assert (code, out) == (2, "") and said in err and not list((tmp_path / "results").glob("**/*.parquet"))


def test_a_label_stands_for_its_runs_alone(tsbench, filled):
    run = ("run", "--method", "simclr", "--dataset", "ItalyPowerDemand", "--offline", "--set")
    for steps in (1, 2):
        assert tsbench(*run, f"max_steps={steps}", "--set", "batch_size=8")[0] == 0
    code, out, _ = tsbench("submit", "--method", "simclr[batch_size=8,max_steps=1]", *filled[3:])
    assert code == 0 and out.endswith("1 runs written, 0 there already, 0 refused\n")
    assert tsbench("submit", "--method", "simclr", *filled[3:])[1].endswith(
        "1 runs written, 1 there already, 0 refused\n"
    )


def test_methods_that_have_no_run_on_the_datasets_are_no_success(tsbench, filled):
    assert tsbench("run", "--method", "1nn-ed", "--dataset", "GunPoint", "--offline")[0] == 0
    asked = ("--method", "1nn-ed", "--dataset", "ItalyPowerDemand", "--out", "results")
    code, out, err = tsbench("submit", *asked)
    assert (code, out) == (2, "") and "tsbench.db has no succeeded run of 1nn-ed on ItalyPowerDemand" in err


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
