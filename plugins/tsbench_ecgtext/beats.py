"""One beat of a record as the authors' published encoding code cuts it (ECG_image_encoding)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsbench.errors import MethodError

RATE = 100.0  # Hz, the one that the published code is for
BEFORE, AFTER = 35, 65  # samples of a beat around its R peak
SLOWEST, FASTEST = 20.0, 140.0  # beats per minute
PROMINENCE = 0.6
LEAD_II = 1
Array = npt.NDArray[Any]


def one_beat(x: Array) -> Array:
    """Return float64 (n_channels, 100): the beat in the middle of a record (n_channels, n_timepoints) at 100 Hz.

    High-pass at 0.5 Hz, R peaks, low-pass at 15 Hz, both filters without phase. Where no peak has room for a beat, the
    100 samples in the middle are taken. The published code draws one beat of a record at random.

    Raises MethodError for a record shorter than a beat.
    """
    if x.shape[-1] < BEFORE + AFTER:
        raise MethodError(f"a record has {x.shape[-1]} samples, fewer than a beat of {BEFORE + AFTER}")
    high = _filtered(x.astype(np.float64), 0.5, "highpass")
    peaks = [peak for peak in r_peaks(high) if BEFORE <= peak <= x.shape[-1] - AFTER]
    peak = peaks[len(peaks) // 2] if peaks else x.shape[-1] // 2
    start = min(max(0, peak - BEFORE), x.shape[-1] - BEFORE - AFTER)
    low: Array = _filtered(high, 15.0, "lowpass")
    return low[:, start : start + BEFORE + AFTER]


def r_peaks(x: Array) -> list[int]:
    """Return the samples of the R peaks of a high-passed record, on lead II at the pace that all leads agree on."""
    from scipy.signal import find_peaks

    leads = [_upright(lead) for lead in x]
    shortest = 0.8 * RATE * 60 / FASTEST
    periods = [_period(find_peaks(lead, distance=shortest, prominence=PROMINENCE)[0], len(lead)) for lead in leads]
    known = [period for period in periods if period]
    if not known:
        return []
    lead = leads[min(LEAD_II, len(leads) - 1)]
    found = find_peaks(lead, distance=max(1.0, 0.6 * float(np.median(known))), prominence=PROMINENCE)[0]
    return [int(peak) for peak in found]


def _upright(lead: Array) -> Array:
    """Return a lead over the median of its largest values per second, turned where those downwards are larger."""
    seconds = lead[: len(lead) // int(RATE) * int(RATE)].reshape(-1, int(RATE))
    up, down = (float(np.median(part.max(axis=1))) for part in (seconds, -seconds))
    lead, height = (-lead, down) if down > up else (lead, up)
    return lead / height if height > 0 else lead


def _period(peaks: Array, n: int) -> float:
    """Return the period of peaks in samples, by the largest of their periodogram over the frequency; 0 for none."""
    from scipy.signal import periodogram

    if len(peaks) < 2:
        return 0.0
    train = np.zeros(n)
    train[peaks] = 1.0
    frequency, power = periodogram(train, RATE)
    pace = 60 * frequency
    there = (pace >= SLOWEST) & (pace <= FASTEST)
    if not there.any():
        return 0.0
    return float(RATE / frequency[there][np.argmax(power[there] / frequency[there])])


def _filtered(x: Array, cutoff: float, kind: str) -> Array:
    from scipy.signal import butter, sosfiltfilt

    sections = butter(2, cutoff, kind, fs=RATE, output="sos")
    found: Array = sosfiltfilt(sections, x, axis=-1, padtype="even", padlen=min(200, x.shape[-1] - 1))
    return found
