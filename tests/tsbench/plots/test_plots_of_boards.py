"""What is drawn of boards: the values, not the pixels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.tsbench.leaderboard.test_table import PROTOCOL, board, row
from tsbench.errors import UsageError
from tsbench.leaderboard.table import build
from tsbench.plots import box, cd, cost, matrix, mcm, scatter
from tsbench.plots.about import About, about
from tsbench.plots.marks import mark, spread

ODD = "$x_1$ <b>&%\\"
DATASETS = tuple(f"D{number:02}" for number in range(12))


def values(labels=("x", "y", ODD), datasets=DATASETS):
    """Return a board on which each method is a tenth below the one before, but for a little that differs."""
    rows = [
        row(label, dataset, 0.9 - 0.1 * i - 0.002 * i * j, key=f"{i}.{j}")
        for i, label in enumerate(labels)
        for j, dataset in enumerate(datasets)
    ]
    return board(rows, datasets)


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def note(figure):
    return " ".join(figure.get_supxlabel().split())


def test_cd_draws_average_ranks_and_a_bar_where_nothing_is_told_apart():
    frame = cd.numbers(values())
    assert frame.values.tolist() == [
        ["x", 1.0, "1", 12, 0.05],
        ["y", 2.0, "2", 12, 0.05],
        [ODD, 3.0, "3", 12, 0.05],
    ]
    figure = cd.draw(frame, About("title"))
    assert {"x  1.00", "y  2.00", f"{ODD}  3.00"} <= {*texts(figure)}
    alike = pd.DataFrame([["a", 1.25, "1", 9, 0.1], ["b", 1.75, "1 2", 9, 0.1], ["c", 3.0, "2", 9, 0.1]])
    figure = cd.draw(alike.set_axis(frame.columns, axis=1))
    bars = [line.get_xdata().tolist() for line in figure.axes[0].lines if line.get_linewidth() == 2.5]
    assert bars == [[1.25, 1.75], [1.75, 3.0]]
    assert "test at 0.1 with Holm's" in note(figure) and "no proof" in note(figure)


def test_cd_says_where_no_test_could_tell_anything():
    frame = cd.numbers(values(datasets=DATASETS[:2]))
    assert frame["groups"].tolist() == ["", "", ""]
    assert "No bars" in note(cd.draw(frame))


def test_mcm_has_each_pair_both_ways():
    frame = mcm.numbers(values())
    first = frame[(frame["row"] == "x") & (frame["column"] == "y")].iloc[0]
    assert first["difference"] == pytest.approx(0.111) and first[["wins", "ties", "losses"]].tolist() == [12, 0, 0]
    assert first["row_mean"] == pytest.approx(0.9) and len(frame) == 6
    drawn = texts(mcm.draw(frame, about(values())))
    assert len(drawn) == 6 and "+11.1\n12/0/0\np < 0.001" in drawn and "-11.1\n0/0/12\np < 0.001" in drawn


def test_matrix_draws_every_number_and_hatches_what_is_missing():
    result = board([row("x", "A", 0.5), row("x", "B", 0.25), row("y", "B", 0.75)])
    frame = matrix.numbers(result)
    assert frame.set_index(["method", "dataset"])["rank"].dropna().to_dict() == {
        ("x", "A"): 1,
        ("x", "B"): 2,
        ("y", "B"): 1,
    }
    figure = matrix.draw(frame, about(result))
    axis = figure.axes[0]
    weights = {text.get_text(): text.get_fontweight() for text in axis.texts}
    assert weights == {"50.0": "bold", "25.0": "normal", "75.0": "bold"}
    assert [patch.get_hatch() for patch in axis.patches] == ["////"]


def test_of_errors_the_lowest_is_the_darkest():
    rows = [{**row(label, "A", np.nan), "mae": value} for label, value in (("x", 2.0), ("y", 1.0))]
    result = build("test", ("A",), PROTOCOL, rows, "mae", units={"A": "days"})
    assert matrix.numbers(result).set_index("method")["rank"].to_dict() == {"x": 2, "y": 1}
    assert (about(result).sign, about(result).scale, about(result).value) == (-1, 1.0, "mae in days, low is good")


def test_scatter_draws_a_point_per_dataset_and_counts():
    result = board([row("x", "A", 0.5), row("y", "A", 0.5), row("x", "B", 0.25), row("y", "B", 0.75)])
    frame = scatter.numbers(result)
    assert frame.columns.tolist() == ["dataset", "y", "x"]
    assert frame.values.tolist() == [["A", 0.5, 0.5], ["B", 0.75, 0.25]]
    figure = scatter.draw(frame, about(result))
    lines = [line for line in figure.axes[0].lines if line.get_marker() in ("^", "o", "v")]
    points = {line.get_label(): line.get_xydata().tolist() for line in lines}
    assert points == {"x better: 0": [], "both alike: 1": [[50, 50]], "y better: 1": [[75, 25]]}
    assert texts(figure) == ["B"]


TIED = [(0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3]  # which differ in the last bit


def test_what_differs_in_the_last_bit_is_a_tie():
    result = board([row("x", "A", TIED[0]), row("y", "A", TIED[1]), row("x", "B", 0.2), row("y", "B", 0.2)])
    assert TIED[0] != TIED[1] and matrix.numbers(result)["rank"].tolist() == [1.0] * 4
    figure = scatter.draw(scatter.numbers(result), about(result))
    labels = {line.get_label() for line in figure.axes[0].lines if line.get_marker() in ("^", "o", "v")}
    assert labels == {"x better: 0", "both alike: 2", "y better: 0"} and texts(figure) == []
    assert cost.numbers(costly(x=(TIED[0], 1.0), y=(TIED[1], 1.0)))["front"].tolist() == [True, True]


def in_units(**units):
    """Return a board of errors of two methods on twelve datasets of these units."""
    rows = [
        {**row(label, name, np.nan), "mae": value} for label, value in (("x", 1.0), ("y", 2.0)) for name in DATASETS
    ]
    return build("test", DATASETS, PROTOCOL, rows, "mae", units=dict.fromkeys(DATASETS, "K") | units)


@pytest.mark.parametrize("kind", [mcm, box, cost])
def test_what_compares_between_datasets_needs_one_unit(kind):
    if kind is not cost:
        assert len(kind.numbers(in_units()))
    with pytest.raises(UsageError, match="labels of these are in units of their own: name datasets of one unit"):
        kind.numbers(in_units(D03="days"))


def test_ranks_over_several_units_have_no_bars():
    for result, said in ((in_units(), "Bars join methods"), (in_units(D03="days"), "No bars: the labels of these")):
        frame = cd.numbers(result)
        assert frame["rank"].tolist() == [1.0, 2.0]
        assert said in note(cd.draw(frame, about(result)))
    assert frame["groups"].tolist() == ["", ""]


def test_box_draws_values_and_differences():
    result = board([row("x", "A", 0.5), row("y", "A", 0.5), row("x", "B", 0.25), row("y", "B", 0.75)])
    assert box.numbers(result)["value"].tolist() == [0.5, 0.75, 0.5, 0.25]
    frame = box.numbers(result, "x")
    assert frame.values.tolist() == [["y", "A", 0.0], ["y", "B", 0.5]]
    figure = box.draw(frame, about(result), "x")
    (points,) = (line for line in figure.axes[0].lines if line.get_marker() == ".")
    assert points.get_xdata().tolist() == [0.0, 50.0]
    with pytest.raises(UsageError, match="--reference Y: it is not among the complete methods; did you mean 'y'?"):
        box.numbers(result, "Y")


def costly(**seconds):
    """Return a board of one dataset with what its methods took."""
    result = board([row(label, "A", value) for label, (value, _) in seconds.items()])
    places = pd.MultiIndex.from_product([list(seconds), ["A"]], names=["method", "dataset"])
    costs = pd.DataFrame({"fit_seconds": [one for _, one in seconds.values()]}, index=places)
    result.costs[["fit_seconds", "probe_seconds", "peak_memory_bytes"]] = costs.assign(p=0.0, m=0.0)
    return result


def test_cost_marks_what_no_other_beats_in_both():
    result = costly(slow=(0.9, 100.0), worse=(0.8, 200.0), fast=(0.5, 0.0), twin=(0.5, 1.0))
    frame = cost.numbers(result)
    assert frame["method"].tolist() == ["fast", "twin", "slow", "worse"]
    assert frame["front"].tolist() == [True, False, True, False]
    figure = cost.draw(frame, about(result))
    squares, dots = (next(line for line in figure.axes[0].lines if line.get_marker() == kind) for kind in "so")
    np.testing.assert_allclose(squares.get_xydata(), [[0.25, 50.0], [100.0, 90.0]])
    np.testing.assert_allclose(dots.get_xydata(), [[1.0, 50.0], [200.0, 80.0]])
    assert {*frame["method"]} <= {*texts(figure)}


def test_cost_needs_seconds():
    with pytest.raises(UsageError, match="seconds of the training of some method"):
        cost.numbers(costly(x=(0.5, np.nan)))


NEEDS = {cd: (2, 2), mcm: (2, 2), scatter: (2, 1), box: (1, 1), matrix: (1, 1)}


@pytest.mark.parametrize("kind", [cd, mcm, scatter])
def test_one_method_is_refused_in_one_line(kind):
    with pytest.raises(UsageError) as error:
        kind.numbers(values(labels=("x",)))
    assert "two methods" in str(error.value) or "needs 2 methods" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_missing_is_said_with_its_cure():
    result = board([row("x", "A", 0.5), row("x", "B", 0.5), row("y", "A", 0.5)])
    with pytest.raises(UsageError) as error:
        cd.numbers(result)
    assert str(error.value) == (
        "this needs 2 methods on 2 datasets that all of them have, and here 1 method has 2 datasets in common; "
        "--shared takes all methods; see: tsbench leaderboard test --protocol p"
    )


def test_methods_without_a_dataset_in_common_are_no_pair():
    with pytest.raises(UsageError, match="x and y have no dataset in common"):
        scatter.numbers(board([row("x", "A", 0.5), row("y", "B", 0.5)]))


PATHS = ", ".join(f"/data/ward {number}/a folder of a long name/recordings.csv" for number in range(10))


@pytest.mark.parametrize("title", ["", "a title of one's own " * 60])
@pytest.mark.parametrize("name", ["m", "a long name " * 4])
@pytest.mark.parametrize(
    ("kind", "count"), [*((kind, count) for kind in (cd, mcm, matrix, box) for count in (2, 20)), (scatter, 2)]
)
def test_methods_of_long_names_fit_the_figure_below_long_titles(kind, count, name, title):
    result = replace(values(labels=[f"{name}[lr={number}]" for number in range(count)]), name=PATHS)
    figure = kind.draw(kind.numbers(result), about(result, title))
    figure.draw_without_rendering()
    assert title or len(figure._suptitle.get_text().splitlines()) < 5
    width, height = figure.bbox.width, figure.bbox.height
    if kind is mcm:
        cell = figure.axes[0].get_window_extent()
        for text in figure.axes[0].texts:
            size = text.get_window_extent()
            assert size.width < cell.width / count and size.height < cell.height / count
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    for axis in figure.axes:
        low, high = sorted(axis.get_xlim())
        across = [text for text in axis.get_xticklabels() if low <= text.get_position()[0] <= high]
        names = [*axis.texts, *across, *axis.get_yticklabels()]
        for text in filter(None, (*names, *legends, axis.xaxis.label, figure._suptitle, figure._supxlabel)):
            box_of = text.get_window_extent()
            assert box_of.x0 > -1 and box_of.y0 > -1 and box_of.x1 < width + 1 and box_of.y1 < height + 1, text


@pytest.mark.parametrize("kind", [cd, mcm, matrix, box, scatter])
def test_ties_and_equal_values_are_drawn(kind):
    result = board([row(label, name, 0.5) for label in "xy" for name in "ABC"])
    figure = kind.draw(kind.numbers(result), about(result))
    figure.draw_without_rendering()


def test_lines_differ_without_colour():
    marks = [mark(number) for number in range(30)]
    assert len({(str(one["linestyle"]), one["marker"]) for one in marks}) == 30


def test_labels_are_moved_apart_in_their_order():
    assert spread([0.0, 0.0, 0.0], 1.0) == [-1.0, 0.0, 1.0]
    assert spread([5.0, 0.0], 1.0) == [5.0, 0.0]
    assert spread([], 1.0) == []
