import pandas as pd
import pytest

from tsbench.leaderboard.text import guarded, markdown_cell, to_csv


@pytest.mark.parametrize("cell", ["-1.5", "+3", "1e-3", "-.5e7", "", "a=b", "a-1", "'=x", -1.5, None, True])
def test_what_is_no_formula_is_left_alone(cell):
    assert guarded(cell) == cell


@pytest.mark.parametrize("cell", ["=1", "-1+1", "+A1", "@SUM(A1)", "-inf", "\n", "\n=1", "  =1", "\uff1d1"])
def test_what_a_spreadsheet_would_run_becomes_text(cell):
    assert guarded(cell) == "'" + cell


def test_numbers_stay_numbers_whatever_the_column():
    frame = pd.DataFrame({"=n": [-1.5, None], "o": [-1.5, "-x"], "i": pd.array([-1, None], dtype="Int64")})
    assert to_csv(frame) == "'=n,o,i\n-1.5,-1.5,-1\n,'-x,\n"
    assert to_csv(frame[:0]) == "'=n,o,i\n"
    assert to_csv(pd.DataFrame({"a": [1 / 3]}), header=False, float_format=None) == f"{1 / 3}\n"


def test_markdown_shows_a_name_as_it_is():
    assert markdown_cell("ts2vec[max_steps=2]") == r"ts2vec\[max_steps=2\]"
    assert markdown_cell("a\r\nb\x1bc") == r"a b\\x1bc"
    assert markdown_cell("__a_b__ ~~c~~ &lt; $d$") == r"\_\_a_b\_\_ \~\~c\~\~ \&lt; \$d\$"


def test_a_carriage_return_begins_no_row():
    assert to_csv(pd.DataFrame({"a": ["x\r=1", "\r\n"]})) == 'a\n"x\n=1"\n"\'\n"\n'
