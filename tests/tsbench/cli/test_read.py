"""read, predict, results --predictions and run --train-on, on folders of recordings."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.plugins.clinical_files import edf
from tests.tsbench.reading.wards import ward
from tsbench import Bench
from tsbench.errors import TsbenchWarning

QUICK = ("--set", "max_steps=2", "--set", "min_steps=0")


@pytest.fixture
def ran(tsbench, tmp_path):
    """A store with folds 0 and 1 of ts2vec on a ward, whose keys are returned."""
    ward(tmp_path / "ward")
    code, _, err = tsbench(
        "run", "--method", "ts2vec", "--dataset", "./ward", "--protocol", "linear-cv5", "--fold", "0,1", *QUICK
    )
    assert code == 0, err
    return Bench("tsbench.db").results()["key"].tolist()


def predictions(tsbench, *words):
    code, out, err = tsbench("results", "--predictions", "--format", "csv", *words)
    assert code == 0, err
    return pd.read_csv(io.StringIO(out))


def test_predictions_as_a_table(ran, tsbench, tmp_path):
    found = predictions(tsbench)
    assert found["key"].unique().tolist() == ran and sorted(found["name"]) == sorted(set(found["name"]))
    number = found["name"].str[1:].astype(int)
    assert (found["subject"] == "s" + (number // 2).astype(str)).all()
    assert (found["truth"] == np.where(number % 2, "died", "alive")).all()
    assert found.columns.tolist()[-2:] == ["score:alive", "score:died"]
    assert tsbench("results", "--predictions", "--out", "p.parquet")[0] == 0
    columns = ["case", "name", "truth"]
    pd.testing.assert_frame_equal(pd.read_parquet("p.parquet")[columns], found[columns], check_dtype=False)
    code, out, _ = tsbench("results", "--predictions")
    assert code == 0 and out.count("alive") >= len(found) / 2
    (tmp_path / "ward").rename(tmp_path / "elsewhere")
    assert predictions(tsbench)["subject"].isna().all()


def test_read_by_subject_and_group(ran, tsbench):
    code, out, err = tsbench(
        "read", ran[0], "--all-folds", "--by", "static:sex", "--by", "unit", "--resamples", "100", "--out", "r.json"
    )
    assert code == 0, err
    assert "16 test cases" in out and "of 8 subjects (by subject); positive class: died (the last class" in out
    found = json.loads(Path("r.json").read_text())
    assert found["keys"] == ran and {group["column"] for group in found["groups"]} == {"sex", "unit"}
    code, out, _ = tsbench("read", ran[0], "--against", ran[0], "--format", "csv")
    assert code == 0 and any(line.endswith(",1.0,,,0,False") for line in out.splitlines() if "delong_p" in line)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("read {0} --by height", "--by height: there is no such column"),
        ("read {0} --positive x", "--positive x: choose"),
        ("read {0} --against {1}", "was tested on other cases"),
        ("read none", "no run in tsbench.db has a key"),
    ],
)
def test_what_cannot_be_read(ran, tsbench, words, message):
    code, _, err = tsbench(*words.format(*ran).split())
    assert code == 2 and err.startswith("error: ") and message in err and len(err.splitlines()) == 1


def test_a_run_gives_what_it_gave_of_its_own_recordings(ran, tsbench):
    stored = Bench("tsbench.db").predictions(ran[0]).set_index("name")
    with pytest.warns(TsbenchWarning, match="ward: 24 of 40 cases are cases that the run was trained on: r0"):
        code, _, err = tsbench("predict", "--run", ran[0][:12], "--dataset", "./ward", "--out", "p.csv")
    assert code == 0, err
    again = pd.read_csv("p.csv").set_index("name").loc[stored.index]
    np.testing.assert_allclose(again["score:died"], stored["score:died"], rtol=1e-5)
    assert again["prediction"].tolist() == stored["prediction"].tolist()
    assert again["truth"].tolist() == stored["truth"].tolist()


def test_new_recordings_need_no_label_and_their_channels_no_order(ran, tsbench, tmp_path):
    ward(tmp_path / "new", 6, ("BP", "HR", "extra"), labelled=False, seed=1, statics=False)
    code, out, err = tsbench("predict", "--run", ran[0], "--dataset", "./new")
    assert code == 0, err
    assert out.splitlines()[0] == "name,subject,prediction,score:alive,score:died,weights"
    assert [line.split(",")[:3] for line in out.splitlines()[1:3]] == [["r00", "s0", "alive"], ["r01", "s0", "died"]]


def test_new_recordings_are_as_long_as_those_of_the_run(ran, tsbench, tmp_path):
    new = ward(tmp_path / "new", 4, ("BP", "HR"), labelled=False, seed=1)
    whole = tsbench("predict", "--run", ran[0], "--dataset", "./new")[1]
    for name, times in (("r01", 2), ("r03", 3)):
        head, *rows = (new / f"{name}.csv").read_text().splitlines()
        (new / f"{name}.csv").write_text("\n".join([head, *(rows * times)]) + "\n")
    with pytest.warns(TsbenchWarning, match="new, r01 lasts 60 points, .* from 30 points: the first 30 .* of 1 more"):
        code, out, err = tsbench("predict", "--run", ran[0], "--dataset", "./new")
    assert code == 0 and out == whole, err
    code, out, err = tsbench("predict", "--run", ran[0], "--dataset", "./new+window=30")
    names = [line.partition(",")[0] for line in out.splitlines()[1:]]
    assert code == 0 and names == ["r00", "r01[0]", "r01[1]", "r02", "r03[0]", "r03[1]", "r03[2]"], err
    (new / "r02.csv").write_text("HR,BP\n1,2\n")
    code, _, err = tsbench("predict", "--run", ran[0], "--dataset", "./new")
    assert code != 0 and "error: new, r02 lasts 1 points, and what was learnt from 30 points; give 30 points" in err


def test_values_of_another_unit_are_warned_of(ran, tsbench, tmp_path):
    new = ward(tmp_path / "new", 2, labelled=False, seed=1)
    head, *rows = (new / "r01.csv").read_text().splitlines()
    larger = [",".join(str(1000 * float(cell)) for cell in row.split(",")) for row in rows]
    (new / "r01.csv").write_text("\n".join([head, *larger]) + "\n")
    with pytest.warns(TsbenchWarning, match=r"new, r01: channel \d .* times as much as in what was learnt from"):
        assert tsbench("predict", "--run", ran[0], "--dataset", "./new")[0] == 0


def test_a_training_that_is_done_once_more_is_said_before_and_in_every_row(ran, tsbench, tmp_path):
    ward(tmp_path / "new", 4, labelled=False, seed=1)
    words = ("predict", "--run", ran[0], "--dataset", "./new", "--out", "p.csv")
    assert tsbench(*words)[2] == "" and set(pd.read_csv("p.csv")["weights"]) == {"checkpoint"}
    shutil.rmtree(tmp_path / "tsbench-artifacts")
    with pytest.warns(TsbenchWarning, match="no checkpoint of ts2vec .* trained anew"):
        assert tsbench(*words)[0] == 0
    assert set(pd.read_csv("p.csv")["weights"]) == {"trained anew"}


def test_the_truth_stands_where_a_recording_has_a_label(ran, tsbench, tmp_path):
    new = ward(tmp_path / "new", 8, seed=1)
    rows = (new / "labels.csv").read_text().splitlines()
    labels = ["", "alive", "died", "alive", "", "died", "elsewhere", "", ""]  # the first of the header
    rows[1:] = [",".join([row.split(",")[0], label, "s0,icu"]) for row, label in zip(rows[1:], labels[1:], strict=True)]
    (new / "labels.csv").write_text("\n".join(rows) + "\n")
    code, out, err = tsbench("predict", "--run", ran[0], "--dataset", "./new")
    found = pd.read_csv(io.StringIO(out))
    assert code == 0 and found["truth"].fillna("").tolist() == labels[1:]
    known = found["truth"].isin(["alive", "died"])
    right = (found["truth"] == found["prediction"])[known].mean()
    assert f"4 of 8 cases have a label that the run knows (1 have another): accuracy {right:.3f}, " in err


@pytest.mark.parametrize("form", ["wide", "long", "npz"])
def test_the_truth_of_tables(tsbench, tmp_path, form):
    rng, labels = np.random.default_rng(0), np.array(["a", "b"] * 6)
    X = rng.normal(size=(12, 5)) + 9 * (labels == "b")[:, None]

    def write(path, labels):
        if form == "npz":
            return np.savez(path.with_suffix(".npz"), X=X, y=labels)
        rows = ["label,t0,t1,t2,t3,t4", *(f"{y},{','.join(map(str, x))}" for y, x in zip(labels, X, strict=True))]
        if form == "long":
            rows = ["case,label,x", *(f"c{i},{y},{v}" for i, y in enumerate(labels) for v in X[i])]
        return path.write_text("\n".join(rows) + "\n")

    ending = "npz" if form == "npz" else "csv"
    write(tmp_path / "old.csv", labels)
    assert tsbench("run", "--method", "minirocket-features", "--dataset", f"./old.{ending}", "--fold", "0")[0] == 0
    (key,) = Bench("tsbench.db").results()["key"]
    some = np.where(np.arange(12) % 3, labels, "")
    write(tmp_path / "new.csv", some)
    with pytest.warns(TsbenchWarning, match="new: 6 of 12 cases are cases that the run was trained on"):
        code, out, err = tsbench("predict", "--run", key, "--dataset", f"./new.{ending}")
    assert code == 0 and pd.read_csv(io.StringIO(out))["truth"].fillna("").tolist() == some.tolist()
    assert "8 of 12 cases have a label: accuracy 1.000" in err


def test_what_keeps_no_checkpoint_is_fitted_anew(tsbench, tmp_path):
    ward(tmp_path / "ward")
    assert tsbench("run", "--method", "1nn-ed", "--dataset", "./ward", "--protocol", "own-cv5", "--fold", "0")[0] == 0
    key = Bench("tsbench.db").results()["key"].iloc[0]
    ward(tmp_path / "new", 4, seed=1)
    with pytest.warns(TsbenchWarning, match="1nn-ed keeps no checkpoint"):
        assert set(Bench("tsbench.db").predict(key, "./new")["weights"]) == {"fitted anew"}


def test_bad_recordings_are_left_out_of_what_is_predicted(ran, tsbench, tmp_path):
    new = ward(tmp_path / "new", 4, labelled=False, seed=1)
    (new / "r01.csv").write_text("HR,BP\n1,x\n")
    code, _, err = tsbench("predict", "--run", ran[0], "--dataset", "./new")
    assert code != 0 and "r01.csv:2: column 'BP': 'x' is not a number" in err
    with pytest.warns(TsbenchWarning, match="1 recordings are left out .r01"):
        code, out, _ = tsbench("predict", "--run", ran[0], "--dataset", "./new", "--skip-bad")
    assert code == 0 and [line[:3] for line in out.splitlines()[1:]] == ["r00", "r02", "r03"]


def test_a_board_of_the_positive_class(tsbench, tmp_path):
    ward(tmp_path / "ward")
    assert tsbench("run", "--method", "1nn-ed,majority", "--dataset", "./ward", "--protocol", "own-cv5")[0] == 0
    words = ("leaderboard", "./ward", "--protocol", "own-cv5", "--format", "json", "--metric")
    found = json.loads(tsbench(*words, "auprc_positive")[1])
    cells = {row["method"]: row["cells"]["ward"]["value"] for row in found["rows"]}
    assert cells == {"1nn-ed": 1.0, "majority": pytest.approx(0.5)}
    code, out, _ = tsbench("leaderboard", "./ward", "--protocol", "own-cv5", "--metric", "auprc_positive")
    assert code == 0 and "To be read beside auprc_positive of ward: prevalence 50.0." in out
    code, _, err = tsbench(*words, "brier_positive")
    assert code == 2 and "needs probabilities; there are accuracy" in err
    assert tsbench("run", "--method", "majority", "--dataset", "BasicMotions", "--protocol", "own")[0] == 0
    code, _, err = tsbench("leaderboard", "BasicMotions", "--protocol", "own", "--metric", "auprc_positive")
    assert code == 2 and "auprc_positive is of one class of two, and BasicMotions has 4" in err
    code, _, err = tsbench("tune", "--method", "ts2vec", "--dataset", "./ward", "--metric", "auprc_positive")
    assert code == 2 and "unknown metric 'auprc_positive'" in err


def thermometers(folder, unit, labelled=True, seed=0):
    """Write EDF recordings of a temperature in this unit."""
    folder.mkdir()
    rows = ["recording,label"]
    for i in range(10):
        samples = np.random.default_rng([seed, i]).integers(300, 400, (5, 10)) + 200 * (i % 2)
        (folder / f"r{i}.edf").write_bytes(edf([("Temp", unit, samples)], 1))
        rows.append(f"r{i},{'ab'[i % 2] if labelled else ''}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def test_recordings_in_another_unit_are_refused(tsbench, tmp_path):
    thermometers(tmp_path / "ward", "degC")
    thermometers(tmp_path / "new", "degF", labelled=False)
    thermometers(tmp_path / "other", "degF")
    thermometers(tmp_path / "alike", "C", labelled=False, seed=1)
    assert "Temp degC" in tsbench("data", "info", "./ward")[1]
    assert tsbench("run", "--method", "minirocket-features", "--dataset", "./ward", "--fold", "0")[0] == 0
    (key,) = Bench("tsbench.db").results()["key"]
    said = "channel 'Temp' is in 'degF' (in recording 'r0', say), expected 'degC'"
    code, _, err = tsbench("predict", "--run", key, "--dataset", "./new")
    assert code != 0 and f"new: {said}" in err and len(err.splitlines()) == 1
    assert tsbench("predict", "--run", key, "--dataset", "./alike")[0] == 0
    code, _, err = tsbench("run", "--method", "majority", "--train-on", "./ward", "--dataset", "./other")
    assert code != 0 and f"other: {said}" in err


def rewritten(folder, channel, change):
    """Change a channel of every recording of a ward."""
    for path in folder.glob("r*.csv"):
        frame = pd.read_csv(path)
        frame[channel] = change(frame[channel])
        frame.to_csv(path, index=False)


def test_a_channel_at_another_level_is_warned_of(ran, tsbench, tmp_path):
    rewritten(ward(tmp_path / "new", 6, seed=1), "HR", lambda x: x + 273.15)
    said = r"new: channel 0 \('HR'\) is at 27\d.* \(in 6 of 6 cases: r00, r01, r02 and 3 more\), at 1"
    with pytest.warns(TsbenchWarning, match=said):
        assert tsbench("predict", "--run", ran[0], "--dataset", "./new")[0] == 0
    with pytest.warns(TsbenchWarning, match=said):
        code, _, err = tsbench("run", "--method", "majority", "--train-on", "./ward", "--dataset", "./new")
    assert code == 0, err
    found = Bench("tsbench.db").results().set_index("dataset")
    assert "is at 27" in found.loc["new from ward", "warnings"]


def test_static_values_that_training_lacks_are_warned_of(tsbench, tmp_path):
    ward(tmp_path / "ward")
    words = ("--dataset", "./ward", "--protocol", "linear-cv5+static=append", "--fold", "0", *QUICK)
    assert tsbench("run", "--method", "ts2vec", *words)[0] == 0
    key, new = Bench("tsbench.db").results()["key"].iloc[0], ward(tmp_path / "new", 4, seed=1)
    about = (new / "static.csv").read_text()
    (new / "static.csv").write_text(about.replace(",m", ",Mann").replace("40", "700"))
    with pytest.warns(TsbenchWarning) as caught:
        assert tsbench("predict", "--run", key, "--dataset", "./new")[0] == 0
    said = [str(one.message) for one in caught]
    assert any(text.startswith("new: static age is 700 (in 1 of 4 cases: r00)") for text in said)
    assert any(text.startswith("new: static sex: 'Mann' (2 cases: r00, r01) is in no training case") for text in said)
    (new / "static.csv").write_text(about.replace(",m", ",").replace(",f", ","))
    code, out, err = tsbench("predict", "--run", key, "--dataset", "./new")
    assert code == 0 and len(out.splitlines()) == 5, err


def test_the_truth_of_several_labels_says_which_is_none(tsbench, tmp_path):
    ward(tmp_path / "ward", classes=("1,0", "0,1"))
    table = tmp_path / "ward" / "labels.csv"
    table.write_text(table.read_text().replace("label,", "label_a,label_b,", 1))
    words = ("--method", "minirocket-features", "--dataset", "./ward", "--protocol", "ridge-cv5", "--fold", "0")
    code, _, err = tsbench("run", *words)
    assert code == 0, err
    key, new = Bench("tsbench.db").results()["key"].iloc[0], ward(tmp_path / "new", 3, seed=1)
    (new / "labels.csv").write_text("recording,label_a,label_b,subject,unit\nr00,0,0,s,i\nr01,,,s,i\nr02,0,1,s,i\n")
    code, out, err = tsbench("predict", "--run", key, "--dataset", "./new")
    found = pd.read_csv(io.StringIO(out))
    assert code == 0, err
    assert found["labelled"].tolist() == [True, False, True]
    assert found["truth"].fillna("").tolist() == ["", "", "b"]


def test_what_cannot_be_predicted(ran, tsbench, tmp_path):
    ward(tmp_path / "other", 4, ("HR", "SpO2"), labelled=False)
    code, _, err = tsbench("predict", "--run", ran[0], "--dataset", "./other")
    assert code != 0 and "other: its series have no BP; it has HR, SpO2" in err and len(err.splitlines()) == 1
    (tmp_path / "ward").rename(tmp_path / "elsewhere")
    code, _, err = tsbench("predict", "--run", ran[0], "--dataset", "./other")
    assert code != 0 and "ward" in err and len(err.splitlines()) == 1


def test_external_validation(tsbench, tmp_path):
    ward(tmp_path / "a", 12)
    ward(tmp_path / "b", 8, ("BP", "HR"), seed=1)
    words = ("run", "--method", "majority", "--train-on", "./a", "--dataset", "./b")
    code, out, err = tsbench(*words)
    assert code == 0 and "tsbench leaderboard " in out, err
    row = Bench("tsbench.db").results().iloc[0]
    assert (row["dataset"], row["n_train"], row["n_test"]) == ("b from a", 12, 8)
    found = predictions(tsbench)
    assert found["name"].tolist() == [f"r{i:02}" for i in range(8)] and found["subject"].iloc[0] == "b:s0"
    assert tsbench(*words)[1].startswith("1 runs: 0 succeeded, 1 already")
    assert tsbench("leaderboard", "./b from ./a")[0] == 0
    code, _, err = tsbench(*words, "--protocol", "own-cv5")
    assert code == 2 and "splits the cases of both; take one on the archive split" in err


def test_external_validation_on_a_copy_is_refused_and_on_a_part_of_it_warned_of(tsbench, tmp_path):
    ward(tmp_path / "a", 12)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    words = ("run", "--method", "majority", "--train-on", "./a", "--dataset", "./b")
    code, out, err = tsbench(*words)
    assert code != 0 and "b has the 12 cases of a under another name" in out + err
    (tmp_path / "b" / "r05.csv").unlink()
    for name in ("labels.csv", "static.csv"):
        rows = (tmp_path / "b" / name).read_text().splitlines()
        (tmp_path / "b" / name).write_text("\n".join(row for row in rows if not row.startswith("r05")) + "\n")
    said = "b: 11 of its 11 cases are cases of a too, and so trained on: r00, r01, r02 and 8 more"
    with pytest.warns(TsbenchWarning, match=said):
        assert tsbench(*words)[0] == 0
    assert said in Bench("tsbench.db").results().iloc[0]["warnings"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"channels": ("HR", "SpO2")}, "b: its series have no BP"),
        ({"classes": ("alive", "sepsis")}, "a has other labels than b"),
        ({"statics": False}, "b has no static values"),
    ],
)
def test_what_does_not_match_is_refused(tsbench, tmp_path, other, message):
    ward(tmp_path / "a", 12)
    ward(tmp_path / "b", 8, **other)
    code, out, err = tsbench("run", "--method", "majority", "--train-on", "./a", "--dataset", "./b")
    assert code != 0 and message in out + err
