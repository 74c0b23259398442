"""The one door to the terminal: all that a command shows passes here, and none of it can steer the terminal.

Names, errors and whatever else is in a store or a file is shown as it is, never read as markup; a new line begins only
where the code says so.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import click

from tsbench.errors import TsbenchWarning
from tsbench.text import plain, plain_lines, to_json

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def echo(*lines: object, err: bool = False, colour: str | None = None) -> None:
    """Print each on a line of its own, to standard output or error; in a colour where that is a terminal."""
    if lines:
        text = "\n".join(_encodable(plain(str(line)), err) for line in lines)
        # Named, since click goes round the stream that keeps bars below what is printed.
        stream = sys.stderr if err else sys.stdout
        click.echo(click.style(text, fg=colour) if colour else text, file=stream)


def echo_text(text: str, err: bool = False, indent: str = "") -> None:
    """Print a text that has lines; of a text from elsewhere they are indented, so that none passes for our own."""
    echo(*(f"{indent}{line}" for line in text.rstrip("\n").split("\n")), err=err)


def echo_json(value: Any) -> None:
    """Print as JSON, as `to_json` writes it."""
    echo_text(to_json(value))


def echo_traceback(error: Exception) -> None:
    """Print the traceback of an error."""
    echo_text("".join(traceback.format_exception(error)), err=True, indent="  ")


def echo_wrong_usage(error: click.ClickException) -> None:
    """Print what click says about a command that it cannot read."""
    said = io.StringIO()
    error.show(file=said)
    echo_text(said.getvalue(), err=True)


def confirm(question: str) -> None:
    """Ask, on standard error; raises click.Abort unless the answer is yes."""
    click.confirm(_encodable(plain(question), err=True), abort=True, err=True)


class Lines(io.TextIOBase):
    """A stream for what others write: its lines go to standard error."""

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str) -> int:
        """Print the lines that are complete."""
        *lines, self._begun = (self._begun + text).split("\n")
        echo(*lines, err=True)
        return len(text)


def guard() -> None:
    """Let what Python itself prints of warnings come through here."""
    warnings.formatwarning = _warning_text


def guard_records() -> None:
    """Let records of logging that nothing else handles come through here."""
    import logging  # not for --help, which it would slow down

    class Plain(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return plain_lines(super().format(record))

    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Plain())


def is_terminal() -> bool:
    """Say whether standard output is a terminal."""
    return sys.stdout.isatty()


def width() -> int:
    """Return the columns of the terminal; where the output goes elsewhere, more than anything has."""
    return shutil.get_terminal_size().columns if is_terminal() else sys.maxsize


def ascii_only() -> bool:
    """Say whether standard output has no letters but those of ASCII."""
    return not (sys.stdout.encoding or "utf-8").lower().startswith("utf")


def bars(*columns: ProgressColumn) -> Progress:
    """Return bars on standard error that vanish in the end; none where that is neither a terminal nor a notebook."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
    # Without ipywidgets a notebook would get a warning for every bar.
    shown = console.is_terminal or (console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None)
    # What is printed meanwhile stands above the bars, unless it goes elsewhere.
    return Progress(*columns, console=console, transient=True, disable=not shown, redirect_stdout=is_terminal())


def words(field: str) -> ProgressColumn:
    """Return a column of `bars` that shows a field of each task, or its "description"."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Words(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(plain(task.description if field == "description" else str(task.fields[field])))

    return Words()


def _encodable(text: str, err: bool) -> str:
    """Return the text with an escape for each letter that the stream has not."""
    if text.isascii():
        return text
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _warning_text(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    if issubclass(category, TsbenchWarning):  # for the user, to whom a place in the code says nothing
        return f"warning: {plain(' '.join(str(message).split()))}\n"
    return f"{plain(filename)}:{lineno}: {category.__name__}: {plain(str(message))}\n"
