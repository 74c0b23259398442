"""tsbench explain, from a run to a picture."""

import csv

import pytest

pytest.importorskip("captum")


@pytest.fixture
def keys(tsbench):
    code, _, err = tsbench(
        *("run", "--method", "supervised,1nn-ed", "--dataset", "UnitTest", "--protocol", "own,ridge,knn"),
        *("--set", "max_steps=3", "--device", "cpu"),
    )
    assert code == 0, err
    _, out, _ = tsbench("results", "--format", "csv")
    return {(row["method"], row["protocol"]): row["key"] for row in csv.DictReader(out.splitlines())}


def test_a_rule_and_a_linear_probe_are_explained(tsbench, keys, tmp_path):
    own, ridge = keys["supervised[max_steps=3,probe=own]", "own"], keys["supervised[max_steps=3]", "ridge"]
    code, out, err = tsbench("explain", "--run", own, "--case", "21", "--out", "a.png", "--device", "cpu")
    assert code == 0, err
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert "integrated gradients: deletion" in out and "random: deletion" in out and "untrained twin" in out
    code, out, err = tsbench("explain", "--run", ridge, "--case", "21", "--out", "a.csv", "--device", "cpu")
    assert code == 0, err
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert len(rows) == 24 and set(rows[0]) >= {"channel", "step", "value", "attribution", "occlusion"}


@pytest.mark.filterwarnings("ignore:ViTST. some cases go on after")  # a test case is longer than those of training
def test_pixels_of_what_a_net_sees_are_explained(tsbench, tmp_path):
    small = ["image_encoder=small-cnn", "cell_size=16", "max_steps=2", "select=last"]
    run = ["run", "--method", "vitst", "--dataset", "UnitTest", "--protocol", "own", "--device", "cpu"]
    code, _, err = tsbench(*run, *(part for one in small for part in ("--set", one)))
    assert code == 0, err
    (row,) = csv.DictReader(tsbench("results", "--format", "csv")[1].splitlines())
    explain = ("explain", "--run", row["key"], "--case", "21", "--over", "pixels", "--device", "cpu", "--out")
    code, out, err = tsbench(*explain, "a.png")
    assert code == 0, err
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG" and "with blank pictures" in out
    assert "too little to tell one order from another" in out  # after two steps
    assert tsbench(*explain, "a.csv")[0] == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert set(rows[0]) >= {"picture", "row", "column", "attribution"} and len(rows) % 4 == 0  # whole tiles of 2 x 2


@pytest.mark.parametrize(
    ("run", "out", "said"),
    [
        (("1nn-ed", "knn"), "a.png", "1nn-ed fits itself and has no gradient"),
        (("supervised[max_steps=3]", "knn"), "a.png", "probe knn is not linear in the features"),
        (("supervised[max_steps=3]", "ridge"), "a.txt", "the name must end in .csv or one of"),
    ],
)
def test_what_cannot_be_explained_is_refused(tsbench, keys, run, out, said):
    code, _, err = tsbench("explain", "--run", keys[run], "--case", "21", "--out", out, "--device", "cpu")
    assert code == 2 and said in err


def test_pixels_of_a_method_without_pictures_are_refused(tsbench, keys):
    own = keys["supervised[max_steps=3,probe=own]", "own"]
    code, _, err = tsbench("explain", "--run", own, "--case", "21", "--over", "pixels", "--out", "a.png")
    assert code == 2 and "--over pixels: supervised sees no pictures when it decides; take --over values" in err
