"""Recordings, one to a file: .csv, .parquet, EDF and WFDB, each read by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tsbench.data.grid import NEAR, SAMPLED, SURE, UNEVEN
from tsbench.errors import InvalidDataError
from tsbench.text import decoded
from tsbench_archives.arrays import META
from tsbench_archives.cells import composed, shown
from tsbench_archives.columns import PREFIXES
from tsbench_archives.table import check_columns, read
from tsbench_formats.edf import ANNOTATIONS, MICROVOLTS, read_edf
from tsbench_formats.wfdb import MILLIVOLTS, parse_header, read_signals

TIME = "time"
# What a column of another table is by its name is no channel: a label among them tells what is to be learnt.
TAKEN = ("recording", "case", "label", "sampling_rate", *META)
MILLI = 1e-3  # volts; what is in another unit keeps it


@dataclass(frozen=True)
class Recording:
    """One recording: values (n_channels, n_timepoints), NaN where missing; voltages of EDF and WFDB in millivolts.

    rate : Hz, None where the file does not state it. times : (n_timepoints,) rising, or None. units : of each channel,
    "" where the file states that there is none; () where files of its kind state none.
    """

    channels: tuple[str, ...]
    values: npt.NDArray[np.floating]
    rate: float | None = None
    times: npt.NDArray[np.float64] | None = None
    units: tuple[str, ...] = ()

    @property
    def stated_units(self) -> dict[str, str]:
        """Return {channel: its unit} of the channels of which one is stated."""
        return {channel: unit for channel, unit in zip(self.channels, self.units, strict=False) if unit}


def read_recording(path: Path) -> Recording:
    """Read a file by its ending, one of READERS; raises InvalidDataError naming it, and the line where there is one."""
    try:
        found = READERS[path.suffix.lower()](path)
    except OSError as error:
        raise InvalidDataError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = replace(found, channels=tuple(map(composed, found.channels)))
    for channel in found.channels:
        if channel.casefold() in TAKEN or channel.casefold().startswith(PREFIXES):
            raise InvalidDataError(
                f"{path}: has a channel '{shown(channel)}', and columns of that name tell of whole recordings, in "
                "labels.csv or static.csv: rename it where it is a signal, drop it where it is none"
            )
    if len(set(found.channels)) < len(found.channels) or not all(found.channels):
        listed = ", ".join(map(shown, found.channels))
        raise InvalidDataError(f"{path}: each channel needs a name of its own; they are called {listed}")
    if np.isnan(found.values).all():
        raise InvalidDataError(f"{path}: has no value")
    with np.errstate(over="ignore"):
        wrong = np.argwhere(np.isinf(found.values.astype(np.float32)))
    if len(wrong):
        channel, point = wrong[0]
        raise InvalidDataError(
            f"{path}: channel '{shown(found.channels[channel])}' is infinite or too large for float32 at time point "
            f"{point}; leave it empty where the value is missing, or rescale all recordings"
        )
    return found


def other_rate(times: npt.NDArray[np.float64], stated: float) -> float | None:
    """Return the rate in Hz of times (n_timepoints,) where it is another than a stated one; None for irregular ones."""
    steps = np.diff(times)
    near = steps[np.abs(steps - np.median(steps)) < NEAR * np.median(steps)] if len(steps) else steps
    if not len(near) or len(near) < SAMPLED * len(steps):
        return None
    error = SURE * float(near.std()) / len(near) ** 0.5 * stated
    # Gaps count in the mean of all steps alone, steps that rounding halves are not near; few may be rounded throughout.
    off = min(abs(float(some.mean()) * stated - 1) for some in (near, steps))
    return 1 / float(near.mean()) if off > 2 * UNEVEN + error and off * len(near) > NEAR else None


def _read_table(path: Path) -> Recording:
    table = read(path, check_columns, (), (TIME,))
    channels = [name for name in table.names if name != TIME]
    if not channels:
        raise InvalidDataError(f"{path}: has no column of values beside '{TIME}'")
    times = None
    if TIME in table.names:
        times = table.times(np.zeros(len(table.frame), dtype=np.int64))
        back = np.flatnonzero(np.diff(times) <= 0)
        if len(back):
            at, cells = int(back[0]) + 1, table.cells(TIME)
            raise InvalidDataError(
                f"{table.where(at)}: time {shown(cells[at])} is not after {shown(cells[at - 1])} of the row before; "
                "times must increase"
            )
    return Recording(tuple(channels), table.matrix(channels).T, times=times)


def _read_edf(path: Path) -> Recording:
    recording = read_edf(path.read_bytes(), str(path))
    channels = [channel for channel in recording.channels if channel.label != ANNOTATIONS]
    if not channels:
        raise InvalidDataError(f"{path}: has annotations and no signal")
    signals = [recording.values(one, MILLI * MICROVOLTS.get(one.unit.casefold(), 1 / MILLI)) for one in channels]
    for channel, (_, rate) in zip(channels, signals, strict=True):
        if rate != signals[0][1]:
            rates = f"'{channels[0].label}' is sampled at {signals[0][1]:g} Hz, '{channel.label}' at {rate:g} Hz"
            raise InvalidDataError(f"{path}: {rates}; give the channels of one rate")
    units = tuple("mV" if one.unit.casefold() in MICROVOLTS else one.unit for one in channels)
    labels = tuple(one.label for one in channels)
    return Recording(labels, np.stack([x for x, _ in signals]), signals[0][1], units=units)


def _read_wfdb(path: Path) -> Recording:
    try:
        header = parse_header(decoded(path.read_bytes()), str(path))
    except ValueError as error:
        raise InvalidDataError(f"{path}: {error}") from error
    if header.record != path.stem:
        raise InvalidDataError(f"{path}: is the header of record '{shown(header.record)}', not of its file's name")

    def content(name: str) -> bytes:
        file = path.parent / name
        if Path(name).name != name or not file.is_file():
            raise InvalidDataError(f"{path}: its signals are in {shown(name)}, which is not beside it")
        return file.read_bytes()

    values = read_signals(header, content, str(path), any_unit=True)
    units = tuple("mV" if signal.unit.casefold() in MILLIVOLTS else signal.unit for signal in header.signals)
    return Recording(tuple(signal.name for signal in header.signals), values, header.rate, units=units)


READERS = {".csv": _read_table, ".parquet": _read_table, ".edf": _read_edf, ".hea": _read_wfdb}


def recording_files(folder: Path, beside: Sequence[str]) -> dict[str, Path]:
    """Return {name of a recording: its file} of a folder, without the files called as in `beside`.

    Raises InvalidDataError where two files have one name, in one form of Unicode or in two.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in READERS or path.name in beside or path.name.startswith("."):
            continue
        name = composed(path.stem)
        if name in found:
            alike = " (in another form of Unicode)" if path.stem != found[name].stem else ""
            raise InvalidDataError(f"{path}: is recording '{name}', and so is {found[name].name}{alike}; keep one")
        found[name] = path
    return found


def headless(folder: Path, found: Mapping[str, Path]) -> list[Path]:
    """Return the files of WFDB signals that no header names, each a recording that would not be read.

    found : the files of the recordings.
    """
    signals = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".dat", ".mat")]
    lost = [path for path in signals if found.get(composed(path.stem), path).suffix.lower() != ".hea"]
    headers = [path for path in found.values() if path.suffix.lower() == ".hea"] if lost else []
    named = {word for path in headers for word in decoded(path.read_bytes()).split()}
    return [path for path in lost if path.name not in named]
