"""WFDB records: the header, signals of formats 16 and 212 (also inside .mat files), and annotations.

https://physionet.org/physiotools/wag/ describes the formats. Other signal formats are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError

MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "μv": 1e-3, "v": 1e3}
INVALID = {"16": -(1 << 15), "212": -(1 << 11)}
MAX_SAMPLES = 1 << 30
RHYTHM, SKIP, AUX, NUM, SUB, CHANNEL = 28, 59, 63, 60, 61, 62

_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::0)?(?:\+(\d+))?")
_GAIN = re.compile(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)?(?:\(([-+]?\d+)\))?(?:/(\S+))?")


@dataclass(frozen=True)
class Signal:
    """One signal of a record: its file, how its samples are stored, and how they become millivolts."""

    file: str
    format: str
    offset: int
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    name: str


@dataclass(frozen=True)
class Header:
    """A record's header. rate in Hz; n_samples per signal; comments without their '#'."""

    record: str
    rate: float
    n_samples: int
    signals: tuple[Signal, ...]
    comments: tuple[str, ...]

    def comment(self, key: str) -> str | None:
        """Return the text after "key:" in the comments; None where there is none."""
        for comment in self.comments:
            name, colon, text = comment.partition(":")
            if colon and name.strip().lower() == key.lower():
                return text.strip()
        return None


def parse_header(text: str, where: str) -> Header:
    """Read a .hea file. Raises InvalidDataError naming `where` and the line."""
    lines = [line.strip() for line in text.splitlines()]
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise InvalidDataError(f"{where}: is empty")
    fields = lines[0].split()
    try:
        record, n_signals, rate, n_samples = (
            fields[0],
            int(fields[1]),
            float(re.split("[/(]", fields[2])[0]),
            int(fields[3]),
        )
    except (IndexError, ValueError):
        raise InvalidDataError(
            f"{where}: its first line '{lines[0][:80]}' is not 'record signals rate samples'"
        ) from None
    if "/" in record:
        raise InvalidDataError(f"{where}: is a record of several segments, which is not read")
    if len(lines) - 1 != n_signals or n_signals < 1:
        raise InvalidDataError(f"{where}: states {n_signals} signals and describes {len(lines) - 1}")
    if not 0 < rate < 1e6 or not 0 < n_samples < MAX_SAMPLES:
        raise InvalidDataError(f"{where}: states {n_samples} samples at {rate} Hz, which cannot be")
    return Header(record, rate, n_samples, tuple(_signal(line, where) for line in lines[1:]), comments)


def _signal(line: str, where: str) -> Signal:
    fields = line.split(maxsplit=8)
    kind = _FORMAT.fullmatch(fields[1]) if len(fields) > 1 else None
    gain = _GAIN.fullmatch(fields[2]) if len(fields) > 2 else _GAIN.fullmatch("200")
    try:
        if kind is None or gain is None or kind[2] not in (None, "1"):
            raise ValueError
        zero = int(fields[4]) if len(fields) > 4 else 0
        per_millivolt = float(gain[1] or 200) or 200.0
        if not np.isfinite(per_millivolt):
            raise ValueError
        return Signal(
            file=fields[0],
            format=kind[1],
            offset=int(kind[3] or 0),
            gain=per_millivolt,
            baseline=int(gain[2]) if gain[2] else zero,
            unit=gain[3] or "mV",
            checksum=int(fields[6]) if len(fields) > 6 else None,
            name=fields[8].strip() if len(fields) > 8 else "",
        )
    except ValueError:
        raise InvalidDataError(f"{where}: the signal line '{line[:80]}' cannot be read") from None


def check_rate(header: Header, rate: float, where: str) -> None:
    """Raise InvalidDataError for a record of another sampling rate."""
    if header.rate != rate:
        raise InvalidDataError(f"{where}: is sampled at {header.rate:g} Hz, expected {rate:g} Hz")


