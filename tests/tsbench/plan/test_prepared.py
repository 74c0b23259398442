"""Steps after a dataset's name: windows are cases of recordings, and nothing about a recording is lost on the way."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError, MethodError, TsbenchWarning, UsageError
from tsbench.methods.applied import parse_transform
from tsbench.methods.cut import cut
from tsbench.plan.datasets import open_dataset
from tsbench.plan.prepared import make_steps, take_apart

PLUGINS = Plugins()
PLUGINS.load_entry_points()


@pytest.mark.parametrize(
    ("name", "known", "base", "steps"),
    [
        ("ward+window=10s:50%", "ward", "ward", ["window:10s:50%"]),
        ("ward+window:10s:50%", "ward", "ward", ["window:10s:50%"]),
        (
            "./w+ard+notch=50hz+window=size=5:overlap=50%",
            "./w+ard",
            "./w+ard",
            ["notch:50hz", "window:size=5:overlap=50%"],
        ),
        ("./a+b/c.csv+minmax", "./a+b/c.csv", "./a+b/c.csv", ["minmax"]),
        ("./a+b", "./a+b", "./a+b", []),
        ("./a+b/c.csv", "", "./a+b/c.csv", []),
        ("./nothing+window=1s", "", "./nothing", ["window:1s"]),
        ("ward+minmax", "ward", "ward", ["minmax"]),
        ("ward+window=", "ward", "ward", ["window:"]),
    ],
)
def test_names_and_steps(name, known, base, steps):
    assert take_apart(name, lambda one: one == known) == (base, steps)


def recordings(lengths=(25, 10, 7, 40), rate=10.0, **fields):
    width = max(lengths)
    X = np.arange(len(lengths) * 2 * width, dtype=float).reshape(len(lengths), 2, width)
    X[np.broadcast_to((np.arange(width) >= np.array(lengths)[:, None])[:, None], X.shape)] = np.nan
    about = {"lengths": lengths, "sampling_rate": rate, "channel_names": ("a", "b"), **fields}
    return Panel.build(X, ["x", "y", "x", "y"], **about)


def windows(panel, text, **folds):
    return cut(Data(panel, folds), parse_transform(text, PLUGINS), text)


def test_windows_are_parts_of_their_recording_with_all_that_is_known_of_it():
    meta = {"subject": np.array(["p", "q", "p", "r"]), "record": np.array(["w", "x", "y", "z"])}
    static = np.arange(8, dtype=np.float32).reshape(4, 2)
    panel = recordings(meta=meta, static=static, text=np.array(list("abcd")))
    out = windows(panel, "window:1s:50%").panel
    of = [0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 3, 3]
    begin = [0, 5, 10, 15, 0, 0, 0, 5, 10, 15, 20, 25, 30]
    assert out.meta["record"].tolist() == [list("wxyz")[i] for i in of]
    assert out.meta["subject"].tolist() == [list("pqpr")[i] for i in of]
    assert out.meta["case"].tolist() == [*(f"w[{k}]" for k in range(4)), "x", "y", *(f"z[{k}]" for k in range(7))]
    assert out.y.tolist() == [0, 0, 0, 0, 1, 0, *[1] * 7] and out.text.tolist() == [list("abcd")[i] for i in of]
    np.testing.assert_array_equal(out.static, static[of])
    assert (
        out.lengths.tolist() == [10] * 5 + [7] + [10] * 7
        and out.sampling_rate == 10
        and out.channel_names == ("a", "b")
    )
    for case, (i, k) in enumerate(zip(of, begin, strict=True)):
        n = out.lengths[case]
        np.testing.assert_array_equal(out.X[case, :, :n], panel.X[i, :, k : k + n])
        assert np.isnan(out.X[case, :, n:]).all()


def test_windows_take_their_recordings_side_of_a_split():
    out = windows(recordings(), "window:10", archive=[Fold(np.array([0, 2]), np.array([1]), np.array([3]))])
    (fold,) = out.folds["archive"]
    assert [part.tolist() for part in fold] == [[0, 1, 3], [2], [4, 5, 6, 7]]


def test_windows_of_a_stretch_of_uneven_time_hold_its_points():
    times = np.array([[0.0, 1, 9, 11, 12, 30, 31, 47.5]])
    panel = Panel.build(np.arange(8.0)[None, None], ["a"], times=times)
    out = windows(panel, "window:10s").panel
    assert out.meta["case"].tolist() == ["0[0]", "0[1]", "0[2]"]  # none observed from 20 to 30, and 40 to 47.5 is none
    assert [row[~np.isnan(row)].tolist() for row in out.X[:, 0]] == [[0, 1, 2], [3, 4], [5, 6]]
    assert [row[~np.isnan(row)].tolist() for row in out.times] == [[0, 1, 9], [11, 12], [30, 31]]


def test_hours_are_windows_of_hours():
    panel = Panel.build(np.arange(6.0)[None, None], ["a"], times=np.array([[0, 0.5, 1.7, 2, 3.2, 4]]), time_unit="h")
    out = windows(panel, "window:120min").panel
    assert out.lengths.tolist() == [3, 2] and out.time_unit == "h"


def test_streamed_recordings_are_cut_as_those_in_memory(tmp_path):
    panel = recordings()
    np.save(tmp_path / "X.npy", panel.X)
    streamed = replace(panel, X=np.load(tmp_path / "X.npy", mmap_mode="r"))
    assert windows(streamed, "window:5:20%").fingerprint() == windows(panel, "window:5:20%").fingerprint()


def test_windows_of_windows_keep_the_recording():
    out = cut(windows(recordings(), "window:10"), parse_transform("window:5", PLUGINS), "window:5").panel
    assert out.meta["case"].tolist()[:5] == ["0[0][0]", "0[0][1]", "0[1][0]", "0[1][1]", "1[0]"]
    assert out.meta["record"].tolist()[:5] == ["0", "0", "0", "0", "1"]


def test_unlabelled_recordings_are_cut_too():
    data = Data(recordings(), unlabelled=recordings().without_labels())
    out = cut(data, parse_transform("window:10", PLUGINS), "window:10")
    assert len(out.unlabelled) == len(out.panel) == 8 and out.unlabelled.y is None


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(InvalidDataError, match=r"window:1s needs the sampling rate.*window:1s:sampling_rate=250hz"):
        windows(recordings(rate=None), "window:1s")
    with pytest.raises(InvalidDataError, match="window:0.01s is shorter than the step"):
        windows(recordings(), "window:10ms")
    wrong = type(
        "Wrong", (type(parse_transform("window", PLUGINS)),), {"cuts": lambda self, series: [[]] * len(series)}
    )
    with pytest.raises(MethodError, match="cuts no part"):
        cut(Data(recordings()), wrong(), "wrong")


TABLE = "case,time,label,subject,a\n" + "".join(
    f"r{case},{i / 10},{'xy'[case % 2]},p{case // 2},{np.sin(i * (1 + case % 2)):.4f}\n"
    for case in range(20)
    for i in range(30 + case % 3)
)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rec.csv").write_text(TABLE)
    return "rec.csv"


def test_a_handle_does_its_steps_and_names_them(table):
    handle = open_dataset(f"{table}+notch=2hz+window=1s:50%", PLUGINS, "")
    assert handle.name == "rec+notch=2hz+window=1s:50%" == handle.card.name
    assert open_dataset(handle.reference, PLUGINS, "").load().fingerprint() == handle.load().fingerprint()
    assert handle.card.group == "subject"
    first = handle.load().panel
    whole = open_dataset(f"{table}+notch=2hz", PLUGINS, "").load().panel
    np.testing.assert_array_equal(first.X[1], whole.X[0, :, 5:15])


def test_without_subjects_no_recording_is_on_both_sides(tmp_path):
    (tmp_path / "rec.csv").write_text(TABLE.replace("subject", "b").replace(",p", ",0"))
    handle = open_dataset(f"{tmp_path}/rec.csv+window=1s", PLUGINS, "")
    assert handle.card.group == "record" and len(set(handle.load().panel.meta["record"])) == 20


def test_a_run_on_windows_splits_subjects_and_names_its_cases(tsbench, table):
    name = f"{table}+window=1s:50%"
    code, _, err = tsbench("run", "--method", "majority", "--dataset", name)
    assert code == 0, err
    from tsbench import Bench

    bench = Bench("tsbench.db")
    seen = {}
    for key in bench.results()["key"]:
        for case in bench.predictions(key)["name"]:
            seen.setdefault(int(case[1:].partition("[")[0]) // 2, set()).add(key)
    assert len(seen) == 10 and all(len(keys) == 1 for keys in seen.values())
    code, out, _ = tsbench("run", "--method", "majority", "--dataset", name)
    assert (code == 0 and "nothing to run" in out + _) or "already" in out + _
    code, out, err = tsbench("leaderboard", name, "--format", "csv")
    assert code == 0 and "rec+window=1s:50%" in out, err


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("+windw=1s", "unknown transform 'windw'; did you mean 'window'"),
        ("+stft", "makes maps"),
        ("+notch=7", "'7' has no unit"),
        ("+window=", "'' is not"),
        ("+notch=5hz", "5 Hz is not below half the sampling rate of 10 Hz"),
    ],
)
def test_bad_steps_are_one_line(tsbench, table, steps, message):
    code, _, err = tsbench("run", "--method", "majority", "--dataset", table + steps)
    assert code in (1, 2) and message in err and "Traceback" not in err


def test_a_collection_takes_steps(tsbench):
    code, out, err = tsbench("data", "list", "bundled+moving-average=3", "--offline")
    assert code == 0 and "GunPoint+moving-average=3 " in out, err
    with pytest.raises(UsageError, match="unknown dataset"):
        open_dataset("GunPoynt+window=3", PLUGINS, "")


def test_a_protocol_refuses_what_makes_cases(tsbench, table, tmp_path):
    text = {"protocols": {"cut": {"probe": "ridge", "transforms": ["window:1s"], "split": {"scheme": "cv"}}}}
    (tmp_path / "mine.yaml").write_text(json.dumps(text))
    code, _, err = tsbench(
        "run", "--registry", "mine.yaml", "--protocol", "cut", "--method", "majority", "--dataset", table
    )
    assert code == 2 and "write it after the dataset, as in --dataset DATASET+window=1s" in err


@pytest.mark.parametrize(
    ("step", "idle"), [("window=10s", True), ("window=1s", False), ("resample=10hz", True), ("resample=5hz", False)]
)
def test_a_step_that_changes_nothing_is_said(step, idle, recwarn):
    (done,) = make_steps([step.replace("=", ":")], "ward", PLUGINS)
    done.done(Data(recordings()))
    found = [str(one.message) for one in recwarn if issubclass(one.category, TsbenchWarning)]
    assert [f"'+{step}' changes none of the series" in text for text in found] == [True] * idle


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("+window=10s:50%", ["+window=overlap=0.5:size=10s", "+window=10000ms:50%"]),
        ("+samples=0.8", ["+samples=0.80", "+samples=8e-1", "+samples:.8"]),
        ("+resample=100hz+bin=1h", ["+resample+bin=60min"]),
    ],
)
def test_steps_that_mean_the_same_give_a_dataset_one_name(one, same):
    texts = [take_apart(f"D{written}", {"D"}.__contains__)[1] for written in [one, *same]]
    assert {"".join(step.suffix for step in make_steps(text, "D", PLUGINS)) for text in texts} == {one}
