"""EDF and EDF+ recordings: signals of chosen channels, and annotations (hypnograms)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError
from tsbench.text import decoded, plain

MICROVOLTS = {"uv": 1.0, "μv": 1.0, "mv": 1e3, "v": 1e6}  # by casefold, which knows one µ
ANNOTATIONS = "EDF Annotations"
MAX_SIGNALS = 1024
BLOCK = 1 << 15  # samples that are calibrated at a time


@dataclass(frozen=True)
class Channel:
    """One signal as the header describes it; `samples` of it are in each data record, `start` after its beginning."""

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    samples: int
    start: int


@dataclass(frozen=True)
class Recording:
    """An EDF file: data int16 (n_records, samples per record), each record of `duration` seconds."""

    channels: tuple[Channel, ...]
    duration: float
    data: npt.NDArray[np.int16]
    where: str

    def signal(self, label: str) -> tuple[npt.NDArray[np.float32], float]:
        """Return (values in microvolts, sampling rate in Hz) of a channel, by its label.

        Raises InvalidDataError when there is no such channel or its unit is none of voltage.
        """
        channel = next((c for c in self.channels if c.label == label), None)
        if channel is None:
            known = ", ".join(c.label for c in self.channels)
            raise InvalidDataError(f"{self.where}: has no channel '{label}'; it has {known}")
        scale = MICROVOLTS.get(channel.unit.casefold())
        if scale is None:
            raise InvalidDataError(f"{self.where}: '{label}' is in '{channel.unit}', which is no unit of voltage")
        return self.values(channel, scale)

    def values(self, channel: Channel, scale: float = 1.0) -> tuple[npt.NDArray[np.float32], float]:
        """Return (values in the channel's unit times scale, sampling rate in Hz); raises InvalidDataError."""
        label = channel.label
        if self.duration <= 0 or channel.samples < 1:
            raise InvalidDataError(f"{self.where}: channel '{label}' has no duration")
        (low, high), (first, last) = channel.physical, channel.digital
        if low == high or first >= last:
            raise InvalidDataError(f"{self.where}: '{label}' has a range without extent")
        raw = self.data[:, channel.start : channel.start + channel.samples].ravel()
        gain, values = scale * (high - low) / (last - first), np.empty(len(raw), dtype=np.float32)
        for begin in range(0, len(raw), BLOCK):  # what is worked on stays in the processor's cache
            block = raw[begin : begin + BLOCK].astype(np.float64)
            block -= first
            block *= gain
            block += scale * low
            values[begin : begin + BLOCK] = block
        return values, channel.samples / self.duration

    def annotations(self) -> list[tuple[float, float, str]]:
        """Return (onset, duration, text) of each annotation, in seconds; those without a text are left out."""
        found: list[tuple[float, float, str]] = []
        for channel in self.channels:
            if channel.label == ANNOTATIONS:
                for record in self.data[:, channel.start : channel.start + channel.samples]:
                    found += _stamps(record.tobytes(), self.where)
        return [(onset, length, text) for onset, length, text in found if text]


def read_edf(content: bytes, where: str) -> Recording:
    """Read an EDF, EDF+C, or EDF+D file without gaps.

    Raises InvalidDataError naming `where` for a truncated file, one whose header and size disagree, or one with gaps.
    """
    header = content[:256].decode("latin-1")
    if header[:8].strip() != "0" or len(header) < 256:
        raise InvalidDataError(f"{where}: is no EDF file")
    size, n_records, n_signals = (_whole(header[a:b], where) for a, b in ((184, 192), (236, 244), (252, 256)))
    duration = _real(header[244:252], where)
    if n_records < 1 or not 0 < n_signals <= MAX_SIGNALS or duration < 0 or size != 256 * (n_signals + 1):
        raise InvalidDataError(
            f"{where}: its header states {n_records} records of {duration:g} s and {n_signals} signals in "
            f"{size} bytes, "
            "which cannot be"
        )
    channels = _channels(content[256:size].decode("latin-1"), n_signals, where)
    width = sum(channel.samples for channel in channels)
    expected = size + 2 * width * n_records
    if len(content) != expected:
        state = "it is truncated" if len(content) < expected else "they disagree"
        raise InvalidDataError(f"{where}: has {len(content)} bytes, its header says {expected}; {state}")
    data = np.frombuffer(content, dtype="<i2", offset=size).reshape(n_records, width)
    recording = Recording(channels, duration, data, where)
    if header[192:197] == "EDF+D":
        _check_no_gaps(recording)
    return recording


def _channels(text: str, count: int, where: str) -> tuple[Channel, ...]:
    if len(text) != 256 * count:
        raise InvalidDataError(f"{where}: ends within its header; it is truncated")
    columns, position = [], 0
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8):
        columns.append([_field(text[position + i * width : position + (i + 1) * width]) for i in range(count)])
        position += width * count
    labels, _, units, lows, highs, firsts, lasts, _, samples = columns
    channels, start = [], 0
    for i, label in enumerate(labels):
        n_samples = _whole(samples[i], where)
        if n_samples < 0:
            raise InvalidDataError(f"{where}: '{label}' has {n_samples} samples per record, which cannot be")
        physical = (_real(lows[i], where), _real(highs[i], where))
        digital = (_whole(firsts[i], where), _whole(lasts[i], where))
        channels.append(Channel(label, units[i], physical, digital, n_samples, start))
        start += n_samples
    return tuple(channels)


def _field(text: str) -> str:
    """Return a field of a header, which should be ASCII."""
    return plain(decoded(text.encode("latin-1")).strip())


def _check_no_gaps(recording: Recording) -> None:
    """Raise InvalidDataError unless every record of an EDF+D file begins where the one before ends."""
    channel = next((c for c in recording.channels if c.label == ANNOTATIONS), None)
    if channel is None:
        raise InvalidDataError(f"{recording.where}: is EDF+D without times of its records")
    first = None
    for number, record in enumerate(recording.data[:, channel.start : channel.start + channel.samples]):
        stamps = _stamps(record.tobytes(), recording.where)
        onset = stamps[0][0] if stamps else None
        first = onset if first is None else first
        if onset is None or first is None or abs(onset - first - number * recording.duration) > 1e-3:
            raise InvalidDataError(f"{recording.where}: has a gap before record {number} (EDF+D); split it at its gaps")


def _stamps(record: bytes, where: str) -> list[tuple[float, float, str]]:
    """Return (onset, duration, text) of the time-stamped annotation lists of one data record."""
    found = []
    for block in record.split(b"\x00"):
        if not block:
            continue
        stamp, *texts = block.split(b"\x14")
        onset, _, length = stamp.partition(b"\x15")
        if onset[:1] not in (b"+", b"-") or not texts:
            raise InvalidDataError(f"{where}: holds an annotation that cannot be read")
        begin, extent = _real(onset.decode("latin-1"), where), _real(length.decode("latin-1") or "0", where)
        found += [(begin, extent, text.decode("utf-8", errors="replace")) for text in texts[:-1]]
    return found


def _whole(text: str, where: str) -> int:
    value = _real(text, where)
    if not value.is_integer():
        raise InvalidDataError(f"{where}: '{plain(text.strip()[:40])}' in its header is not a whole number")
    return int(value)


def _real(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InvalidDataError(f"{where}: '{plain(text.strip()[:40])}' is not a number")
    return value
