import pytest
from rich.markup import escape
from rich.table import Table

from tsbench.cli.tables import plain, print_facts, print_long_table, print_table

ROWS = [["k1", "日本 語", "1.5"], ["a longer key", "x[y=1]", ""], ["k3", "[bold]no markup[/]", "12345.0"]]


def test_a_long_table_is_printed_as_a_short_one(capsys):
    columns = {"key": "left", "method": "left", "seconds": "right"}
    table = Table()
    for name, side in columns.items():
        table.add_column(name, justify=side, no_wrap=True)
    for row in ROWS:
        table.add_row(*map(escape, row))
    print_table(table)
    expected = capsys.readouterr().out
    assert len(expected.splitlines()) == 7
    print_long_table(columns, iter(ROWS))
    assert capsys.readouterr().out == expected


def test_a_long_table_without_rows_has_its_headings(capsys):
    print_long_table({"key": "left"}, iter([]))
    assert "key" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"), [("é 日", "é 日"), ("a\nb", "a\\nb"), ("\x1b[2J", "\\x1b[2J"), ("\ud800", "\\ud800")]
)
def test_what_would_steer_the_terminal_is_escaped(text, shown, capsys):
    assert plain(text) == shown
    print_facts("facts", {"class": text})
    assert capsys.readouterr().out == f"facts\n  class  {shown}\n"
    print_long_table({"a": "left"}, [[text]])
    assert f"│ {shown}" in capsys.readouterr().out
