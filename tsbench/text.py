"""Text that came from elsewhere, made fit to be shown: on one line, with nothing in it that acts on what shows it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def plain(text: str) -> str:
    """Return a text with every character that would break the line or steer the terminal written as an escape.

    These are all that Unicode calls other or a separator, but the blank: control characters, what turns the direction
    of reading, what has no width, line ends, halves of surrogate pairs.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain_lines(text: str) -> str:
    """Return the same of a text that has lines: those stay."""
    return "\n".join(map(plain, text.split("\n")))


def command_line(words: Iterable[str]) -> str:
    """Return words as a shell takes them, on one line of what can be shown; bash and zsh read back the same words."""
    return " ".join(shlex.quote(word) if word.isprintable() else f"$'{''.join(map(_quoted, word))}'" for word in words)


def _quoted(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
