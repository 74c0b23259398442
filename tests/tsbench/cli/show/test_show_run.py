import json
import math
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.cli.show.run import confusion_lines, curve_lines
from tsbench.store.store import Store
from tsbench.tasks.score import Predictions, metrics_of

KEY = make_spec().key


def predicted(y_true, y_pred, classes):
    y_true, y_pred = np.asarray(y_true, np.int32), np.asarray(y_pred, np.int32)
    return Predictions(
        np.arange(len(y_true), dtype=np.int32), y_true, y_pred, np.eye(len(classes), dtype=np.float32)[y_pred], classes
    )


def with_predictions(found, **fields):
    return make_result(predictions=found, metrics=metrics_of(found), **fields)


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "tsbench.db"))
    yield store
    store.close()


def test_a_run_is_shown_with_its_curve_and_confusion(store, tsbench):
    found = predicted([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], ("up", "down", "sideways\n"))
    given = {"durations": {"fit": 1.5}, "warnings": ("the loss rose",), "peak_memory_bytes": 300 * 2**20}
    given |= {"facts": {"memory_at_start_bytes": 200 * 2**20}}
    store.record(with_predictions(found, curve=[(10, 4.0), (20, 2.0), (30, 1.0)], **given), {"torch": "9.9"})
    code, out, err = tsbench("show", "run", KEY[:6])
    assert code == 0, err
    lines = out.splitlines()
    for line in (
        "  peak memory     300 MiB beyond the 200 MiB its process held before",
        "  fit  1.5",
        "  torch  9.9",
        "warning: the loss rose",
    ):
        assert line in lines
    at = lines.index("loss, steps 10 to 30: first 4, last 1, lowest 1")
    assert lines[at + 1] == "  █▃▁"
    at = lines.index("confusion (a row per true class, a column per predicted one)")
    assert lines[at + 1 : at + 5] == [
        "                1  2  3  recall",
        "  1 up          2  1  0    0.67",
        "  2 down        0  2  0    1.00",
        "  3 sideways\\n  1  0  0    0.00",
    ]


def test_the_same_as_json(store, tsbench):
    found = predicted([0, 1], [0, 0], ("a", "b"))
    store.record(with_predictions(found, curve=[(1, math.nan), (2, 0.5)]), ENVIRONMENT)
    code, out, _ = tsbench("show", "run", KEY, "--json")
    content = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert (content["confusion"], content["classes"]) == ([[1, 0], [1, 0]], ["a", "b"])
    assert content["attempts"][0]["curve"] == [[1, None], [2, 0.5]]
    assert content["metrics"]["accuracy"] == 0.5 and content["repeat"][0].startswith("tsbench run --method m ")


def test_a_failed_run_shows_what_went_wrong(store, tsbench, tmp_path):
    failed = {
        "status": "failed",
        "metrics": {},
        "predictions": None,
        "error": "ValueError: no",
        "traceback": "T\nline 3",
    }
    store.record(make_result(**failed), ENVIRONMENT)
    code, out, _ = tsbench("show", "run", KEY)
    assert code == 0 and "  status          failed\n" in out
    assert "error: ValueError: no\n  T\n  line 3\n" in out and "confusion" not in out and "repeat: " in out
    code, _, err = tsbench("show", "run", KEY, "--plot", "run.svg")
    assert code == 2 and "neither a training curve nor predictions (status failed)" in err
    assert not (tmp_path / "run.svg").exists()


def test_a_later_failure_is_told_beside_the_result_that_stays(store, tsbench):
    store.record(make_result(durations={"fit": 1.5}), ENVIRONMENT)
    store.record(make_result(status="oom", metrics={}, predictions=None, error="too large"), ENVIRONMENT)
    out = tsbench("show", "run", KEY)[1]
    assert "a later attempt (oom) left this result as it is: too large" in out
    assert "  attempts        succeeded, oom\n" in out and "  fit  1.5\n" in out and "\nerror: " not in out


def test_many_classes_are_told_by_what_is_confused_most():
    matrix = (8 * np.eye(12, dtype=int)).tolist()
    matrix[3][5], matrix[3][3], matrix[7][0] = 6, 2, 1
    matrix[11] = [0] * 12  # no case of it
    lines = list(confusion_lines(matrix, [f"c{i}" for i in range(12)]))
    assert lines == [
        "most confused of 12 classes (true > predicted)",
        "  c3 > c5: 6 of 8",
        "  c7 > c0: 1 of 9",
        "lowest recall (9 of 12 classes have 1.00)",
        "  c3: 0.25 (2 of 8)",
        "  c7: 0.89 (8 of 9)",
    ]


def test_short_names_head_the_columns_and_long_ones_are_cut():
    assert next(line for line in confusion_lines([[1, 0], [0, 20]], ["a", "bb"]) if "recall" in line) == (
        "       a  bb  recall"
    )
    lines = list(confusion_lines([[1, 0], [0, 1]], ["x" * 200, "日本語" * 20]))
    assert max(map(len, lines)) < 80


