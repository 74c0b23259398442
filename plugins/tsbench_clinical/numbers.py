"""Numbers and tables in text files, read strictly: by the names of columns, with the line in every error."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError

EMPTY = ("", "nan")


def number(text: str, where: str) -> float:
    """Return a finite number, or NaN for an empty field or NaN; raises InvalidDataError naming `where`."""
    stripped = text.strip()
    if stripped.lower() in EMPTY:
        return math.nan
    try:
        value = float(stripped)
    except ValueError:
        raise InvalidDataError(f"{where}: '{text}' is not a number") from None
    if "_" in stripped or not math.isfinite(value) or abs(value) > 3e38:
        raise InvalidDataError(f"{where}: '{text}' is not a finite number")
    return value


def check_between(values: Mapping[str, float], ranges: Mapping[str, tuple[float, float]], where: str) -> None:
    """Raise InvalidDataError, naming it, for a value that is outside its range; NaN is in any."""
    for name, (low, high) in ranges.items():
        if not (math.isnan(values[name]) or low <= values[name] <= high):
            raise InvalidDataError(f"{where}: {name} is {values[name]:g}, which is not between {low:g} and {high:g}")


def check_codes(values: Mapping[str, float], names: Sequence[str], where: str) -> None:
    """Raise InvalidDataError for a value of these names, which are codes, that is no whole number; NaN is none."""
    for name in names:
        if not (math.isnan(values[name]) or values[name].is_integer()):
            raise InvalidDataError(f"{where}: {name} is {values[name]:g}, which is no code (a whole number)")


def whole(text: str, where: str) -> int:
    """Return a whole number; raises InvalidDataError naming `where`."""
    value = number(text, where)
    if not value.is_integer():  # NaN is none
        raise InvalidDataError(f"{where}: '{text}' is not a whole number")
    return int(value)


def rows(text: str, needed: Sequence[str], where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, {column: field}) of a CSV table with a header, whatever the order of its columns.

    Raises InvalidDataError when a needed column is missing or there twice, or a row has another number of fields.
    """
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        for name in needed:
            if header.count(name) != 1:
                raise InvalidDataError(f"{where}: has the column '{name}' {header.count(name)} times, expected once")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise InvalidDataError(
                    f"{where}, line {reader.line_num}: has {len(row)} fields for {len(header)} columns"
                )
            yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise InvalidDataError(f"{where}: is no CSV table ({error})") from error


def matrix(text: str, where: str, separator: str | None = None, columns: int | None = None) -> npt.NDArray[np.float64]:
    """Return a table of numbers without a header as float64 (n_rows, n_columns); "NaN" is missing.

    separator : None for blanks. Raises InvalidDataError naming the line of what is no number, or of a row of another
    length.
    """
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InvalidDataError(f"{where}: is empty")
    width = columns if columns is not None else len(lines[0].split(separator))
    fields = [line.split(separator) for line in lines]
    for line, row in enumerate(fields, 1):
        if len(row) != width:
            raise InvalidDataError(f"{where}, line {line}: has {len(row)} numbers, expected {width}")
    try:
        values = np.array([list(map(float, row)) for row in fields])  # far faster than numpy's own reading of texts
        if "_" not in text and not np.isinf(values).any():
            return values
    except ValueError:
        pass
    return np.array([[number(field, f"{where}, line {i}") for field in row] for i, row in enumerate(fields, 1)])
