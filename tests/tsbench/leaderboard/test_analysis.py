import json
import sys

import numpy as np
import pytest

from tests.tsbench.leaderboard.test_table import PROTOCOL, row
from tsbench.errors import UsageError
from tsbench.leaderboard.analysis import analyse, lines
from tsbench.leaderboard.analysis import text_of as stats_text
from tsbench.leaderboard.export import certainty, facts_of, markdown, notes
from tsbench.leaderboard.table import build
from tsbench.leaderboard.write import text_of
from tsbench.statistics.summary import summary

NAMES = [f"D{number:02}" for number in range(12)]


def rows(label, values, **fields):
    return [row(label, name, value, **fields) for name, value in zip(NAMES, values, strict=False)]


def board(found, datasets=NAMES, metric="accuracy", **options):
    return build("test", datasets, PROTOCOL, found, metric, **options)


@pytest.fixture
def three():
    """x is far above y and z, which differ by little in either direction."""
    values = np.linspace(0.5, 0.9, 12)
    near = values + np.where(np.arange(12) % 2, 0.01, -0.012)
    return board(rows("x", values + 0.08) + rows("y", values) + rows("z", near))


def test_a_board_says_how_sure_it_is_and_whom_it_does_not_tell_apart(three):
    facts = facts_of(three)
    assert [*facts] == ["mean", "mean 95%", "iqm", "rank", "rank 95%", "group", "wins", "coverage", "seeds"]
    groups = dict(zip(three.cells.index, facts["group"], strict=True))
    assert groups == {"x": "a", "y": "b", "z": "b"}
    ends = dict(zip(three.cells.index, facts["rank 95%"], strict=True))
    assert ends["x"] == "" and ends["y"].startswith("2.")
    low, high = facts["mean 95%"][0].split("..")
    assert float(low) < 78 < float(high) and facts["mean"][0] == facts["iqm"][0] == "78.0"
    said = " ".join(notes(three))
    assert "No interval where a method has one value, or one rank, on all datasets." in said
    assert "Methods that share a letter are not told apart (Wilcoxon and Holm, 5%)" in said
    one = json.loads(text_of(three, "json"))["rows"][0]
    assert one["group"] == "a" and one["mean_low"] < one["mean"] < one["mean_high"] and one["rank_low"] is None
    header = text_of(three, "csv").splitlines()[0]
    assert all(f",{name}," in header for name in ("mean_low", "rank_high", "iqm", "group", "seeds_std", "folds_std"))


def test_few_datasets_have_neither_intervals_nor_groups():
    few = board(rows("x", [0.9, 0.8, 0.7]) + rows("y", [0.5, 0.5, 0.5]))
    assert [*facts_of(few)] == ["mean", "rank", "wins", "coverage", "seeds"]
    assert "No intervals: they need 10 datasets." in notes(few)
    assert "No groups: on so few datasets no test tells two of 2 methods apart." in notes(few)


def test_one_method_has_an_interval_on_its_mean_alone():
    one = board(rows("x", np.linspace(0.5, 0.9, 12)))
    assert "mean 95%" in facts_of(one) and "rank 95%" not in facts_of(one) and "group" not in facts_of(one)
    assert not any("letter" in line or "groups" in line for line in notes(one))


def test_all_ties_are_one_group_without_intervals():
    tied = board(rows("x", [0.5] * 12) + rows("y", [0.5] * 12))
    assert facts_of(tied)["group"] == ["a", "a"] and "rank 95%" not in facts_of(tied)
    assert tied.summary["wins"].tolist() == [12, 12]


def test_without_a_mean_there_is_no_interval_on_it():
    found = [
        {**row(label, name, np.nan), "mae": value + place}
        for place, name in enumerate(NAMES)
        for label, value in (("x", 1.0), ("y", 2.0))
    ]
    several = board(found, metric="mae", units=dict(zip(NAMES, ["days", "kg"] * 6, strict=True)))
    assert several.summary[["mean", "mean_low", "mean_high", "iqm"]].isna().all(axis=None)
    assert (several.summary["group"] == "").all()
    assert "No groups: differences in several units have no common order." in certainty(several)
    found = analyse(several, 0.1)
    assert found.groups == [] and found.rope is None and found.pairs["p"].isna().all()
    assert "| x | y |  | 12 | 0 | 0 |  |  |  |" in stats_text(found, "md")


def test_a_row_says_how_far_seeds_lie_apart():
    found = rows("x", [0.4, 0.5]) + rows("x", [0.6, 0.5], seed=1) + rows("y", [0.5, 0.5])
    spread = board(found).summary["seeds_std"]
    cells = board(found).evidence.query("method == 'x'")["std_seeds"]
    assert spread["x"] == pytest.approx(np.sqrt((cells**2).mean())) and np.isnan(spread["y"])
    assert "| sd seeds |" in markdown(board(found)) and "sd folds" not in markdown(board(found))


