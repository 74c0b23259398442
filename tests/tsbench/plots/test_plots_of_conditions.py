import pytest

from tests.tsbench.leaderboard.test_table import PROTOCOL, row
from tsbench.errors import UsageError
from tsbench.leaderboard.table import build
from tsbench.plots import labels, robustness
from tsbench.plots.about import About
from tsbench.plots.conditions import boards_under, collected


def read(name):
    base, *conditions = name.split("+")
    return PROTOCOL.model_copy(update={"name": base}).under(conditions)


def made(values):
    """Return a function that makes the board of a protocol from {name: {(method, dataset, seed): value}}."""

    def make(name):
        if name not in values:
            raise UsageError(f"no result under {name}")
        hash_ = read(name).hash()
        rows = [row(m, d, v, s, protocol_hash=hash_) for (m, d, s), v in values[name].items()]
        return build("test", ("A", "B"), read(name), rows, "accuracy")

    return make


def boards(values, kind, names=None):
    return boards_under(read("p"), names or values, read, made(values), kind.varied, kind.EXAMPLE)


VALUES = {
    "p": {("x", "A", 0): 0.8, ("x", "A", 1): 0.6, ("x", "B", 0): 0.4, ("x", "B", 1): 0.4, ("y", "A", 0): 0.9},
    "p+labels=0.1": {("x", "A", 0): 0.5, ("x", "A", 1): 0.5, ("x", "B", 0): 0.3, ("x", "B", 1): 0.1},
    "p+noise=10@test": {("x", "A", 0): 0.2},
    "p+noise=5@test": {("x", "A", 0): 0.1},
    "p+dropout=0.5@all": {("x", "A", 0): 0.3},
    "p+labels=0.1+noise=10@test": {("x", "A", 0): 0.05},
    "p2": {("x", "A", 0): 0.0},
}


def test_there_is_no_mean_over_several_units():
    def make(name):
        hash_ = read(name).hash()
        rows = [{**row("x", of, None, protocol_hash=hash_), "mae": 1.0} for of in "AB"]
        return build("test", ("A", "B"), read(name), rows, "mae", units={"A": "K", "B": unit})

    for unit in ("K", "days"):
        found = boards_under(read("p"), ["p", "p+labels=0.1"], read, make, labels.varied, labels.EXAMPLE)
        if unit == "K":
            assert len(collected(found)) == 2
            continue
        with pytest.raises(UsageError, match="labels of these are in units of their own"):
            collected(found)


def test_labels_are_the_means_over_what_every_share_has():
    found = boards(VALUES, labels)
    assert list(found) == [("", 0.1), ("", 1.0)]
    frame = collected(found)
    assert frame[["level", "method", "n_datasets"]].values.tolist() == [[0.1, "x", 2], [1.0, "x", 2]]
    assert frame["mean"].tolist() == pytest.approx([0.35, 0.55])
    assert frame["std_seeds"].tolist() == pytest.approx([0.1 / 2**0.5, 0.1 / 2**0.5])
    axis = labels.draw(frame, About(scale=100.0)).axes[0]
    (line,) = (line for line in axis.lines if line.get_marker() == "o")
    assert line.get_xydata().tolist() == [pytest.approx([0.1, 35.0]), pytest.approx([1.0, 55.0])]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["10%", "100%"]
    assert [text.get_text() for text in axis.texts] == ["x"]


def test_robustness_has_a_panel_per_corruption_and_the_clean_protocol_in_each():
    frame = collected(boards(VALUES, robustness))
    assert frame[["panel", "level", "mean"]].values.tolist() == [
        ["", 0.0, pytest.approx(0.7)],
        ["dropout@all", 0.5, pytest.approx(0.3)],
        ["noise@test", 5.0, pytest.approx(0.1)],
        ["noise@test", 10.0, pytest.approx(0.2)],
    ]
    dropout, noise = robustness.draw(frame).axes
    assert [axis.get_title(loc="left") for axis in (dropout, noise)] == ["dropout@all", "noise@test"]
    assert [text.get_text() for text in noise.get_xticklabels()] == ["clean", "5", "10"]
    points = [line.get_xydata().tolist() for line in noise.lines if line.get_marker() == "o"]
    assert points == [[pytest.approx([4.4, 0.7])], [pytest.approx([5.0, 0.1]), pytest.approx([10.0, 0.2])]]


def test_what_is_not_there_is_said_with_what_would_help():
    with pytest.raises(UsageError) as error:
        boards(VALUES, labels, ["p", "p+labels=0.5"])
    assert str(error.value) == (
        "this needs results under protocol 'p' and under conditions such as 'p+labels=0.1', and here is 1 of them "
        "(no result under p+labels=0.5)"
    )
    with pytest.raises(UsageError, match="a dataset under each of the conditions"):
        collected(boards({"p": {("x", "A", 0): 0.5}, "p+labels=0.1": {("y", "A", 0): 0.5}}, labels))
