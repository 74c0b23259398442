"""Applying a protocol's transforms to a Panel before the method sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from tsbench.data.panel import Panel
from tsbench.discovery.plugins import Plugins
from tsbench.errors import MethodError, returned
from tsbench.methods.params import validate
from tsbench.methods.transform import Transform


def parse_transform(text: str, plugins: Plugins) -> Transform:
    """Make a transform from "name" or "name:key=value:key=value"; raises UsageError on an unknown name or key."""
    name, *settings = text.split(":")
    cls = plugins["transforms"].get(name)
    pairs = dict(setting.partition("=")[::2] for setting in settings)
    transform: Transform = cls(validate(cls.Params, pairs, f"transform {name}"))
    return transform


def apply_transforms(panel: Panel, names: Sequence[str], plugins: Plugins) -> Panel:
    """Return the panel with its series transformed in order.

    A transform must give (n_cases, n_channels, n_timepoints) again. Where it changes the number of time points,
    lengths change in proportion (rounded up) and times are dropped. Missing values reach it as NaN.
    """
    for text in names:
        transform = parse_transform(text, plugins)
        X = returned(transform(torch.from_numpy(panel.X)), torch.Tensor, f"transform {text}").numpy()
        if X.ndim != 3 or len(X) != len(panel) or not X.size:
            raise MethodError(f"transform {text} gave shape {X.shape}; on series it must keep (cases, channels, time)")
        lost = np.isnan(X).all(axis=(1, 2)) & ~np.isnan(panel.X).all(axis=(1, 2))
        if lost.any():
            raise MethodError(f"transform {text} made every value of {lost.sum()} of {len(X)} cases missing (NaN)")
        if X.shape[-1] == panel.n_timepoints:
            lengths, times = panel.lengths, panel.times
        else:
            ratio = X.shape[-1] / panel.n_timepoints
            lengths, times = np.clip(np.ceil(panel.lengths * ratio), 1, X.shape[-1]).astype(np.int32), None
        names_kept = panel.channel_names if X.shape[1] == panel.n_channels else ()
        panel = replace(panel, X=np.asarray(X, np.float32), lengths=lengths, times=times, channel_names=names_kept)
    return panel