def read_signals(
    header: Header, content: Callable[[str], bytes], where: str, any_unit: bool = False
) -> npt.NDArray[np.float32]:
    """Return float32 (n_signals, n_samples) in millivolts; samples marked invalid are NaN.

    content : returns the bytes of a signal file by its name. Raises InvalidDataError when a file is shorter or longer
    than the header says, its checksum differs, or a unit is none of voltage: with any_unit such signals keep theirs.
    """
    values: dict[int, npt.NDArray[np.float32]] = {}
    for file in dict.fromkeys(signal.file for signal in header.signals):
        rows = [i for i, signal in enumerate(header.signals) if signal.file == file]
        first = header.signals[rows[0]]
        if any((header.signals[i].format, header.signals[i].offset) != (first.format, first.offset) for i in rows):
            raise InvalidDataError(f"{where}: signals of {file} are in different formats, which is not read")
        raw = _samples(content(file), first, len(rows) * header.n_samples, f"{where}, {file}")
        for i, row in zip(rows, raw.reshape(header.n_samples, len(rows)).T, strict=True):
            values[i] = _millivolts(row, header.signals[i], f"{where}, signal {i} '{header.signals[i].name}'", any_unit)
    return np.stack([values[i] for i in range(len(header.signals))])


def _samples(content: bytes, signal: Signal, count: int, where: str) -> npt.NDArray[np.int16]:
    if signal.format not in INVALID:
        raise InvalidDataError(f"{where}: is in signal format {signal.format}; formats 16 and 212 are read")
    if signal.offset > len(content):
        raise InvalidDataError(f"{where}: ends before its samples begin; the record is truncated")
    data = np.frombuffer(content, dtype=np.uint8, offset=signal.offset)
    size = 2 * count if signal.format == "16" else (3 * count + 1) // 2
    if len(data) < size:
        raise InvalidDataError(f"{where}: holds {len(data)} bytes of samples, the header says {size}; it is truncated")
    if len(data) > size + 2:  # odd counts are filled up
        raise InvalidDataError(f"{where}: holds {len(data)} bytes of samples, the header says {size}; they disagree")
    if signal.format == "16":
        return data[:size].view("<i2")
    padded = np.zeros(-(-size // 3) * 3, dtype=np.int16)
    padded[:size] = data[:size]
    low, middle, high = padded.reshape(-1, 3).T
    pairs = np.stack([low | ((middle & 0x0F) << 8), high | ((middle & 0xF0) << 4)], axis=1).ravel()[:count]
    return np.where(pairs > 2047, pairs - 4096, pairs).astype(np.int16)


def _millivolts(raw: npt.NDArray[np.int16], signal: Signal, where: str, any_unit: bool) -> npt.NDArray[np.float32]:
    if signal.checksum is not None and (int(raw.sum(dtype=np.int64)) - signal.checksum) % 65536:
        raise InvalidDataError(f"{where}: its checksum is not that of the header; the record is damaged")
    scale = MILLIVOLTS.get(signal.unit.casefold(), 1.0 if any_unit else None)
    if scale is None:
        raise InvalidDataError(f"{where}: is in '{signal.unit}', which is no unit of voltage (mV, uV, V)")
    values = (raw.astype(np.float64) - signal.baseline) * (scale / signal.gain)
    values[raw == INVALID[signal.format]] = np.nan
    return values.astype(np.float32)


def parse_annotations(content: bytes, where: str) -> list[tuple[int, int, str]]:
    """Return (sample, code, auxiliary text) of an annotation file in MIT format.

    Raises InvalidDataError for a file that ends early or whose times run backwards.
    """
    found: list[tuple[int, int, str]] = []
    position, time = 0, 0

    def take(size: int) -> bytes:
        nonlocal position
        piece = content[position : position + size]
        if len(piece) != size:
            raise InvalidDataError(f"{where}: ends within an annotation; it is truncated")
        position += size
        return piece

    while True:
        word = int.from_bytes(take(2), "little")
        code, step = word >> 10, word & 0x3FF
        if word == 0:
            return found
        if code == SKIP:
            high, low = take(2), take(2)
            time += int.from_bytes(low + high, "little", signed=True)
        elif code == AUX:
            text = take(step + step % 2)[:step].decode("latin-1").rstrip("\0")
            if not found:
                raise InvalidDataError(f"{where}: begins with a text that belongs to no annotation")
            found[-1] = (*found[-1][:2], text)
        elif code not in (NUM, SUB, CHANNEL):
            time += step
            if time < (found[-1][0] if found else 0):
                raise InvalidDataError(f"{where}: the times of annotations run backwards at sample {time}")
            found.append((time, code, ""))


def rhythms(found: list[tuple[int, int, str]], n_samples: int) -> list[tuple[int, int, str]]:
    """Return (begin, end, rhythm) of every stretch, from each change of rhythm to the next or the record's end."""
    changes = [(time, text[1:]) for time, code, text in found if code == RHYTHM and text.startswith("(")]
    ends = [time for time, _ in changes[1:]] + [n_samples]
    return [(begin, end, name) for (begin, name), end in zip(changes, ends, strict=False)]
