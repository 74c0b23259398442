"""Units of channels: which spellings are one unit, and the factor between units of voltage."""

from __future__ import annotations

VOLTS = {"nv": 1e-9, "uv": 1e-6, "μv": 1e-6, "microvolt": 1e-6, "mv": 1e-3, "millivolt": 1e-3, "v": 1.0, "volt": 1.0}
_SPELLINGS = (  # of one unit each; capitals, blanks and dots count for nothing
    ("degc", "°c", "c", "celsius", "cel"),
    ("degf", "°f", "f", "fahrenheit"),
    ("bpm", "pm", "1/min", "/min", "min-1", "beats/min", "breaths/min"),
    ("%", "percent", "pct"),
    ("ohm", "ω"),
    ("g/dl", "gm/dl"),
    ("iu/l", "u/l"),
)
_ONE = {spelling: spellings[0] for spellings in _SPELLINGS for spelling in spellings}


def factor(unit: str, wanted: str) -> float | None:
    """Return what values in a unit are multiplied by to be in the wanted one; None where that is not known.

    Voltages convert into each other; any other unit is one with what is spelt alike.
    """
    own, other = (_plain(one) for one in (unit, wanted))
    if own in VOLTS and other in VOLTS:
        return VOLTS[own] / VOLTS[other]
    return 1.0 if own == other else None


def _plain(unit: str) -> str:
    spelt = "".join(unit.casefold().replace(".", "").split())
    return _ONE.get(spelt, spelt)
