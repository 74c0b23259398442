"""Joining Panels of the same channels: parts of a dataset, or the sets of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tsbench.data.memory import check_room
from tsbench.data.panel import Array, Panel, class_index
from tsbench.data.stream import Streamed
from tsbench.errors import InvalidDataError


def concatenate(panels: Sequence[Panel]) -> Panel:
    """Join Panels of equal channels case-wise; shorter ones are padded with NaN, classes are united.

    Raises InvalidDataError when the Panels differ in channels or in the fields they have, or do not fit in memory.
    """
    first = panels[0]
    for other in panels[1:]:
        _check_alike(first, other)
    width = max(p.n_timepoints for p in panels)
    fields: dict[str, Any] = {"X": _join_values(panels, width)}
    fields["lengths"] = np.concatenate([p.lengths for p in panels])
    if first.text is not None:
        fields["text"] = np.concatenate([p.text for p in panels if p.text is not None])
    if first.static is not None:
        fields["static"], fields["categories"] = _join_static(panels)
    if first.times is not None:
        fields["times"] = np.concatenate([_widen(p.times, width) for p in panels if p.times is not None])
    fields["meta"] = {name: np.concatenate([p.meta[name] for p in panels]) for name in first.meta}
    if first.task == "classification" and all(p.y is not None for p in panels):
        labels = [p.classes[i] for p in panels if p.y is not None for i in p.y]
        fields["y"], fields["classes"] = class_index(labels)
    elif first.task == "multilabel" and all(p.y is not None for p in panels):
        fields["classes"] = class_index([name for p in panels for name in p.classes])[1]
        fields["y"] = np.concatenate([_of_labels(p, fields["classes"]) for p in panels])
    elif first.y is not None:
        fields["y"] = np.concatenate([p.y for p in panels if p.y is not None])
    return replace(first, **fields)


def narrowed(panel: Panel) -> Panel:
    """Return the cases without the time axis beyond the longest of them."""
    width = int(panel.lengths.max())
    if width == panel.n_timepoints:
        return panel
    times = None if panel.times is None else np.ascontiguousarray(panel.times[:, :width])
    X = panel.X.resized(width) if isinstance(panel.X, Streamed) else np.ascontiguousarray(panel.X[:, :, :width])
    return replace(panel, X=X, times=times)


def widened(panel: Panel, width: int) -> Panel:
    """Return the cases on a time axis of at least this width, which ends no case later."""
    if panel.n_timepoints >= width:
        return panel
    X = panel.X.resized(width) if isinstance(panel.X, Streamed) else _widen(panel.X, width)
    return replace(panel, X=X, times=None if panel.times is None else _widen(panel.times, width))


def _join_values(panels: Sequence[Panel], width: int) -> Array | Streamed:
    streamed = [panel.X for panel in panels if isinstance(panel.X, Streamed)]
    if len(streamed) == len(panels):
        return Streamed.joined(streamed)
    if streamed:
        raise InvalidDataError(f"{streamed[0].name} is streamed and another part is not; give all parts in one form")
    check_room(4 * sum(map(len, panels)) * panels[0].n_channels * width)
    return np.concatenate([_widen(panel.X, width) for panel in panels if not isinstance(panel.X, Streamed)])


def _of_labels(panel: Panel, classes: tuple[str, ...]) -> Array:
    """Return y of multilabel cases for these labels, 0 for one that the panel does not know."""
    assert panel.y is not None
    y = np.zeros((len(panel), len(classes)), dtype=np.uint8)
    y[:, [classes.index(name) for name in panel.classes]] = panel.y
    return y


def _join_static(panels: Sequence[Panel]) -> tuple[Array, dict[str, tuple[str, ...]]]:
    """Return the static values of Panels that have the same, and their categories, united."""
    names = panels[0].static_names
    joined = np.concatenate([p.static for p in panels if p.static is not None])
    united = {}
    for name in dict.fromkeys(name for panel in panels for name in panel.categories):
        number, codes = names.index(name), []
        categories = tuple(sorted({one for panel in panels for one in panel.categories.get(name, ())}))
        for panel in panels:
            assert panel.static is not None
            values = panel.static[:, number]
            if name not in panel.categories and not np.isnan(values).all():
                raise InvalidDataError(f"parts differ in the static value '{name}': text in one, numbers in the other")
            place = np.asarray([categories.index(one) for one in panel.categories.get(name, ())], dtype=np.float32)
            codes.append(np.asarray([v if np.isnan(v) else place[int(v)] for v in values], dtype=np.float32))
        joined[:, number], united[name] = np.concatenate(codes), categories
    return joined, united


def _check_alike(first: Panel, other: Panel) -> None:
    def facts(panel: Panel) -> dict[str, object]:
        return {
            "number of channels": panel.n_channels,
            "channel names": list(panel.channel_names),
            "task": panel.task,
            "per-case columns": sorted(panel.meta),
            "times": "none" if panel.times is None else f"given in {panel.time_unit}",
            "text": "none" if panel.text is None else "given",
            "number of static values": panel.shape.n_static,
            "static values": list(panel.static_names),
        }

    for (what, value), second in zip(facts(first).items(), facts(other).values(), strict=True):
        if value != second:
            raise InvalidDataError(f"parts differ in their {what}: {value} and {second}")


def _widen(array: Array, width: int) -> Array:
    padding = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
    return np.pad(array, padding, constant_values=np.nan)
