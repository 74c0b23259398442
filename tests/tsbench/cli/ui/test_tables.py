import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tsbench import terminal
from tsbench.cli.ui.tables import print_facts, print_table, table_width

ROWS = [["k1", "日本 語", "1.5"], ["a longer key", "x[y=1]", ""], ["k3", "[bold]no markup[/] :smile:", "12345.0"]]
COLUMNS = [("key", "left"), ("method", "left"), ("seconds", "right")]


@pytest.fixture
def narrow(monkeypatch):
    def call(width):
        monkeypatch.setattr(terminal, "is_terminal", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))

    return call


@pytest.mark.parametrize("rule", [0, 1, 3])
def test_a_table_is_drawn_as_rich_draws_it(capsys, rule):
    table = Table()
    for name, side in COLUMNS:
        table.add_column(name, justify=side, no_wrap=True)
    for number, row in enumerate(ROWS, start=1):
        table.add_row(*map(escape, row), end_section=number == rule)
    Console(highlight=False, emoji=False, width=200).print(table)
    expected = capsys.readouterr().out
    assert print_table(COLUMNS, iter(ROWS), rule=rule)
    assert capsys.readouterr().out == expected
    assert table_width(COLUMNS, ROWS) == len(expected.splitlines()[0])


def test_a_table_without_rows_has_its_headings(capsys):
    assert print_table([("key", "left")], iter([]))
    assert "key" in capsys.readouterr().out


def test_letters_that_the_output_has_not_draw_no_table(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "ascii_only", lambda: True)
    print_table([("key", "left")], [["k"]])
    assert capsys.readouterr().out.splitlines() == ["+-----+", "| key |", "|-----|", "| k   |", "+-----+"]


@pytest.mark.parametrize(
    ("width", "left"),
    [(10, set()), (20, set()), (40, set()), (60, {"fold"}), (80, {"fold", "seed"})],
)
def test_a_table_fits_the_terminal(width, left, narrow, capsys):
    narrow(width)
    rows = [["a" * 10, "日" * 60, "b[c=1]" * 20, "1", "2"]]
    columns = [*((name, "left") for name in ("key", "method", "dataset")), ("fold", "right"), ("seed", "right")]
    assert not print_table(columns, rows, least=("seed", "fold"))
    lines = capsys.readouterr().out.splitlines()
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}
    assert cell_len(lines[0]) <= max(width, 1 + 4 * 3)
    assert "…" in lines[3]
    assert {name for name in ("fold", "seed") if name in lines[1]} == left


def test_what_fits_is_left_as_it_is(narrow, capsys):
    narrow(table_width(COLUMNS, ROWS))
    assert print_table(COLUMNS, ROWS, least=("seconds",))
    narrow(table_width(COLUMNS, ROWS) - 1)
    assert not print_table(COLUMNS, ROWS, least=("seconds",))


def test_names_of_facts_stand_below_each_other(capsys):
    print_facts("of\x1b", {"日本": 1, "a\n": "b\n"})
    assert capsys.readouterr().out == "of\\x1b\n  日本  1\n  a\\n   b\\n\n"
