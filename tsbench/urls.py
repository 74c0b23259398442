"""Addresses in messages, logs and rows: without what they may hold of secrets."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
MARKS = "[?#]"
MARKS_BEHIND_USER = "[?#&;]"  # a query that holds an @ would be taken for the user


def shown(url: object) -> str:
    """Return a URL without user, password, query and fragment, whatever characters these hold; a path as it is.

    A secret may hold any of / : ? # @ and blanks, so that all up to the last @ is taken for one.
    """
    scheme, mark, rest = str(url).partition("://")
    if not mark:
        return scheme
    _, at, place = rest.rpartition("@")
    place, *query = re.split(MARKS_BEHIND_USER if at else MARKS, place, maxsplit=1)
    return f"{scheme}://{f'{HIDDEN}@' if at else ''}{place}{f'?{HIDDEN}' if query else ''}"


def without_secrets(text: str, *urls: object) -> str:
    """Return a text without the secrets of these URLs, however they stand in it, nor those of any URL it quotes."""
    for url in map(str, urls):
        if shown(url) == url:
            continue
        text = text.replace(url, shown(url))
        for secret in sorted(_secrets(url), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
    text = re.sub(r"(?<=://)\S*@", f"{HIDDEN}@", text)
    return re.sub(r"\?[^\s?'\")>]*=[^\s'\")>]*", f"?{HIDDEN}", text)


def _secrets(url: str) -> set[str]:
    """Return the pieces of a URL that must not be seen, as they stand and with their %XX read."""
    user, at, place = url.partition("://")[2].rpartition("@")
    words = re.split(MARKS_BEHIND_USER if at else MARKS, place)[1:]
    pieces = {user, user.partition(":")[2], *words, *(word.partition("=")[2] for word in words)}
    return {piece for one in pieces for piece in (one, unquote(one)) if len(piece) > 1}
