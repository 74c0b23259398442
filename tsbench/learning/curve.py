"""Curves of losses, as they are stored and shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Points = list[tuple[int, float]]
Curve = Points | dict[str, Points]
"""Points (last step of a span, mean loss): of the only loss, or by the names of several."""
CURVE_POINTS = 100
ONLY = "loss"


def averaged(points: Points) -> Points:
    """Average the losses of steps into at most CURVE_POINTS points."""
    width = max(1, -(-len(points) // CURVE_POINTS))
    spans = [points[i : i + width] for i in range(0, len(points), width)]
    return [(span[-1][0], sum(loss for _, loss in span) / len(span)) for span in spans]


def curve_of(losses: Mapping[str, Points]) -> Curve:
    """Return the curve of losses at steps; the only one, where it is called "loss", needs no name."""
    curves = {name: averaged(points) for name, points in losses.items()}
    return curves.get(ONLY, []) if curves.keys() <= {ONLY} else curves


def by_loss(curve: Any) -> dict[str, Any]:
    """Return the curves under their names; that of an only loss under "loss", none where there is no point."""
    return curve if isinstance(curve, dict) else {ONLY: curve} if curve else {}
