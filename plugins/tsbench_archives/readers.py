"""Readers of the archives' text formats (.ts, .tsv, .arff, .txt), each returning one Panel.

Values are parsed by aeon. A first pass over the file checks its structure, keeps the labels as they are written (aeon
lower-cases them) and hands aeon a clean copy: no comments, no blank lines, no odd encoding, no labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from tsbench.errors import InvalidDataError
from tsbench.panel import Panel, normalise_label

MISSING_LABELS = ("", "?", "nan")


class _Case(NamedTuple):
    """One case as text: its line in the file, the values of each channel, its label."""

    line: int
    channels: list[str]
    label: str


class _Cases(NamedTuple):
    """What the first pass found: the cases, and whether they may differ in length."""

    cases: Iterator[_Case]
    unequal: bool = False


@dataclass(frozen=True)
class _Format:
    """How to find the cases of a file and to write them (`header`, then a `row` per case) for aeon's `parser`."""

    scan: Callable[[Path], _Cases]
    parser: str
    suffix: str
    separator: str
    header: str
    row: Callable[[list[str]], str]


def read_ts(path: Path) -> Panel:
    """Read a .ts file (sktime/aeon format). Raises InvalidDataError, also for time stamps and regression targets."""
    return _read(path, _TS)


def read_tsv(path: Path) -> Panel:
    """Read a .tsv file of the UCR archive: label first, tab separated, univariate. Raises InvalidDataError."""
    return _read(path, _TSV)


def read_txt(path: Path) -> Panel:
    """Read a .txt file of the UCR archive: label first, separated by blanks, univariate. Raises InvalidDataError."""
    return _read(path, replace(_TSV, scan=_scan_txt))


def read_arff(path: Path) -> Panel:
    """Read an .arff file, univariate or with one relational attribute, label last. Raises InvalidDataError."""
    return _read(path, _ARFF)


def read_channels(paths: Sequence[Path]) -> Panel:
    """Read one .arff file per channel into one Panel. Raises InvalidDataError when the files do not fit together."""
    panels = [read_arff(path) for path in paths]
    for path, panel in zip(paths, panels, strict=True):
        if panel.n_channels != 1:
            raise InvalidDataError(f"{path}: has {panel.n_channels} channels where one per file is expected")
        if panel.X.shape != panels[0].X.shape or not np.array_equal(_labels(panel), _labels(panels[0])):
            raise InvalidDataError(
                f"{path}: cases, lengths or labels differ from those of {paths[0].name}; "
                "all files of one part must list the same cases in the same order"
            )
    return replace(panels[0], X=np.concatenate([panel.X for panel in panels], axis=1))


def reason(error: Exception) -> str:
    """Return what a library's error says, on one line of moderate length."""
    return f"{type(error).__name__}: {shown(str(error), 200)}"


