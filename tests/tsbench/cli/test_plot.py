"""tsbench plot: every kind to every format, from real runs; what is refused."""

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.tsbench.store.test_store import make_result, make_spec
from tsbench.cli.plot import plot
from tsbench.store.store import Store
from tsbench.tasks.score import Predictions

KINDS = tuple(plot.commands)
MAGIC = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
NAMES = ("Adiac", "BeetleFly", "BME")  # which no library brings
ODD = "$x_1$<b>"


@pytest.fixture
def keys(tmp_path, registry):
    """Fill tsbench.db with runs of two methods on three datasets under a protocol and its conditions."""
    import numpy as np

    store, found = Store(str(tmp_path / "tsbench.db")), {}
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], np.float32)
    truth = np.array([0, 1, 1], np.int32)
    answer = Predictions(np.arange(3, dtype=np.int32), truth, scores.argmax(1).astype(np.int32), scores, ("a", "b"))
    answer = Predictions(**{**vars(answer), "probabilities": True})
    for number, protocol in enumerate(("linear", "linear+labels=0.1", "linear+noise=10@test")):
        for method in ("m", "n"):
            for place, name in enumerate(NAMES):
                about = {"method": method, "dataset": name, "protocol": registry.protocol(protocol)}
                spec = make_spec(**about, overrides={"a": ODD} if method == "n" else {})
                value = 0.9 - 0.1 * number - 0.05 * place - 0.2 * (method == "n")
                done = {"durations": {"fit": 1.0 + place}, "curve": [[1, 2.0], [2, 1.0]], "predictions": answer}
                store.record(make_result(spec, metrics={"accuracy": value}, **done), {})
                found.setdefault(protocol, []).append(spec.key)
    store.close()
    return found["linear"]


def arguments(kind, keys):
    if kind in ("curves", "calibration"):
        return [keys[0], keys[3]]
    return [*NAMES, "--protocol", "linear"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tsne"])
def test_every_kind_is_drawn_to_every_format_with_its_numbers(kind, keys, tsbench, tmp_path):
    for form, magic in MAGIC.items():
        given = (*arguments(kind, keys), "--out", f"a.{form}", "--data", f"{form}.csv")
        code, out, err = tsbench("plot", kind, *given)
        assert (code, err, out) == (0, "", f"written to a.{form} and {form}.csv\n")
        assert (tmp_path / f"a.{form}").read_bytes().startswith(magic)
    assert len(pd.read_csv(tmp_path / "svg.csv"))
    first = (tmp_path / "a.svg").read_bytes()
    assert tsbench("plot", kind, *arguments(kind, keys), "--out", "b.svg")[0] == 0
    assert (tmp_path / "b.svg").read_bytes() == first and b"<dc:date>" not in first
    root = ElementTree.fromstring(first)
    drawn = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    if kind != "matrix":
        assert any(ODD in (text or "") for text in drawn), drawn
    assert not list(tmp_path.glob("*.tmp")) and not list(tmp_path.glob(".*.tmp"))


def test_tsne_encodes_by_the_checkpoint_of_a_run(tsbench, tmp_path):
    given = ("--method", "simclr", "--dataset", "UnitTest", "--protocol", "linear", "--offline", "--set", "max_steps=2")
    assert tsbench("run", *given)[0] == 0
    key = pd.read_csv(__import__("io").StringIO(tsbench("results", "--format", "csv")[1]))["key"].item()
    for out in ("a.svg", "b.svg"):
        code, _, err = tsbench("plot", "tsne", key[:10], "--out", out, "--data", "t.csv", "--device", "cpu")
        assert code == 0, err
    frame = pd.read_csv(tmp_path / "t.csv")
    assert len(frame) == 22 and set(frame.columns) == {"run", "case", "class", "x", "y", "silhouette"}
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("plot scater Adiac --out a.svg", "did you mean 'scatter'?"),
        ("plot cd Adiac --protocol linear --out a.svg", "this needs 2 methods on 2 datasets"),
        ("plot cd Adiac BME --protocol linear --method m --out a.svg", "here 1 method has 2 datasets in common"),
        ("plot cd Adiac --out a.xls", "--out a.xls: the name must end in one of .png"),
        ("plot cd Adiac --out a.svg --data a.txt", "--data a.txt: choose a file that ends in .csv"),
        ("plot cd Adiac --out none/a.svg", "there is no folder none"),
        ("plot scatter Adiac --protocol linear --method m --out a.svg", "compares two methods, and the board has 1"),
        ("plot box Adiac --protocol linear --reference k --out a.svg", "--reference k: it is not among"),
        ("plot labels Adiac --protocol ridge --out a.svg", "needs results under protocol 'ridge'"),
        ("plot curves zz --out a.svg", "no run in"),
        ("plot tsne KEY --out a.svg", "unknown method 'm'"),
        ("plot curves KEY KEY --out a.svg", "a run is named twice"),
    ],
)
def test_mistakes_are_one_line(given, said, keys, tsbench, tmp_path):
    code, out, err = tsbench(*given.replace("KEY", keys[0]).split())
    assert (code, out) == (2, "") and said in err and not (tmp_path / "a.svg").exists()
    assert err.count("\n") == 1 or err.startswith("Usage:")


def test_without_matplotlib_the_extra_is_named(keys, tsbench, monkeypatch):
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "matplotlib" else find(name, *a))
    code, _, err = tsbench("plot", "cd", *NAMES, "--out", "a.png")
    assert code == 2 and err == 'error: drawing needs matplotlib: pip install "tsbench[plots]"\n'


def test_a_picture_that_fails_leaves_the_old_file(keys, tsbench, tmp_path, monkeypatch):
    (tmp_path / "a.svg").write_text("old")
    monkeypatch.setattr("tsbench.plots.cd.draw", lambda *a: 1 / 0)
    assert tsbench("plot", "cd", *NAMES, "--protocol", "linear", "--out", "a.svg")[0] != 0
    assert (tmp_path / "a.svg").read_text() == "old"


def test_every_kind_is_on_the_page():
    page = (ROOT / "docs" / "plots.md").read_text()
    assert set(KINDS) <= set(re.findall(r"tsbench plot (\w+)", page))
