import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from tsbench.cli.show.dataset import held
from tsbench.cli.show.draw_dataset import draw_dataset, examples
from tsbench.data.dataset import Data
from tsbench.data.panel import Panel

CLINIC = """
import numpy as np
from tsbench import Card, Data, Dataset, Fold, Panel, hookimpl

class Clinic(Dataset):
    card = Card("clinic", summary="Two leads.", source="https://example.org", licence="CC BY 4.0", citation="A 2024",
                cohort="12 adults, one ward", unit="mV", group="subject", normalised=True, default_protocol="knn")
    def load(self):
        X = np.random.default_rng(0).normal(size=(6, 2, 30))
        X[0, 0, 3:6] = np.nan
        lengths = np.array([30, 30, 20, 30, 10, 30])
        for case, length in enumerate(lengths):
            X[case, :, length:] = np.nan
        panel = Panel.build(X, ["sinus", "afib", "sinus", "afib", "sinus", "sinus"], lengths=lengths,
                            channel_names=("I", "II"), sampling_rate=10.0, meta={"subject": np.arange(6)})
        return Data(panel, {"archive": [Fold(np.arange(4), None, np.arange(4, 6))]})

@hookimpl
def tsbench_datasets(register):
    register("clinic", Clinic)
"""


def facts_of(out):
    return dict(line.strip().split("  ", 1) for line in out.splitlines() if line.startswith("  "))


def test_a_card_says_all_that_is_known(tsbench, tmp_path):
    (tmp_path / "clinic.py").write_text(CLINIC)
    code, out, err = tsbench("data", "info", "clinic", "--plugin", "clinic.py")
    assert code == 0, err
    facts = {name: value.strip() for name, value in facts_of(out).items()}
    assert facts["cohort"] == "12 adults, one ward" and facts["licence"] == "CC BY 4.0" and facts["unit"] == "mV"
    assert facts["normalised"] == "yes" and facts["default protocol"] == "knn (the dataset's own split)"
    assert facts["cases"] == "6" and facts["channels"] == "2 (I, II)"
    assert facts["time points"] == "10 to 30 (median 30)"
    assert facts["sampling rate"] == "10 Hz (the longest case takes 3 s)"
    assert facts["missing values"] == "3 (1%)"  # of 2 channels and 150 time points
    assert facts["also per case"] == "subject" and facts["archive split"] == "4 train, 2 test"
    assert facts["classes"] == "2: afib (2, 33.3%), sinus (4, 66.7%)"
    assert len(facts["fingerprint"]) == 64


def test_what_needs_a_split_of_its_own_says_so(tsbench, tmp_path):
    (tmp_path / "own.csv").write_text("label,t0,t1\n" + "a,1,2\nb,2,1\n" * 5)
    out = tsbench("show", "dataset", "./own.csv")[1]
    assert "cross-validated)" in facts_of(out)["default protocol"]
    assert "normalised" in out and "no: a protocol z-scores each channel" in out


def panel_of(n, channels=1, length=5, **fields):
    return Panel.build(np.random.default_rng(0).normal(size=(n, channels, length)), **fields)


QUARTILES = "1 to 6, mean 3, standard deviation 2.16, quartiles 1.5, 2, 4"


@pytest.mark.parametrize(
    ("panel", "name", "text"),
    [
        (panel_of(3), "labels", "none"),
        (panel_of(3, y=np.array([1.0, 2.0, 6.0]), task="regression"), "values", QUARTILES),
        (
            panel_of(4, y=np.array([[1, 0], [1, 1], [0, 0], [1, 0]], np.uint8), task="multilabel", classes=("x", "y")),
            "classes",
            "2: x (3, 75.0%), y (1, 25.0%)",
        ),
    ],
)
def test_labels_of_every_task(panel, name, text):
    assert held(Data(panel))[name] == text


# --- drawing


