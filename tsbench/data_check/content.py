"""Who is on both sides of a split, and channels and cases that say nothing."""

from __future__ import annotations

import numpy as np

from tsbench.corruptions.importance import case_statistics
from tsbench.data.panel import Array, Panel, normalise_label
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Sides

KEPT_TOGETHER = ("subject", "patient", "record", "group")
MEAN, STD, LOW, HIGH, SEEN = 0, 1, 2, 3, 5  # of `case_statistics`


def check_groups(sides: Sides) -> list[Found]:
    """Look for subjects, records and groups, the card's own among them, that are on both sides."""
    meta = sides.data.panel.meta
    names = [name for name in dict.fromkeys([sides.group, *KEPT_TOGETHER]) if name is not None and name in meta]
    if not names:
        what = "the cases have no subject, record or group: nothing tells whose they are"
        return [Found("subjects on both sides", "skipped", what)]
    found = []
    for name in names:
        owners = np.array([normalise_label(one) for one in meta[name].tolist()])
        both = np.intersect1d(owners[sides.seen], owners[sides.fold.test])
        n_test = int(np.isin(owners[sides.fold.test], both).sum())
        check, total = f"{name} on both sides", len(sides.fold.test)
        if not len(both):
            found.append(Found(check, "ok", f"no {name} is trained and tested on"))
            continue
        what = (
            f"{len(both)} of {len(np.unique(owners))} {name}s are trained and tested on: {n_test} of {total} test cases"
        )
        remedy = f"split by {name}: a cross-validated protocol with 'group: {name}', or a split of the dataset's own"
        found.append(Found(check, "error", what, remedy))
    return found


def check_channels(sides: Sides) -> list[Found]:
    """Look for channels that no training case has, that never vary, or do not within a case; and for empty cases."""
    panel, found = sides.data.panel, []
    train, test = case_statistics(sides.train), case_statistics(sides.test)
    never, here = (part[:, :, SEEN].max(axis=0) == 0 for part in (train, test))
    if never.any():
        what = f"no training case has a value of {_names(panel, never)}"
        found.append(Found("channels never observed", "error", what, "drop the channel: no run can normalise it"))
    if (here & ~never).any():
        what = f"no test case has a value of {_names(panel, here & ~never)}"
        found.append(Found("channels never observed", "warning", what, "see whether the test part was recorded alike"))
    with np.errstate(invalid="ignore"):
        low, high = np.nanmin(_filled(train, LOW, np.inf), axis=0), np.nanmax(_filled(train, HIGH, -np.inf), axis=0)
        constant = (low == high) & ~never
        flat = (np.nan_to_num(train[:, :, STD]) <= 1e-6 * np.nan_to_num(np.abs(train[:, :, MEAN]))).all(axis=0)
    if constant.any():
        what = f"{_names(panel, constant)} has one value in all of the training part"
        found.append(Found("constant channels", "warning", what, "drop the channel"))
    if (still := flat & ~constant & ~never).any():
        what = f"{_names(panel, still)} does not vary within any training case"
        found.append(Found("constant channels", "warning", what, "make it a static value of the cases"))
    empty = int((train[:, :, SEEN].max(axis=1) == 0).sum() + (test[:, :, SEEN].max(axis=1) == 0).sum())
    if empty:
        what = f"{empty} cases have no value at all"
        found.append(Found("empty cases", "warning", what, "leave them out, or say that they count"))
    return found or [Found("channels", "ok", f"all {panel.n_channels} are observed and vary")]


def _filled(statistics: Array, which: int, value: float) -> Array:
    found = statistics[:, :, which]
    return np.where(np.isnan(found), value, found)


def _names(panel: Panel, chosen: Array) -> str:
    """Return "channel 3 ('hr')", of many the first three and the number of the others."""
    numbers = np.flatnonzero(chosen).tolist()
    named = [f"{n} ('{panel.channel_names[n]}')" if panel.channel_names else str(n) for n in numbers[:3]]
    more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
    return f"channel{'s' * (len(numbers) > 1)} {', '.join(named)}{more}"