def shown(text: str, width: int = 40) -> str:
    """Return text from a file as a message shows it: on one line, cut to a width."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[:width]}..."


def trim_padding(panel: Panel) -> Panel:
    """Take missing values at the end of a case, in all channels, as padding: they no longer count in its length."""
    observed = np.asarray(~np.isnan(panel.X).all(axis=1))
    last = panel.n_timepoints - np.argmax(observed[:, ::-1], axis=1)
    return replace(panel, lengths=np.where(observed.any(axis=1), last, 1).astype(np.int32))


def _read(path: Path, form: _Format) -> Panel:
    try:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / f"copy{form.suffix}"
            labels, lengths = _write_copy(path, form, copy)
            X = _values(path, form, copy, lengths)
        return Panel.build(X, labels, lengths=lengths)
    except OSError as error:
        raise InvalidDataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error


def _write_copy(path: Path, form: _Format, copy: Path) -> tuple[list[str], list[int]]:
    """Check every case and write it for the parser; return labels and lengths."""
    if path.stat().st_size == 0:
        raise InvalidDataError(f"{path}: the file is empty")
    labels: list[str] = []
    lengths: list[int] = []
    n_channels = 0
    scanned = form.scan(path)
    with copy.open("w", encoding="utf-8") as out:
        out.write(form.header)
        for case in scanned.cases:
            length = _check_case(f"{path}:{case.line}", case, form.separator)
            n_channels = n_channels or len(case.channels)
            if len(case.channels) != n_channels:
                raise InvalidDataError(
                    f"{path}:{case.line}: {len(case.channels)} channels where the first case has {n_channels}; "
                    "all cases need the same channels, and a label"
                )
            if lengths and length != lengths[0] and not scanned.unequal:
                raise InvalidDataError(
                    f"{path}:{case.line}: {length} time points where the first case has {lengths[0]}; "
                    "unequal lengths need a .ts file with @equalLength false"
                )
            labels.append(case.label)
            lengths.append(length)
            out.write(form.row(case.channels) + "\n")
    if not labels:
        raise InvalidDataError(f"{path}: holds no case")
    return labels, lengths


def _check_case(where: str, case: _Case, separator: str) -> int:
    """Return the number of time points of a case."""
    if case.label.lower() in MISSING_LABELS:
        raise InvalidDataError(f"{where}: the case has no label; label it or remove it")
    for number, channel in enumerate(case.channels):
        if separator * 2 in f"{separator}{channel}{separator}":
            raise InvalidDataError(
                f"{where}: channel {number} has an empty value; write NaN where the value is missing"
            )
    if any(map(_reads_oddly, case.channels)):
        raise InvalidDataError(_wrong_value(where, case, separator))
    lengths = {channel.count(separator) + 1 for channel in case.channels}
    if len(lengths) > 1:
        raise InvalidDataError(
            f"{where}: channels differ in their number of time points ({min(lengths)} to {max(lengths)}); "
            "all channels of a case need the same"
        )
    return lengths.pop()


def _values(path: Path, form: _Format, copy: Path, lengths: list[int]) -> np.ndarray:
    """Parse the copy; return float32 (n_cases, n_channels, n_timepoints), NaN beyond each length."""
    from aeon import datasets  # takes a second to import, which asking whether a dataset is here must not

    try:
        cases, _ = getattr(datasets, form.parser)(str(copy))
        if len(cases) != len(lengths):
            raise ValueError(f"{len(cases)} cases were read from {len(lengths)} lines")
        if getattr(cases, "dtype", None) in (np.dtype(object), np.dtype(bool)):
            raise ValueError("a value is not a number")
        X = np.full((len(cases), len(cases[0]), max(lengths)), np.nan, dtype=np.float32)
        with np.errstate(over="ignore"):  # Panel refuses the infinite values an overflow leaves
            for i, values in enumerate(cases):
                X[i, :, : lengths[i]] = values
    except Exception as error:
        raise InvalidDataError(_culprit(path, form) or f"{path}: {reason(error)}") from error
    return X


def _culprit(path: Path, form: _Format) -> str:
    """Name the first value that is not a number; the empty string when there is none."""
    wrong = (_wrong_value(f"{path}:{case.line}", case, form.separator) for case in form.scan(path).cases)
    return next((text for text in wrong if text), "")


def _wrong_value(where: str, case: _Case, separator: str) -> str:
    """Name the first value of a case that is not a number; the empty string when there is none."""
    for number, channel in enumerate(case.channels):
        for time, token in enumerate(channel.split(separator)):
            if token.strip() != "?" and not _is_number(token):
                return (
                    f"{where}: channel {number}, time point {time}: {shown(token)!r} is not a number; "
                    "correct it, or write NaN where the value is missing"
                )
    return ""


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return not _reads_oddly(token)


def _reads_oddly(text: str) -> bool:
    """Say whether Python alone may take it for a number: 1_0, or digits of other scripts."""
    return "_" in text or not text.isascii()


def _labels(panel: Panel) -> list[str]:
    assert panel.y is not None
    return [panel.classes[i] for i in panel.y]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of the lines that are neither blank nor a comment."""
    with path.open(encoding=encoding(path)) as file:
        for number, line in enumerate(file, start=1):
            text = line.strip(" \r\n")
            if text.strip() and text[0] not in "#%":
                yield number, text


