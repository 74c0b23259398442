"""Applying transforms to panels: a protocol's before the method sees them, a dataset's own before it is split."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tsbench.data.panel import SECONDS, Array, Panel
from tsbench.data.scratch import in_blocks
from tsbench.data.series import Series, values
from tsbench.data.units import spellings
from tsbench.discovery.plugins import Plugins
from tsbench.errors import CODE_OF_OTHERS_FAILS, InvalidCaseError, MethodError, UsageError, returned
from tsbench.methods.params import BaseParams, validate
from tsbench.methods.transform import Transform


def parse_transform(text: str, plugins: Plugins) -> Transform:
    """Make a transform from "name", "name:key=value:key=value" or "name:value:value".

    Values without a key are of the parameters in the order in which these are declared. Raises UsageError on an unknown
    name or key, and on a value too many.
    """
    name = text.partition(":")[0]
    cls = plugins["transforms"].get(name)
    transform: Transform = cls(validate(cls.Params, _settings(text, cls), f"transform {name}"))
    return transform


def spelled(text: str, plugins: Plugins) -> str:
    """Return a transform in the one spelling of all that mean the same: "resample:100hz" of "resample:rate=0.1KHZ".

    Values stand in the order of their declaration up to the last that is no default, and the first in any case; with a
    key only behind one that has no text.
    """
    name = text.partition(":")[0]
    cls = plugins["transforms"].get(name)
    settings, parts, skipped = _settings(text, cls), [name], False

    def value(**changed: str | None) -> BaseParams | None:
        asked = {key: given for key, given in (settings | changed).items() if given is not None}
        with contextlib.suppress(UsageError):
            return validate(cls.Params, asked, name)
        return None

    made, fields = value(), list(cls.Params.model_fields.items())
    changes = [at for at, (key, _) in enumerate(fields) if key in settings and value(**{key: None}) != made]
    for at, (key, field) in enumerate(fields[: max([0, *changes]) + 1]):
        written = settings.get(key, field.default)
        if isinstance(written, str) and (at in changes or not skipped):
            given = next((one for one in spellings(written) if value(**{key: one}) == made), written)
            parts.append(f"{key}={given}" if skipped else given)
        else:
            skipped = True
    return ":".join(parts)


def _settings(text: str, cls: type[Transform]) -> dict[str, str]:
    """Return what a transform's text says of each parameter, as it is written."""
    name, *settings = text.split(":")
    order, pairs = iter(cls.Params.model_fields), dict[str, str]()
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            key, value = next(order, ""), setting
        if not key:
            raise UsageError(f"transform {text}: '{value}' is a value too many; 'tsbench show transform {name}'")
        if key in pairs:
            raise UsageError(f"transform {text}: '{key}' is given twice")
        pairs[key] = value
    return pairs


def apply_transforms(panel: Panel, names: Sequence[str], plugins: Plugins) -> Panel:
    """Return the panel with its series transformed in order.

    A transform must give (n_cases, n_channels, n_timepoints) again, of the shape that its `output_shape` says. Missing
    values reach it as NaN, or unobserved in a Series. Where it changes the number of time points, lengths, times and
    sampling rate change with them: as the Series says, else by its `positions`; without these lengths change in
    proportion (rounded up).
    """
    for text in names:
        panel = apply(panel, parse_transform(text, plugins), text)
    return panel


def apply(panel: Panel, transform: Transform, text: str) -> Panel:
    """Return the panel with its series transformed; text : the transform, as messages name it."""
    return in_blocks(panel, partial(_applied, transform=transform, name=f"transform {text}"))


def series_of(panel: Panel) -> Series:
    """Return a panel's cases as a Series, with times as they are."""
    x = torch.from_numpy(panel.X)
    observed, times, static = ~x.isnan(), panel.times, panel.static
    return Series(
        x.masked_fill(~observed, 0.0),
        torch.from_numpy(panel.lengths).long(),
        None if bool(observed.all()) else observed,
        None if times is None else torch.from_numpy(times),
        None if static is None else torch.from_numpy(static),
        sampling_rate=panel.sampling_rate,
        time_unit=SECONDS[panel.time_unit],
        channel_names=panel.channel_names,
    )


@contextlib.contextmanager
def _naming_cases(panel: Panel) -> Iterator[None]:
    """Raise the errors of single cases of a panel again with the names that it has for them."""
    try:
        yield
    except InvalidCaseError as error:
        raise error.named(panel.case_names()[error.case]) from None


