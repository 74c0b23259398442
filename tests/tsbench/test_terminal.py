"""The door to the terminal, and that there is no other."""

import ast
import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import warnings

import click
import pytest
from rich.console import Console

from tests.conftest import ROOT
from tests.test_docs import walk
from tsbench import terminal
from tsbench.cli.group import cli

EVIL = "\x1b]0;P\x07\x1b[31m\r\x7f\x9b\u202e\u200b\u2028[red]x[/red] :smile: %s {}\nnext"
TAME = "\\x1b]0;P\\x07\\x1b[31m\\r\\x7f\\x9b\\u202e\\u200b\\u2028[red]x[/red] :smile: %s {}\\nnext"
DOOR = ROOT / "tsbench" / "terminal.py"
SCRIPT = ROOT / "plugins" / "tsbench_archives" / "write_fingerprints.py"  # run by itself, for the names of the archives
CALLS = {
    "print",
    "input",
    *("click.echo", "click.secho", "click.style", "click.confirm", "click.prompt", "click.pause", "click.clear"),
    *("click.echo_via_pager", "click.progressbar", "click.get_text_stream", "click.get_binary_stream"),
    *("logging.basicConfig", "logging.StreamHandler", "warnings.showwarning", "os.write"),
    *("traceback.print_exc", "traceback.print_exception", "traceback.print_stack", "traceback.print_tb"),
}
MODULES = {
    "rich",
    "rich.console",
    "rich.live",
    "rich.logging",
    "rich.markup",
    "rich.table",
    "rich.traceback",
    "getpass",
}


