"""Cases of other data for a run that is there: of its channels, its rate and its length."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from tsbench.data.grid import rate_of
from tsbench.data.join import narrowed
from tsbench.data.match import matched
from tsbench.data.panel import Panel
from tsbench.data.scale import named
from tsbench.errors import InvalidDataError


def fitted(panel: Panel, like: Panel, name: str, needs: Collection[str], whole: bool = True) -> tuple[Panel, list[str]]:
    """Return cases `matched` to those of a run, as long as these where all of them are of one length, and what to say.

    A longer case is cut to its beginning. whole : refuse a shorter one, since nothing is made up; else take it so.
    name : what the cases are called. What to say is what the cases do not state, and what was done to them.

    Raises InvalidDataError as `matched` does, and for a case whose length does not suit.
    """
    panel, said = matched(panel, like, name, needs), list[str]()
    length, rate = int(like.lengths[0]), rate_of(like)
    fixed = bool((like.lengths == length).all()) and (like.times is None or rate is not None)
    others = np.flatnonzero(panel.lengths != length) if fixed else np.empty(0, dtype=np.int64)
    if rate is not None and rate_of(panel) is None:
        if len(others):
            raise InvalidDataError(
                f"{named(panel, others[0], name)} states no sampling rate and has {panel.lengths[others[0]]} points, "
                f"expected {length} at {rate:g} Hz; state the rate, or give times"
            )
        said.append(f"{name} states no sampling rate: it is taken to have {rate:g} Hz")
    if not len(others):
        return panel, said
    first = min(others, key=lambda case: panel.lengths[case])  # the shortest is what may not do
    lasts, expected = (_duration(int(n), rate) for n in (panel.lengths[first], length))
    what = f"{named(panel, first, name)} lasts {lasts}, and what was learnt from {expected}"
    if panel.lengths[first] > length:
        also = f", and so of {len(others) - 1} more" if len(others) > 1 else ""
        said.append(f"{what}: the first {expected} of it are taken{also}")
    elif whole:
        raise InvalidDataError(f"{what}; give {expected}, since nothing is made up")
    else:
        said.append(f"{what}: it is taken as it is, and what comes of it is less sure")
    return narrowed(replace(panel, lengths=np.minimum(panel.lengths, length).astype(np.int32))), said


def check_steps(panel: Panel, most: int | None, name: str, who: str) -> None:
    """Raise InvalidDataError for a case of more steps than a method was built for; None: it takes any number."""
    if most is None or not len(longer := np.flatnonzero(panel.lengths > most)):
        return
    also = f" ({len(longer) - 1} more are too long)" if len(longer) > 1 else ""
    steps = panel.lengths[longer[0]]
    raise InvalidDataError(
        f"{named(panel, longer[0], name)} has {steps} steps, and {who} was built for {most}, the longest of its "
        f"data{also}; cut it"
    )


def _duration(n: int, rate: float | None) -> str:
    return f"{n} points" if rate is None else f"{n / rate:g} s"