def _applied(panel: Panel, transform: Transform, name: str) -> Panel:
    if transform.takes == "series":
        with _naming_cases(panel):
            series = returned(transform(series_of(panel)), Series, name)
        x = series.x.masked_fill(~series.mask, float("nan"))
        x = x if series.inside is None else x.masked_fill(~series.inside[:, None], float("nan"))
    else:
        series, x = None, returned(transform(torch.from_numpy(panel.X)), torch.Tensor, name)
    X = x.numpy()
    _check_shape(panel, transform, X, name)
    axis: dict[str, Any] = {}
    says_rate = series is not None and series.sampling_rate is not None
    if X.shape[-1] != panel.n_timepoints and not says_rate:
        axis = _moved(panel, transform, X.shape[-1], name)
    if series is not None:
        axis |= {"sampling_rate": series.sampling_rate} if says_rate else {}
        times = series.times
        axis |= {"lengths": series.lengths.numpy().astype(np.int32), "times": None if times is None else times.numpy()}
    X = _within(panel, np.asarray(X, np.float32), axis.get("lengths", panel.lengths), name)
    names_kept = panel.channel_names if X.shape[1] == panel.n_channels else ()
    return replace(panel, X=X, channel_names=names_kept, **axis)


def _check_shape(panel: Panel, transform: Transform, X: Array, name: str) -> None:
    """Raise MethodError where a transform gave no series, or says another shape than it gave."""
    says = X.shape
    if type(transform).output_shape is not Transform.output_shape:
        says = returned(transform.output_shape(panel.X.shape), tuple, f"{name}, output_shape")
    if says != X.shape:
        raise MethodError(f"{name} gave shape {X.shape}, but its output_shape says {says}: correct one of the two")
    if X.ndim != 3 or len(X) != len(panel) or not X.size:
        raise MethodError(f"{name} gave shape {X.shape}; on series it must keep (cases, channels, time)")


def _within(panel: Panel, X: Array, lengths: Array, name: str) -> Array:
    """Return values (n, channels, time) with NaN beyond each case's end, whatever a transform put there.

    Raises MethodError where it moved values of a case there, or made all of a case missing.
    """
    beyond = np.arange(X.shape[-1]) >= lengths[:, None]
    there = ~np.isnan(X)
    own = (there & ~beyond[:, None]).sum(axis=(1, 2))
    before = (~np.isnan(panel.X)).sum(axis=(1, 2))
    moved = (there & beyond[:, None]).any(axis=(1, 2)) & (own < before) & (X.shape == panel.X.shape)
    if moved.any():
        raise MethodError(
            f"{name} moved values of {moved.sum()} of {len(X)} cases beyond their end; with takes = 'series' it is "
            "told their lengths"
        )
    lost = (own == 0) & (before > 0)
    if lost.any():
        raise MethodError(f"{name} made every value of {lost.sum()} of {len(X)} cases missing (NaN)")
    return np.where(beyond[:, None], np.float32(np.nan), X) if (there & beyond[:, None]).any() else X


def _moved(panel: Panel, transform: Transform, n_out: int, name: str) -> dict[str, Any]:
    """Return lengths, times and sampling rate of a panel whose time points a transform has moved."""
    at = transform.positions(panel.n_timepoints)
    if at is None:
        lengths = np.ceil(panel.lengths * (n_out / panel.n_timepoints))
        at = _positions(panel, transform, n_out)
    else:
        at = returned(at, np.ndarray, f"{name}, positions")
        if at.shape != (n_out,) or not (np.diff(at) > 0).all():
            raise MethodError(f"{name} gave {n_out} time points: its positions are not as many, or do not increase")
        lengths = np.searchsorted(at, panel.lengths - 1, side="right")
    lengths = np.clip(lengths, 1, n_out).astype(np.int32)
    rate, times = panel.sampling_rate, panel.times
    step = (at[-1] - at[0]) / (n_out - 1) if n_out > 1 else panel.n_timepoints
    if times is not None:
        times = np.where(np.arange(n_out) < lengths[:, None], _times_at(times, panel.lengths, at), np.nan)
    return {"lengths": lengths, "times": times, "sampling_rate": None if rate is None else float(rate / step)}


def _positions(panel: Panel, transform: Transform, n_out: int) -> Array:
    """Return where a transform that does not say it puts its time points, by what it makes of a rising course."""
    course = torch.arange(panel.n_timepoints, dtype=torch.float32).expand(1, panel.n_channels, -1).clone()
    with torch.random.fork_rng(devices=[]), contextlib.suppress(*CODE_OF_OTHERS_FAILS):
        at: Array = values(transform(course))[0, 0].double().numpy()
        if at.shape == (n_out,) and at[0] >= 0 and at[-1] < panel.n_timepoints and (np.diff(at) > 0).all():
            return at
    return np.arange(n_out) * (panel.n_timepoints / n_out)


def _times_at(times: Array, lengths: Array, at: Array) -> Array:
    """Return times (n, n_out) at positions (n_out,) of the time axis, linearly between and beyond a case's points."""
    last = lengths[:, None].astype(np.int64) - 1
    left = np.clip(np.floor(at).astype(np.int64), 0, last)
    before = np.clip(left, 0, np.maximum(last - 1, 0))
    step = np.take_along_axis(times, np.minimum(before + 1, last), 1) - np.take_along_axis(times, before, 1)
    share = at - left
    moved: Array = np.take_along_axis(times, left, 1) + np.where(share == 0, 0.0, share * step)
    return moved