def ways_out(tree):
    """Yield (line, what) of all in a module that writes to the terminal, or makes something that does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
            yield node.lineno, ast.unparse(node.func)
        elif isinstance(node, ast.Attribute) and node.attr.strip("_") in ("stdout", "stderr"):
            if ast.unparse(node.value) == "sys":
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if node.module in MODULES:
                yield node.lineno, node.module
            if node.module == "rich.progress":
                yield from ((node.lineno, n.name) for n in node.names if n.name in ("Progress", "TextColumn", "track"))
            names = {f"{node.module}.{name.name}" for name in node.names}
            yield from ((node.lineno, name) for name in names & CALLS)
            if node.module == "sys":
                yield from ((node.lineno, n.name) for n in node.names if n.name in ("stdout", "stderr"))


def test_there_is_no_other_way_to_the_terminal():
    sources = [*(ROOT / "tsbench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    assert DOOR in sources and SCRIPT in sources
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sources
        if path not in (DOOR, SCRIPT)
        for line, what in ways_out(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "go through tsbench.terminal:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        *("print(1)", "click.echo('x')", "sys.stderr.write('x')", "sys.__stdout__", "from rich.console import Console"),
        *("from rich import print", "import rich.table", "from click import echo", "from sys import stdout"),
        *("from rich.progress import Progress", "traceback.print_exc()", "logging.StreamHandler()"),
    ],
)
def test_another_way_is_noticed(source):
    assert list(ways_out(ast.parse(source)))


def test_lines_are_plain_on_both_streams(capsys):
    terminal.echo(EVIL, 1)
    terminal.echo(EVIL, err=True, colour="red")
    terminal.echo()
    assert capsys.readouterr() == (f"{TAME}\n1\n", f"{TAME}\n")


def test_a_text_keeps_its_lines_alone(capsys):
    terminal.echo_text("a\n\x1bb\x0b\x85c\n\n")
    assert capsys.readouterr().out == "a\n\\x1bb\\x0b\\x85c\n"


def test_json_is_json_whatever_is_in_it(capsys):
    terminal.echo_json({EVIL: [float("nan"), float("inf"), b"\xff", {"a": EVIL}]})
    out = capsys.readouterr().out
    assert out.isascii() and out.replace("\n", "").isprintable()
    assert json.loads(out) == {EVIL: [None, None, "b'\\xff'", {"a": EVIL}]}


def test_a_traceback_is_plain(capsys):
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        terminal.echo_traceback(error)
    err = capsys.readouterr().err
    assert "Traceback" in err and "\\x1b]0;P\\x07" in err and err.replace("\n", "").isprintable()


def test_what_click_says_is_plain(tsbench):
    for arguments in ([EVIL], ["run", f"--{EVIL}"], ["show", EVIL, "x"], ["data", "info", "--data-dir", EVIL, "x"]):
        code, out, err = tsbench(*arguments)
        assert (code, out) == (2, "")
        assert "\\x1b]0;P" in err and err.replace("\n", "").isprintable()


def test_a_question_is_plain(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    terminal.confirm(f"{EVIL}?")
    assert f"{TAME}? [y/N]: " in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    with pytest.raises(click.Abort):
        terminal.confirm("?")


def test_the_lines_of_others_are_plain(capsys):
    stream = terminal.Lines()
    stream.write(f"a{EVIL[:-5]}")
    assert capsys.readouterr().err == ""
    stream.write("\nb\nc")
    assert capsys.readouterr().err == f"a{TAME[:-6]}\nb\n"


def test_warnings_and_records_that_nothing_handles_are_plain(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(logging.lastResort, "formatter", None)
    terminal.guard()
    terminal.guard_records()
    assert warnings.formatwarning(EVIL, UserWarning, "f\x1b.py", 3) == f"f\\x1b.py:3: UserWarning: {TAME}\n"
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s", (EVIL,), None)
    assert logging.lastResort.format(record).split("\n") == TAME.split("\\n")


def test_a_letter_that_the_stream_has_not_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    terminal.echo("é日")
    assert raw.getvalue() == b"\xe9\\u65e5\n"
    assert terminal.ascii_only()


def test_columns_of_bars_show_text_as_it_is():
    bars = terminal.bars(terminal.words("description"), terminal.words("note"))
    bars.add_task(EVIL, note=EVIL)
    console = Console(file=io.StringIO(), width=400, force_terminal=False)
    console.print(bars.get_renderable())
    assert console.file.getvalue().split() == f"{TAME} {TAME}".split()


def read_all(leader):
    parts = []
    try:
        while part := os.read(leader, 65536):
            parts.append(part)
    except OSError:  # the other end is closed
        pass
    return b"".join(parts).decode()


def test_on_a_terminal_what_is_said_under_bars_is_plain():
    code = (
        "from tsbench.terminal import bars, echo, words\n"
        "with bars(words('description')) as shown:\n"
        f"    shown.add_task({EVIL!r}, total=1)\n"
        f"    echo({EVIL!r}, err=True, colour='red')\n"
    )
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    shown = read_all(leader)
    assert process.wait() == 0
    os.close(leader)
    assert re.search(rf"\x1b\[2K(\x1b\[31m){re.escape(TAME)}", shown)  # on a line of its own, in the colour asked for
    assert "\x1b]0" not in shown and "\x07" not in shown and "\u202e" not in shown


COMMANDS = [("tsbench",), *(path for path, _ in walk(cli))]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_help_fits_the_terminal(width, monkeypatch, tsbench):
    monkeypatch.setenv("COLUMNS", str(width))
    for path in COMMANDS:
        code, out, _ = tsbench(*path[1:], "--help")
        assert code == 0
        assert max(map(len, out.splitlines())) <= min(width, 110), path


def test_a_cut_example_is_one_that_a_shell_reads(monkeypatch, tsbench):
    wide = " ".join(tsbench("run", "--help")[1].split("Options:")[0].split("Examples:")[1].split())
    monkeypatch.setenv("COLUMNS", "60")
    narrow = tsbench("run", "--help")[1].split("Options:")[0].split("Examples:")[1]
    assert " \\\n" in narrow
    assert " ".join(narrow.replace("\\\n", "").split()) == wide.replace("\\ ", "")
