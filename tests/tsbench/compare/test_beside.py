import io
import json

import pandas as pd
import pytest

from tests.tsbench.leaderboard.test_table import board, row
from tests.tsbench.papers.test_named import named
from tests.tsbench.papers.test_named import row as published
from tsbench.compare.beside import CAPTION, Beside, check_published
from tsbench.errors import UsageError
from tsbench.leaderboard.write import text_of

THEIRS = named(published("A", "0.99", doubts="odd"), published("Z", "0.1"))


@pytest.fixture
def ours():
    return board([row("x", "A", 0.9), row("x", "B", 0.5), row("y", "A", 0.7), row("y", "B", 0.6)])


def test_published_rows_change_no_rank_win_or_mean(ours):
    with_published = pd.read_csv(io.StringIO(Beside(ours, [THEIRS]).text("csv")))
    alone = pd.read_csv(io.StringIO(text_of(ours, "csv")))
    pd.testing.assert_frame_equal(with_published.iloc[:-1], alone, check_dtype=False)
    last = with_published.iloc[-1]
    assert last["method"] == "published:src/m" and last["A"] == 0.99 and last["coverage"] == "1/3"
    assert last[["mean", "rank", "wins"]].isna().all() and not last["complete"]


def test_they_stand_apart_in_markdown_with_what_they_are(ours):
    text = Beside(ours, [THEIRS]).text("md")
    first, _, second = text.partition(CAPTION)
    assert first.strip() == text_of(ours, "md").strip()
    assert "| published:src/m | 1/3 | 99.0 |  |" in second
    assert "src/m: protocol none of ours, or not stated: s; doubt: odd" in second


def test_json_keeps_them_apart(ours):
    content = json.loads(Beside(ours, [THEIRS]).text("json"))
    assert [one["method"] for one in content["rows"]] == ["x", "y"]
    assert content["published"][0]["cells"] == {"A": {"value": 0.99, "std": None}}


@pytest.mark.parametrize(("form", "cells"), [("tex", False), ("parquet", False), ("csv", True)])
def test_what_has_no_place_for_them_is_refused(form, cells):
    with pytest.raises(UsageError, match="--published: such rows go with csv, md or json, not with"):
        check_published(form, cells)


def test_the_command(tsbench, tmp_path):
    run = ("run", "--method", "majority", "--dataset", "ItalyPowerDemand", "--protocol", "svm-rbf", "--offline")
    assert tsbench(*run)[0] == 0
    asked = ("leaderboard", "ItalyPowerDemand", "--published", "rankscl/ts2vec,srl/t-loss/k=10")
    code, out, err = tsbench(*asked, "--out", "x.csv")
    assert code == 0, err
    ours, _, theirs = out.partition(CAPTION)
    assert "majority" in ours and "published:" not in ours
    assert "published:rankscl/ts2vec" in theirs and "95.4" in theirs and "protocol svm-rbf" in theirs
    assert (tmp_path / "x.csv").read_text().count("published:") == 2
    for refused in (("--out", "x.tex"), ("--format", "tex"), ("--tidy",)):
        code, _, err = tsbench(*asked, *refused)
        assert code == 2 and "--published: such rows go with csv, md or json" in err