def encoding(path: Path) -> str:
    """Return utf-8 (with or without a byte order mark) or, where the bytes are not that, latin-1."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _scan_ts(path: Path) -> _Cases:
    lines = _lines(path)
    header: dict[str, str] = {}
    for _, text in lines:
        if text.lower() == "@data":
            break
        tag, _, value = text.partition(" ")
        header[tag.lower()] = value.strip()
    else:
        raise InvalidDataError(f"{path}: has no @data line; a .ts file needs one before its cases")
    if header.get("@timestamps", "").lower() == "true":
        raise InvalidDataError(f"{path}: @timeStamps true is not supported; write the values on a regular grid")
    if header.get("@targetlabel", "").lower() == "true":
        raise InvalidDataError(f"{path}: @targetLabel true: a regression problem, not a classification problem")
    flag, *declared = header.get("@classlabel", "true").split() or ["true"]
    if flag.lower() == "false":
        raise InvalidDataError(
            f"{path}: @classLabel false: the cases have no labels; a classification problem needs them"
        )
    unequal = header.get("@equallength", "true").lower() == "false"
    return _Cases(_ts_cases(path, lines, {normalise_label(label) for label in declared}), unequal)


def _ts_cases(path: Path, lines: Iterator[tuple[int, str]], declared: set[str]) -> Iterator[_Case]:
    for number, text in lines:
        *channels, label = (part.strip() for part in text.split(":"))
        if not channels:
            raise InvalidDataError(f"{path}:{number}: the case has no label; a case ends in ':label'")
        # Values taken for a label: what a line of several channels without one looks like.
        if declared and label not in MISSING_LABELS and normalise_label(label) not in declared:
            raise InvalidDataError(f"{path}:{number}: label {shown(label)!r} is not among those of @classLabel")
        yield _Case(number, channels, label)


def _scan_tsv(path: Path) -> _Cases:
    return _Cases(_split_label(path, _lines(path)))


def _scan_txt(path: Path) -> _Cases:
    return _Cases(_split_label(path, ((number, "\t".join(text.split())) for number, text in _lines(path))))


def _split_label(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[_Case]:
    for number, text in lines:
        label, tab, values = text.partition("\t")
        if not tab:
            raise InvalidDataError(f"{path}:{number}: a label followed by values is expected, found {shown(text)!r}")
        yield _Case(number, [values], label.strip())


def _scan_arff(path: Path) -> _Cases:
    lines = _lines(path)
    target = ""
    for _, text in lines:
        lowered = text.lower()
        if lowered == "@data":
            break
        if lowered.startswith("@attribute"):
            target = text
    else:
        raise InvalidDataError(f"{path}: has no @data line; an .arff file needs one before its cases")
    if not target.rstrip().endswith("}"):
        raise InvalidDataError(
            f"{path}: the last attribute must list the classes in braces, found {shown(target)!r}; "
            "a numeric target is a regression problem, not a classification problem"
        )
    return _Cases(_arff_cases(path, lines))


def _arff_cases(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[_Case]:
    for number, text in lines:
        quote = text[0] if text[0] in "'\"" else ""
        values, comma, label = text.removeprefix(quote).rpartition(f"{quote},")
        if not comma:
            raise InvalidDataError(f"{path}:{number}: values followed by a label are expected, found {shown(text)!r}")
        channels = values.split("\\n") if quote else [values]
        yield _Case(number, channels, label.strip().strip("'\""))


# The copy declares unequal lengths throughout: lengths were checked, and aeon then returns one array per case.
_TS = _Format(
    scan=_scan_ts,
    parser="load_from_ts_file",
    suffix=".ts",
    separator=",",
    header="@univariate false\n@equalLength false\n@classLabel true 0\n@data\n",
    row=lambda channels: ":".join([*channels, "0"]),
)
_TSV = _Format(
    scan=_scan_tsv,
    parser="load_from_tsv_file",
    suffix=".tsv",
    separator="\t",
    header="",
    row=lambda channels: "0\t" + channels[0].replace("?", "NaN"),
)
_ARFF = _Format(
    scan=_scan_arff,
    parser="load_from_arff_file",
    suffix=".arff",
    separator=",",
    header="@attribute series relational\n@data\n",
    row=lambda channels: "'" + "\\n".join(channels) + "',0",
)
