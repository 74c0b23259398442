"""Readers of the archives' text formats (.ts, .tsv, .arff, .txt), each returning one Panel.

Values are parsed by aeon. A first pass over the file checks its structure, keeps the labels as they are written (aeon
lower-cases them) and hands aeon a clean copy: no comments, no blank lines, no odd encoding, no labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tsbench.data.memory import check_room
from tsbench.data.panel import Panel, normalise_label
from tsbench.errors import InvalidDataError
from tsbench_archives.arff import scan_arff
from tsbench_archives.cells import MISSING, reason, shown, why_missing
from tsbench_archives.labels import target
from tsbench_archives.scan import Case, Cases, scan_ts, scan_tsv, scan_txt


@dataclass(frozen=True)
class _Format:
    """How to find the cases of a file and to write them (`header`, then a `row` per case) for aeon's `parser`."""

    scan: Callable[[Path], Cases]
    parser: str
    suffix: str
    separator: str
    header: str
    row: Callable[[list[str]], str]


def read_ts(path: Path, task: str = "") -> Panel:
    """Read a .ts file (sktime/aeon format), for regression with @targetLabel true.

    task : as in `labels.target`, here and below; "" for what the file says. Raises InvalidDataError, also for time
    stamps.
    """
    return _read(path, _TS, task)


def read_tsv(path: Path, task: str = "") -> Panel:
    """Read a .tsv file of the UCR archive: label first, tab separated, univariate. Raises InvalidDataError."""
    return _read(path, _TSV, task)


def read_txt(path: Path, task: str = "") -> Panel:
    """Read a .txt file of the UCR archive: label first, separated by blanks, univariate. Raises InvalidDataError."""
    return _read(path, replace(_TSV, scan=scan_txt), task)


def read_arff(path: Path, task: str = "") -> Panel:
    """Read an .arff file, univariate or with one relational attribute, label last. Raises InvalidDataError."""
    return _read(path, _ARFF, task)


def read_channels(paths: Sequence[Path], task: str = "") -> Panel:
    """Read one .arff file per channel into one Panel. Raises InvalidDataError when the files do not fit together."""
    panels = [read_arff(path, task) for path in paths]
    for path, panel in zip(paths, panels, strict=True):
        if panel.n_channels != 1:
            raise InvalidDataError(f"{path}: has {panel.n_channels} channels where one per file is expected")
        if panel.X.shape != panels[0].X.shape or not _same_labels(panel, panels[0]):
            raise InvalidDataError(
                f"{path}: cases, lengths or labels differ from those of {paths[0].name}; "
                "all files of one part must list the same cases in the same order"
            )
    return replace(panels[0], X=np.concatenate([panel.X for panel in panels], axis=1))


def trim_padding(panel: Panel) -> Panel:
    """Take missing values at the end of a case, in all channels, as padding: they no longer count in its length."""
    observed = np.asarray(~np.isnan(panel.X).all(axis=1))
    last = panel.n_timepoints - np.argmax(observed[:, ::-1], axis=1)
    return replace(panel, lengths=np.where(observed.any(axis=1), last, 1).astype(np.int32))


def _read(path: Path, form: _Format, task: str) -> Panel:
    try:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / f"copy{form.suffix}"
            cases, lengths, said = _write_copy(path, form, copy, task)
            X = _values(path, form, copy, lengths)
        found = target([label for _, label in cases], task or said, lambda case: f"{path}:{cases[case][0]}")
        return Panel.build(X, lengths=lengths, **found)
    except OSError as error:
        raise InvalidDataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except InvalidDataError as error:
        raise error if str(error).startswith(str(path)) else InvalidDataError(f"{path}: {error}") from error


