"""The first pass over an .arff file: the classes its last attribute lists, and its cases as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tsbench.data.panel import normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.cells import shown
from tsbench_archives.scan import Case, Cases, header_ends, lines

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"@attribute\s+(?:{_QUOTED}|[^\s{{]+)\s*(?P<kind>.*)", re.IGNORECASE | re.DOTALL)
# One class of a list in braces, with what follows it; a % begins a comment.
_CLASS = re.compile(
    rf"\s*(?:%[^\n]*\n\s*)*(?P<name>{_QUOTED}|[^\s'\",{{}}%][^,}}\n]*?)\s*(?:%[^\n]*\n\s*)*(?P<end>[,}}])"
)
# The label of a case: the last field, and a comment.
_LABEL = re.compile(rf",\s*(?P<name>{_QUOTED}|[^\s'\"][^,]*?)?(?:\s+%.*)?\s*$")
_NUMERIC = re.compile(rf"^@attribute\s+(?:{_QUOTED}|[^\s{{]+)\s+(?:numeric|real|integer)\s*(?:%.*)?$", re.IGNORECASE)
_TAGS = ("@relation", "@attribute", "@end")


def scan_arff(path: Path) -> Cases:
    """Read the header of an .arff file. Raises InvalidDataError, at once or when the cases are asked for."""
    found = lines(path)
    attribute = (0, "")
    for line, text in found:
        if header_ends(path, line, text):
            if _NUMERIC.search(attribute[1]):
                return Cases(_cases(path, found), task="regression")
            declared = _declared(path, *attribute)
            return Cases(_cases(path, found), declared=declared, listed_in="the class attribute")
        tag = text.split()[0].lower()
        if tag not in _TAGS:
            raise InvalidDataError(f"{path}:{line}: {shown(tag)!r} is no tag of an .arff file; correct or drop it")
        if tag == "@attribute":
            attribute = line, _whole(path, line, text, found)
    raise InvalidDataError(f"{path}: has no @data line; an .arff file needs one before its cases")


def _whole(path: Path, line: int, text: str, found: Iterator[tuple[int, str]]) -> str:
    """Return an attribute with the lines on which the list of its classes goes on."""
    match = _ATTRIBUTE.match(text)
    if match and match["kind"].startswith("{"):
        parts = [text]
        while "}" not in parts[-1] or not _classes("\n".join(parts)[match.start("kind") :])[1]:
            _, more = next(found, (0, "@"))
            if more.startswith("@"):
                raise _unlisted(path, line, match["kind"])
            parts.append(more)
        return "\n".join(parts)
    return text


def _unlisted(path: Path, line: int, found: str) -> InvalidDataError:
    return InvalidDataError(
        f"{path}:{line}: the classes must be listed as {{a, b}}, found {shown(found)!r}; "
        "put a class with blanks, commas, braces or % in quotes"
    )


def _classes(text: str) -> tuple[list[str], str]:
    """Return the classes of a list in braces, and the text from its closing brace on; empty where it has none."""
    names, position = [], 1
    while match := _CLASS.match(text, position):
        names.append(_unquoted(match["name"]))
        position = match.end()
        if match["end"] == "}":
            return names, text[position - 1 :]
    return names, ""


def _declared(path: Path, line: int, text: str) -> frozenset[str]:
    match = _ATTRIBUTE.match(text)
    kind = match["kind"] if match else ""
    if not kind.startswith("{"):
        raise InvalidDataError(
            f"{path}: the last attribute must be numeric (regression) or list the classes in braces, "
            f"found {shown(text)!r}"
        )
    names, rest = _classes(kind)
    if rest[1:].lstrip()[:1] not in ("", "%"):
        raise _unlisted(path, line, kind)
    return frozenset(map(normalise_label, names))


def _cases(path: Path, found: Iterator[tuple[int, str]]) -> Iterator[Case]:
    for line, text in found:
        match = _LABEL.search(text)
        values = text[: match.start()].rstrip() if match else ""
        quote = values[:1] if values[:1] in ("'", '"') else ""
        if not match or not values or (quote and not (len(values) > 1 and values.endswith(quote))):
            raise InvalidDataError(f"{path}:{line}: values followed by a label are expected, found {shown(text)!r}")
        channels = values[1:-1].split("\\n") if quote else [values]
        yield Case(line, channels, _unquoted(match["name"] or ""))


def _unquoted(name: str) -> str:
    name = name.strip()
    return re.sub(r"\\(.)", r"\1", name[1:-1]).strip() if name[:1] in ("'", '"') and len(name) > 1 else name