def test_equal_runs_in_another_order_are_a_tie():
    found = [row("x", "D00", value, seed) for seed, value in enumerate((0.1, 0.2, 0.3))]
    found += [row("y", "D00", value, seed) for seed, value in enumerate((0.3, 0.2, 0.1))]
    assert board(found).summary["rank"].tolist() == [1.5, 1.5]


def test_the_tests_behind_a_board(three):
    found = analyse(three)
    assert found.groups == [("x",), ("y", "z")] or found.groups == [("x",), ("z", "y")]
    assert "Friedman: chi2 = " in lines(found)[0] and "F(2, 22)" in lines(found)[0]
    whole = json.loads(stats_text(found, "json"))
    assert len(whole["pairs"]) == 3 and whole["rope"] == 0.01 and whole["friedman"]["methods"] == 3
    assert whole["pairs"][0]["first"] == "x" and whole["pairs"][0]["wins"] == 12
    csv = stats_text(found, "csv").splitlines()
    assert csv[0] == "first,second,n,wins,ties,losses,difference,p,p_holm,effect,better,equal,worse" and len(csv) == 4
    assert stats_text(found, "md").count("| --- |") == 2


def test_of_several_units_there_are_ranks_alone():
    found = [
        {**row(label, name, np.nan, seed), "mae": value + seed}
        for label, value in (("x", 1.0), ("y", 2.0))
        for name in NAMES
        for seed in (0, 1)
    ]
    alike = board(found, metric="mae", units=dict.fromkeys(NAMES, "K"))
    assert alike.summary["seeds_std"].tolist() == pytest.approx([2**-0.5] * 2) and "sd seeds" in facts_of(alike)
    apart = board(found, metric="mae", units={**dict.fromkeys(NAMES, "K"), "D00": "days"})
    columns = ["mean", "mean_low", "iqm", "seeds_std", "folds_std"]
    assert apart.in_several_units and apart.summary[columns].isna().all(axis=None)
    assert apart.summary["rank"].tolist() == [1.0, 2.0] and "sd seeds" not in facts_of(apart)
    assert not any(line.startswith("sd: ") for line in notes(apart)) and " ±0.707" in markdown(apart)


def test_an_infinite_cell_is_a_missing_one():
    few = board(rows("x", [0.9, np.inf, 0.7]) + rows("y", [0.5, 0.4, 0.3]))
    assert few.common == ("D00", "D01", "D02") and np.isnan(few.cells.loc["x", "D01"]) and few.unreadable == 1
    assert few.summary["complete"].to_dict() == {"y": True, "x": False}
    cells = board(rows("x", [0.9, 0.8]) + rows("y", [0.5, 0.4])).cells.iloc[:, :2].assign(D01=[np.inf, 0.4])
    assert summary(cells, 1)["mean"].tolist() == [0.9, 0.5]


def test_what_few_datasets_cannot_tell_is_not_told():
    def of(n):
        return analyse(board([one for i, label in enumerate("xyz") for one in rows(label, [0.9 - 0.1 * i] * n)]))

    assert lines(of(2))[0] == "Friedman: no test, on so few datasets no result tells 3 methods apart."
    assert json.loads(stats_text(of(2), "json"))["friedman"] is None
    alike = lines(of(3))[0]
    assert (
        alike == "Friedman: chi2 = 6.00, p = 0.05; Iman and Davenport: no F, since all datasets rank the methods alike."
    )
    assert json.loads(stats_text(of(3), "json"))["friedman"]["p_f"] is None


def test_without_baycomp_the_other_tests_remain(three, monkeypatch):
    monkeypatch.setitem(sys.modules, "baycomp", None)
    found = analyse(three)
    assert "better" not in found.pairs and any("needs baycomp" in note for note in found.notes)
    with pytest.raises(UsageError, match="needs baycomp"):
        analyse(three, 0.01)


def test_few_datasets_have_no_bayesian_probabilities():
    found = analyse(board(rows("x", [0.9, 0.8]) + rows("y", [0.5, 0.6])), 0.02)
    assert "better" not in found.pairs and found.rope is None
    assert "No Bayesian probabilities: they need 10 datasets." in found.notes
    assert lines(found)[0].startswith("Friedman: nothing to test")


def test_nothing_to_compare_is_told():
    with pytest.raises(UsageError, match=r"test: nothing to compare, complete methods: 1, .* common: 2; --shared"):
        analyse(board(rows("x", [0.9, 0.8]) + rows("y", [0.5])))


def test_who_is_left_out_is_named():
    found = analyse(board(rows("x", [0.9, 0.8]) + rows("y", [0.5, 0.6]) + rows("z", [0.5])))
    assert "Not compared, since they have fewer datasets: z; --shared takes them in." in found.notes
    assert {*found.pairs["first"], *found.pairs["second"]} == {"x", "y"}
