"""What a row of the store must be like to be used: a store that came from elsewhere may hold anything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

READ_AT_ONCE = 200  # rows, which are still in the processor's cache when they are taken apart
LATEST = 1e11  # seconds since 1970, some 3,000 years
HASH = re.compile("[0-9a-f]{64}")
KEY = re.compile("[0-9a-z]{1,64}")  # a key becomes part of a printed command


class Unreadable:
    """Stands for what should have been JSON."""


def read_json(text: Any) -> Any:
    """Return what a column of JSON holds; `Unreadable` where that is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return Unreadable()


def is_hash(value: Any) -> bool:
    """Say whether this is a sha256 in hex, as keys are."""
    return isinstance(value, str) and HASH.fullmatch(value) is not None


def file_name(pretrain_key: str) -> str:
    """Return the name of a checkpoint's file within its folder."""
    return f"{pretrain_key}.safetensors"


def names_checkpoint(pretrain_key: Any, path: Any) -> bool:
    """Say whether a row names the file that a checkpoint has: another name is never followed."""
    return is_hash(pretrain_key) and path == file_name(pretrain_key)


def is_number(value: Any) -> bool:
    """Say whether this is a finite number."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def flaw(row: Mapping[str, Any], rules: Mapping[str, Callable[[Any], bool]]) -> str:
    """Return the name of the first column whose value cannot be used, "" where there is none."""
    for name, rule in rules.items():
        if name in row and not rule(row[name]):
            return name
    return ""


def sound_columns(cursor: Any, kinds: Sequence[set[Any]]) -> tuple[list[NDArray[Any]], int]:
    """Read the rows of a database cursor whose values are each of one of their column's types.

    Returns their columns (int64, float64 or object) and how many rows were not such. Text is kept once however many
    rows repeat it.
    """
    repeats = [kind.isdisjoint((int, float)) for kind in kinds]
    seen: list[dict[Any, int]] = [{} for _ in kinds]
    columns: list[list[Any]] = [[] for _ in kinds]
    while rows := cursor.fetchmany(READ_AT_ONCE):
        for column, known, repeated, values in zip(columns, seen, repeats, zip(*rows, strict=True), strict=True):
            column.extend([known.setdefault(value, len(known)) for value in values] if repeated else values)
    sound = np.ones(len(columns[0]), dtype=bool)
    read: list[NDArray[Any]] = []
    for column, known, repeated, kind in zip(columns, seen, repeats, kinds, strict=True):
        if repeated:
            codes = np.array(column, dtype=np.intp)
            sound &= np.array([type(value) in kind for value in known], dtype=bool)[codes]
            read.append(np.fromiter(known, dtype=object)[codes])
        else:
            if not set(map(type, column)) <= kind:
                sound &= [type(value) in kind for value in column]
            read.append(np.fromiter(column, dtype=object))
    types = [
        object if repeated else float if float in kind else int for repeated, kind in zip(repeats, kinds, strict=True)
    ]
    return [column[sound].astype(of) for column, of in zip(read, types, strict=True)], int((~sound).sum())


def versions_of(text: Any, spec: Any = None) -> dict[str, int] | None:
    """Return the versions of encoder, transforms and probe from their column; None where they cannot be used.

    spec : JSON of the whole specification, which has them where the column is empty.
    """
    found = read_json(text) if text is not None else read_json(spec)
    if text is None and isinstance(found, dict):
        found = found.get("versions") or {}
    return found if _versions(found) else None


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _key(value: Any) -> bool:
    return isinstance(value, str) and KEY.fullmatch(value) is not None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _time(value: Any) -> bool:
    return is_number(value) and 0 <= value < LATEST


def _mapping(rule: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(rule, value.values()))


def _list(rule: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(rule, value))


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


_versions = _mapping(_whole)


def _point(value: Any) -> bool:
    """Say whether this is a step and its loss, which may be NaN."""
    return isinstance(value, list) and len(value) == 2 and is_number(value[0]) and isinstance(value[1], int | float)


_points = _list(_point)


def _plain(value: Any) -> bool:
    """Say whether this is a part of JSON without NaN."""
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return not isinstance(value, float) or math.isfinite(value)


def _params(value: Any) -> bool:
    try:
        return isinstance(value, dict) and _plain(value)
    except RecursionError:
        return False


def _protocol(value: Any) -> bool:
    return isinstance(value, dict) and _text(value.get("name"))


def _spec(value: Any) -> bool:
    if not isinstance(value, dict) or not {"method", "dataset", "params"} <= value.keys() or flaw(value, SPEC):
        return False
    return not value.get("sources") or _text(value.get("overrides", {}).get("pretrain_on"))


_source = _mapping(_text)
SPEC: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("method", "dataset", "dataset_ref", "fingerprint", "normalisation"), _text),
    **dict.fromkeys(("fold", "seed", "threads"), _whole),
    "group": lambda value: value is None or _text(value),
    "versions": _versions,
    "params": _params,
    "protocol": _protocol,
    "overrides": _mapping(_scalar),
    "sources": _list(lambda one: _source(one) and {"dataset", "fingerprint", "dataset_ref"} <= one.keys()),
}
RUN: dict[str, Callable[[Any], bool]] = {
    "key": _key,
    **dict.fromkeys(("label", "method", "dataset", "protocol", "protocol_hash"), _text),
    **dict.fromkeys(("status", "normalisation", "fingerprint"), _text),
    **dict.fromkeys(("method_version", "fold", "seed", "attempt"), _whole),
    "spec": _spec,
    "params": _params,
    "versions": lambda value: value is None or versions_of(value) is not None,
    **dict.fromkeys(("split", "configuration", "exposure"), lambda value: value is None or _text(value)),
}
ATTEMPT: dict[str, Callable[[Any], bool]] = {
    "id": _whole,
    "key": _key,
    **dict.fromkeys(("status", "device", "error", "traceback", "environment", "owner"), _text),
    **dict.fromkeys(("started", "finished"), _time),
    "durations": _mapping(is_number),
    "facts": _mapping(lambda value: is_number(value) or _text(value)),
    "curve": lambda value: _points(value) or _mapping(_points)(value),
    "warnings": _list(_text),
    "peak_memory_bytes": _whole,
    "pretrain_key": lambda value: value is None or is_hash(value),
}
METRIC: dict[str, Callable[[Any], bool]] = {"name": _text, "value": lambda value: value is None or is_number(value)}
ENVIRONMENT: dict[str, Callable[[Any], bool]] = {"id": _text, "content": lambda value: isinstance(value, dict)}


def flaw_of_run(
    run: Mapping[str, Any],
    attempts: Iterable[Mapping[str, Any]] = (),
    metrics: Iterable[Mapping[str, Any]] = (),
    environments: Iterable[Mapping[str, Any]] = (),
) -> str:
    """Return what of a run and all that belongs to it cannot be used, in words; "" where nothing is wrong."""
    for what, rules, rows in (
        ("", RUN, [run]),
        ("attempt's ", ATTEMPT, attempts),
        ("metric's ", METRIC, metrics),
        ("environment's ", ENVIRONMENT, environments),
    ):
        for row in rows:
            if name := flaw(row, rules):
                return f"its {what}{name} cannot be read"
    return ""
