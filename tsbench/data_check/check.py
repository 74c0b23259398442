"""All checks of a dataset under one of its splits."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from tsbench.data_check.content import check_channels, check_groups
from tsbench.data_check.copies import check_near, check_same, check_stretches
from tsbench.data_check.found import Found
from tsbench.data_check.labels import check_labels
from tsbench.data_check.leads import check_leads
from tsbench.data_check.limits import check_limits
from tsbench.data_check.order import check_order
from tsbench.data_check.parts import Sides
from tsbench.data_check.shortcuts import check_shortcuts

CHECKS: tuple[Callable[[Sides], list[Found]], ...] = (
    check_same,
    check_stretches,
    check_near,
    check_groups,
    check_labels,
    check_channels,
    check_limits,
    check_leads,
    check_shortcuts,
    check_order,
)


def check_data(sides: Sides) -> list[Found]:
    """Return what each check says of a fold, in the order of `CHECKS`; same data, same answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, on features that do not vary, say
        return [found for check in CHECKS for found in check(sides)]
