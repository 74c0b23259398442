"""Durations, rates and shares as people write them: "10s", "250ms", "100hz", "50%"."""

from __future__ import annotations

import contextlib
import math
import re
from decimal import Decimal

from tsbench.data.panel import SECONDS

HERTZ = {"hz": 1.0, "khz": 1000.0}
SHARES = {"": 1.0, "%": 0.01}
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)\s*([a-z%]*)", re.IGNORECASE | re.ASCII)


def seconds(text: object) -> float:
    """Return a duration such as "250ms", "10s", "5min", "1h" or "1d" in seconds; raises ValueError."""
    return _quantity(text, SECONDS, "a duration such as 250ms, 10s, 5min, 1h or 1d")


def hertz(text: object) -> float:
    """Return a rate or frequency such as "100hz" or "1khz" in Hz; raises ValueError."""
    return _quantity(text, HERTZ, "a frequency such as 50hz or 1khz")


def band(text: object) -> tuple[float, float]:
    """Return the edges of a band such as "0.5-40hz" in Hz; raises ValueError where the first is not below the other."""
    low, dash, high = (str(text) if isinstance(text, str) else "").partition("-")
    wanted = "a band such as 0.5-40hz"
    edge = _quantity(high if dash else "", HERTZ, wanted)
    unit = _QUANTITY.fullmatch(high.strip())
    first = _quantity(low if low.strip()[-1:].isalpha() else f"{low}{unit[2] if unit else ''}", HERTZ, wanted)
    if first >= edge:
        raise ValueError(f"{text!r} ends at or below where it begins; write {wanted}")
    return first, edge


def extent(text: object) -> float | int:
    """Return a duration in seconds (float), or a whole number of time points (int) where there is no unit."""
    plain = text if isinstance(text, str) else ""
    if plain.isascii() and plain.isdecimal() and int(plain):
        return int(plain)
    return _quantity(text, SECONDS, "a duration such as 10s or 250ms, or a whole number of time points such as 128")


def share(text: object) -> float:
    """Return a share such as "50%" or "0.5", from 0 to below 1; raises ValueError."""
    wanted = "a share from 0 to below 1, such as 50% or 0.5"
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None or found[2] not in ("", "%"):
        raise ValueError(f"{text!r} is not {wanted}")
    value = float(Decimal(found[1]) / (100 if found[2] else 1))  # 33.3 % is 0.333
    if not value < 1:
        raise ValueError(f"{text!r} is not {wanted}")
    return value


def spellings(text: str) -> list[str]:
    """Return other ways to write one quantity, whole numbers and short texts first: of "60min" "1h", "3600s" ...

    They mean the same where the unit is one of a duration or frequency, or of a share; who reads them says what is.
    """
    with contextlib.suppress(ValueError):
        low, high = band(text)
        return [f"{low:.12g}-{high:.12g}hz"]
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        return []
    number, unit = float(found[1]), found[2].lower()
    scales = next((scale for scale in (SECONDS, HERTZ, SHARES) if unit in scale), {unit: 1.0})
    written = [f"{number * scales[unit] / size:.12g}{name}" for name, size in scales.items()]
    return sorted(written, key=lambda one: ("e" in one, "." in one, len(one), one))


def _quantity(text: object, units: dict[str, float], wanted: str) -> float:
    found = _QUANTITY.fullmatch(text.strip()) if isinstance(text, str) else None
    unit = units.get(found[2].lower()) if found else None
    if found is None or unit is None:
        missing = " has no unit" if found and not found[2] else f" is not {wanted}"
        raise ValueError(f"{text!r}{missing}" + (f"; write {wanted}" if found and not found[2] else ""))
    value = float(found[1]) * unit
    if not 0 < value < math.inf:
        raise ValueError(f"{text!r} must be above 0")
    return value
