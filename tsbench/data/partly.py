"""Cases of which some have a label: to be predicted, and compared with what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tsbench.data.panel import Array, Panel

LABELLED = "(labelled)"  # the array of meta that says which labels are true; no file can have a column of this name


def partly_labelled(panel: Panel, labelled: Array, target: Mapping[str, Any]) -> Panel:
    """Return the cases with the labels of some; any others are there and mean nothing.

    labelled : bool (n,). target : y of the labelled cases, in their order, with task and classes.
    """
    y = np.zeros((len(panel), *target["y"].shape[1:]), target["y"].dtype)
    y[labelled] = target["y"]
    return replace(panel, **{**target, "y": y}, meta={**panel.meta, LABELLED: labelled})


def has_label(panel: Panel) -> Array:
    """Return bool (n,): which cases have a label."""
    none = np.zeros(len(panel), dtype=bool)
    return none if panel.y is None else np.asarray(panel.meta.get(LABELLED, ~none))