def _write_copy(path: Path, form: _Format, copy: Path, task: str) -> tuple[list[tuple[int, str]], list[int], str]:
    """Check every case and write it for the parser; return (line, label) and length of each, and the file's task."""
    if path.stat().st_size == 0:
        raise InvalidDataError(f"{path}: the file is empty")
    labels: list[tuple[int, str]] = []
    lengths: list[int] = []
    unlabelled: list[Case] = []
    n_channels = 0
    scanned = form.scan(path)
    with copy.open("w", encoding="utf-8") as out:
        out.write(form.header)
        for case in scanned.cases:
            if not (task == "multilabel" and not case.label) and _check_label(
                f"{path}:{case.line}", case.label, scanned
            ):
                unlabelled.append(case)
                continue
            length = _check_case(f"{path}:{case.line}", case, form.separator)
            if scanned.univariate and len(case.channels) > 1:
                raise InvalidDataError(f"{path}:{case.line}: {len(case.channels)} channels where @univariate is true")
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
            labels.append((case.line, case.label))
            lengths.append(length)
            out.write(form.row(case.channels) + "\n")
    if unlabelled:
        line, _, label = unlabelled[0]
        why = why_missing(label, len(unlabelled), "case")
        raise InvalidDataError(f"{path}:{line}: the case has no label {why}; label it or remove it")
    if not labels:
        raise InvalidDataError(f"{path}: holds no case")
    return labels, lengths, scanned.task


def _check_label(where: str, label: str, scanned: Cases) -> bool:
    """Say whether a case has no label; a spelling of a missing value is a label where the file declares it."""
    declared = normalise_label(label) in scanned.declared
    if label in MISSING and (not declared or label == "?"):
        return True
    if scanned.declared and not declared:  # values taken for a label, or a slip of the pen
        raise InvalidDataError(f"{where}: label {shown(label)!r} is not among those of {scanned.listed_in}")
    return False


def _check_case(where: str, case: Case, separator: str) -> int:
    """Return the number of time points of a case."""
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
    """Parse the copy; return float64 (n_cases, n_channels, n_timepoints), NaN beyond each length."""
    from aeon import datasets  # takes a second to import, which asking whether a dataset is here must not

    try:
        cases, _ = getattr(datasets, form.parser)(str(copy))
        if len(cases) != len(lengths):
            raise ValueError(f"{len(cases)} cases were read from {len(lengths)} lines")
        if getattr(cases, "dtype", None) in (np.dtype(object), np.dtype(bool)):
            raise ValueError("a value is not a number")
        check_room(2 * 8 * len(cases) * len(cases[0]) * max(lengths))
        X = np.full((len(cases), len(cases[0]), max(lengths)), np.nan)
        for i, values in enumerate(cases):
            X[i, :, : lengths[i]] = values
    except InvalidDataError:
        raise
    except Exception as error:
        raise InvalidDataError(_culprit(path, form) or f"{path}: {reason(error)}") from error
    return X


def _culprit(path: Path, form: _Format) -> str:
    """Name the first value that is not a number; the empty string when there is none."""
    wrong = (_wrong_value(f"{path}:{case.line}", case, form.separator) for case in form.scan(path).cases)
    return next((text for text in wrong if text), "")


def _wrong_value(where: str, case: Case, separator: str) -> str:
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
    """Say whether Python alone may take it for a number: 1_0, digits of other scripts, or what a NUL cuts short."""
    return "_" in text or "\0" in text or not text.isascii()


def _same_labels(one: Panel, other: Panel) -> bool:
    return one.classes == other.classes and np.array_equal(one.y, other.y)  # type: ignore[arg-type]


# The copy declares unequal lengths throughout: lengths were checked, and aeon then returns one array per case.
_TS = _Format(
    scan=scan_ts,
    parser="load_from_ts_file",
    suffix=".ts",
    separator=",",
    header="@univariate false\n@equalLength false\n@classLabel true 0\n@data\n",
    row=lambda channels: ":".join([*channels, "0"]),
)
_TSV = _Format(
    scan=scan_tsv,
    parser="load_from_tsv_file",
    suffix=".tsv",
    separator="\t",
    header="",
    row=lambda channels: "0\t" + channels[0].replace("?", "NaN"),
)
_ARFF = _Format(
    scan=scan_arff,
    parser="load_from_arff_file",
    suffix=".arff",
    separator=",",
    header="@attribute series relational\n@data\n",
    row=lambda channels: "'" + "\\n".join(channels) + "',0",
)