def draw(panel, tmp_path, index=None, name="odd", file="x.svg"):
    """Draw without any warning; returns what was left out, and the texts of the picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left_out = draw_dataset(name, panel, np.arange(len(panel)) if index is None else index, "part", tmp_path / file)
    found = ElementTree.fromstring((tmp_path / file).read_bytes()).iter("{http://www.w3.org/2000/svg}text")
    return left_out, [element.text for element in found]


def test_plot_shows_training_cases_of_each_class(tsbench, tmp_path):
    (tmp_path / "clinic.py").write_text(CLINIC)
    code, out, err = tsbench("data", "info", "clinic", "--plugin", "clinic.py", "--plot", "clinic.svg")
    assert (code, err) == (0, "") and out.endswith("written to clinic.svg\n")
    text = (tmp_path / "clinic.svg").read_text()
    for case in range(6):
        assert (f">case {case}<" in text) == (case < 4)
    assert ">afib<" in text and ">II<" in text and "training part, values as they are" in text
    code, _, err = tsbench("data", "info", "bundled", "--plot", "a.svg")
    assert code == 2 and "is a collection of 12 datasets" in err
    assert tsbench("data", "info", "Adiac", "--plot", "a.svg")[0] == 3


def test_without_a_split_of_its_own_fold_0_of_the_protocol_is_drawn(tsbench, tmp_path):
    rows = "".join(f"{label},{i},{i + 1}\n" for i in range(20) for label in ("$a^{$", "<b>&\u2603"))
    (tmp_path / "own.csv").write_text("label,t0,t1\n" + rows)
    code, _, err = tsbench("data", "info", "./own.csv", "--plot", "own.svg")
    assert (code, err) == (0, "")
    texts = [e.text for e in ElementTree.parse(tmp_path / "own.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert "$a^{$" in texts and "<b>&\u2603" in texts
    assert any("training part of fold 0 of " in text for text in texts)
    written = (tmp_path / "own.svg").read_bytes()
    tsbench("data", "info", "./own.csv", "--plot", "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == written
    tsbench("data", "info", "./own.csv", "--plot", "own.png")
    assert imread(tmp_path / "own.png").std() > 0.02


def test_what_cannot_be_split_is_drawn_as_a_whole(tsbench, tmp_path):
    (tmp_path / "one.csv").write_text("label,t0\na,1\n")
    code, _, err = tsbench("data", "info", "./one.csv", "--plot", "one.svg")
    assert (code, err) == (0, "")
    assert ">one: all cases, which cannot be split, values as they are<" in (tmp_path / "one.svg").read_text()


def test_many_classes_and_channels_say_what_was_left_out(tmp_path):
    left_out, texts = draw(panel_of(100, channels=64, labels=np.arange(100)), tmp_path)
    assert left_out == "90 of 100 classes, 56 of 64 channels"
    assert "odd: part, values as they are, without 90 of 100 classes, without 56 of 64 channels" in texts
    assert "channel 7" in texts and "channel 8" not in texts


@pytest.mark.parametrize(
    "panel",
    [
        panel_of(5),
        panel_of(1, length=1),
        panel_of(1, labels=["\n\ud800 日本語 العربية"]),
        panel_of(2, channels=3, channel_names=("_a", "$b$", "c" * 99)),
        Panel.build(np.full((2, 1, 4), np.nan), ["a", "b"]),
        panel_of(3, y=np.array([1.0, 2.0, 6.0]), task="regression"),
        panel_of(2, times=np.array([[0.0, 1, 5, 6, 9]] * 2)),
    ],
    ids=["no-labels", "one-point", "letters", "channels", "all-missing", "regression", "times"],
)
def test_odd_data_is_drawn_without_noise(tmp_path, panel):
    left_out, texts = draw(panel, tmp_path)
    assert left_out == "" and "case 0" in texts
    if panel.channel_names:
        assert {"_a", "$b$", "c" * 15 + "…"} <= set(texts)


def test_gaps_and_lengths_are_what_they_are(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    X = np.array([[[1.0, np.nan, 3.0, 4.0, np.nan]], [[5.0, 6.0, 7.0, 8.0, 9.0]]])
    draw_dataset("d", Panel.build(X, ["a", "a"], lengths=[4, 5]), np.array([1, 0]), "part", tmp_path / "x.svg")
    first, second = drawn[0].axes
    assert (first.get_title(), second.get_title()) == ("case 1", "case 0")
    line, alone = second.lines
    np.testing.assert_array_equal(line.get_ydata(), [1, np.nan, 3, 4])
    assert alone.get_xdata().tolist() == [0]  # a line would not show it
    assert first.get_xlim() == second.get_xlim()


def test_examples_are_the_first_of_each_class():
    panel = panel_of(12, labels=["b", "a"] * 6)
    assert examples(panel, np.arange(11, 1, -1)) == [("a", [11, 9, 7]), ("b", [10, 8, 6])]
    assert examples(panel, np.array([1])) == [("a", [1])]
