"""Text that came from elsewhere, made fit to be shown: on one line, with nothing in it that acts on what shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any


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


def decoded(content: bytes) -> str:
    """Return the text of bytes in UTF-8 or, where they are not that, in Latin-1."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def to_json(value: Any) -> str:
    """Return JSON in ASCII, indented; null stands for every number that JSON has no word for."""
    import json

    return json.dumps(_finite(value), indent=2, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def first_few(names: Sequence[str], shown: int = 3) -> str:
    """Return "a, b, c and 2 more" of names."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def split_names(texts: Iterable[str], known: Callable[[str], bool]) -> list[str]:
    """Split texts at their commas, but for those within a name that is known."""
    return [part for text in texts for part in _split(text.split(","), known) if part]


def _split(parts: list[str], known: Callable[[str], bool]) -> Iterator[str]:
    while parts:
        joined = (",".join(parts[:count]).strip() for count in range(len(parts), 1, -1))
        name = next(filter(known, joined), None)
        yield parts[0].strip() if name is None else name
        parts = parts[1 if name is None else name.count(",") + 1 :]


def command_line(words: Iterable[str]) -> str:
    """Return words as a shell takes them, on one line of what can be shown; bash and zsh read back the same words."""
    import shlex  # not for --help, which it would slow down

    return " ".join(shlex.quote(word) if word.isprintable() else f"$'{''.join(map(_quoted, word))}'" for word in words)


def _quoted(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
