"""What was refused of evidence, on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tsbench.terminal import echo

_NUMBER = re.compile(r"\d[\w.+-]*")
_WHICH = re.compile(r"(, row \d+)?(, )?\brun [0-9a-f]{12}\b")


def echo_refused(lines: Iterable[str]) -> None:
    """Print a line for all runs of a file that were refused for one reason, the first of them by its row and key."""
    alike: dict[str, list[str]] = {}
    for line in lines:
        file, _, why = _WHICH.sub("", line, count=1).partition(": ")
        alike.setdefault(f"{file}: {_NUMBER.sub('', why)}", []).append(line)
    for first, *others in alike.values():
        echo(f"refused: {first}" + f" ({len(others)} more for the same reason)" * bool(others), err=True)