@pytest.mark.parametrize(
    ("curve", "lines"),
    [
        ([], []),
        ([(1, 2.0)], ["loss, steps 1 to 1: first 2, last 2, lowest 2", "  ▁"]),
        ([(1, 2.0), (2, 2.0)], ["loss, steps 1 to 2: first 2, last 2, lowest 2", "  ▁▁"]),
        ([(1, 2.0), (2, math.inf), (3, 1.0)], ["loss, steps 1 to 3: first 2, last 1, lowest 1", "  █?▁"]),
        ([(1, math.nan)], ["loss, steps 1 to 1: never finite"]),
        ({}, []),
        (
            {"main: images": [(1, 2.0)], "main: views": [(2, 3.0), (4, 1.0)], "none": []},
            [
                "main: images, steps 1 to 1: first 2, last 2, lowest 2",
                "  ▁",
                "main: views, steps 2 to 4: first 3, last 1, lowest 1",
                "  █▁",
            ],
        ),
    ],
)
def test_curves(curve, lines):
    assert list(curve_lines(curve)) == lines


def test_a_long_curve_fits_a_line():
    *_, bars = curve_lines([(step, 1 / (1 + step)) for step in range(1234)])
    assert len(bars.strip()) == 60 and bars.strip()[0] == "█" and bars[-1] == "▁"


# --- drawing


def test_plot_draws_what_there_is(store, tsbench, tmp_path):
    found = predicted([0, 1, 1], [0, 0, 1], ("$x^{2$ <b>&", "日本 \ud800"))
    store.record(with_predictions(found, curve=[(1, 1.0), (2, 0.5)]), ENVIRONMENT)
    code, out, err = tsbench("show", "run", KEY, "--plot", "run.svg")
    assert (code, err) == (0, "") and "written to run.svg" in out
    written = (tmp_path / "run.svg").read_bytes()
    texts = [element.text for element in ElementTree.fromstring(written).iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("$x^{2$ <b>&") == 2 and "日本 \\ud800" in texts and "mean loss" in texts
    tsbench("show", "run", KEY, "--plot", "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == written
    tsbench("show", "run", KEY, "--plot", "run.png")
    assert imread(tmp_path / "run.png").std() > 0.05


def test_the_curves_of_several_losses_are_stored_shown_and_drawn_under_their_names(store, tsbench, tmp_path):
    curve = {"_images": [(1, 2.0), (2, math.nan)], "$x^{2$": [(2, 3.0)]}
    store.record(make_result(curve=curve), ENVIRONMENT)
    _, out, _ = tsbench("show", "run", KEY, "--json")
    assert json.loads(out)["attempts"][0]["curve"] == {"_images": [[1, 2.0], [2, None]], "$x^{2$": [[2, 3.0]]}
    code, out, err = tsbench("show", "run", KEY, "--plot", "run.svg")
    assert (code, err) == (0, "") and "\n_images, steps 1 to 2: " in out and "\n$x^{2$, steps 2 to 2: " in out
    root = ElementTree.fromstring((tmp_path / "run.svg").read_bytes())
    texts = [element.text.strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "_images" in texts and "$x^{2$" in texts


def test_plot_of_many_classes_and_no_curve(store, tsbench, tmp_path):
    classes = tuple(f"class {i}" for i in range(100))
    store.record(with_predictions(predicted(np.arange(100), np.arange(100)[::-1], classes)), ENVIRONMENT)
    code, _, err = tsbench("show", "run", KEY, "--plot", "run.png")
    assert (code, err) == (0, "")
    assert imread(tmp_path / "run.png").std() > 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", KEY, "--plot", "run.xls"), "--plot run.xls: the name must end in one of .png"),
        (("run", KEY, "--plot", "none/run.png"), "there is no folder none"),
        (("method", "trls", "--plot", "a.png"), "--plot is for"),
        (("dataset", "GunPoint", "--json"), "--json is for"),
        (("run", "zz"), "no run in"),
        (("run", ""), "more than one run in"),
    ],
)
def test_mistakes_are_named(store, tsbench, arguments, message):
    store.record(make_result(), ENVIRONMENT)
    store.record(make_result(make_spec(1)), ENVIRONMENT)
    code, _, err = tsbench("show", *arguments)
    assert code == 2 and message in err


def test_without_matplotlib_the_message_says_what_to_install(store, tsbench, monkeypatch):
    store.record(make_result(), ENVIRONMENT)
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "matplotlib" else find(name, *a))
    code, _, err = tsbench("show", "run", KEY, "--plot", "run.png")
    assert code == 2 and 'pip install "tsbench[plots]"' in err


def test_showing_a_run_imports_neither_torch_nor_matplotlib(store, tmp_path):
    store.record(make_result(), ENVIRONMENT)
    code = f"import sys\nfrom tsbench.cli import main\ntry: main(['show', 'run', '{KEY}'])\n"
    code += "except SystemExit: print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert f"run {KEY}" in out
    assert not {"torch", "matplotlib", "optuna"} & set(out.splitlines()[-1].split())
