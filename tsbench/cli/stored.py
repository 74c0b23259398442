"""What a store should hold, whatever it holds: a row that is not as tsbench writes it hides no other."""

from __future__ import annotations

import contextlib
import datetime
import math
from typing import Any

# What code that trusts a row raises on one that is not as it was written.
NOT_AS_WRITTEN = (KeyError, TypeError, AttributeError, ValueError)


def mapping(value: Any) -> dict[str, Any]:
    """Return the value where it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    """Return the value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """Return the value where it is a finite number, else None."""
    with contextlib.suppress(OverflowError):
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None


def whole(value: Any) -> int | None:
    """Return the value where it is a whole number that a table can hold, else None."""
    found = number(value)
    return None if found is None or abs(found) >= 2**63 else int(found)


def moment(value: Any) -> str:
    """Return seconds since 1970 as a date and time, or the value itself where they are none."""
    with contextlib.suppress(OverflowError, ValueError, OSError, TypeError):
        return datetime.datetime.fromtimestamp(value, datetime.UTC).isoformat(timespec="seconds")
    return str(value)


def points(value: Any) -> list[tuple[float, float]]:
    """Return the (step, loss) of a training curve, without what is none; a loss may be infinite or not a number."""
    pairs = (one for one in entries(value) if isinstance(one, list) and len(one) == 2)
    return [(step, loss) for step, loss in pairs if number(step) is not None and isinstance(loss, int | float)]
