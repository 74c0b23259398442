"""What tells the labels without the series: what is missing, the length, static values."""

from __future__ import annotations

import numpy as np

from tsbench.corruptions.importance import case_statistics
from tsbench.data.panel import Panel
from tsbench.data.static import static_statistics
from tsbench.data_check.content import SEEN
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Sides
from tsbench.data_check.scores import MARGIN, Numbers, interval, metric, quality, targets

PARTS = 3  # of the cross-validation within the training part
MOST = 5000  # training cases that a probe is fitted on
REMEDY = {
    "what is missing": "state a mask-only floor beside every row, and see whether the label caused the missingness",
    "the length": "cut all cases to one length before the label is known, or state a length-only floor",
    "static values": "state a statics-only floor, or measure without '+static=append'",
}


def check_shortcuts(sides: Sides) -> list[Found]:
    """Fit a probe on each of these alone, and say where it tells the labels.

    A forest is cross-validated within the training part and scored on the test part, by the mean AUROC over the classes
    or by R2. It is a finding where both are above chance by 0.05, the test score with its bootstrap interval above
    chance.
    """
    if sides.data.panel.y is None:
        return [Found("probes", "skipped", "the cases have no labels")]
    found = []
    for name, (train, test) in _views(sides).items():
        check = f"{name} alone"
        if train.shape[1] == 0 or (train == train[0]).all():
            found.append(Found(check, "skipped", "the training cases do not differ in it"))
        else:
            found.append(_probe(check, REMEDY[name], sides, train, test))
    return found


def _views(sides: Sides) -> dict[str, tuple[Numbers, Numbers]]:
    """Return {what a probe sees: its values of the training and the test cases}."""
    parts, panel = (sides.train, sides.test), sides.data.panel
    statics = static_statistics(panel, sides.fold.train)
    seen = [case_statistics(part)[:, :, SEEN] for part in parts]
    prepared = [np.empty((len(part), 0)) if statics is None else statics.apply(part).static for part in parts]
    return {
        "what is missing": (seen[0], seen[1]),
        "the length": (_lengths(sides.train), _lengths(sides.test)),
        "static values": (np.asarray(prepared[0], np.float64), np.asarray(prepared[1], np.float64)),
    }


def _lengths(panel: Panel) -> Numbers:
    """Return the number of time points and, where there are times, how long they take: (n, 1) or (n, 2)."""
    columns = [panel.lengths.astype(np.float64)]
    if panel.times is not None:
        inside = np.arange(panel.n_timepoints) < panel.lengths[:, None]
        columns.append(np.where(inside, panel.times, -np.inf).max(axis=1) - panel.times[:, 0])
    return np.stack(columns, axis=1)


def _probe(check: str, remedy: str, sides: Sides, train: Numbers, test: Numbers) -> Found:
    from sklearn.model_selection import KFold

    y, truth, task = targets(sides.train), targets(sides.test), sides.data.panel.task
    chosen = np.random.default_rng(0).permutation(len(y))[:MOST]
    train, y = train[chosen], y[chosen]
    if len(y) < PARTS:
        return Found(check, "skipped", f"{len(y)} training cases are too few to cross-validate")
    held = np.zeros_like(y)
    for fitted, left in KFold(PARTS).split(train):
        held[left] = _scores(task, train[fitted], y[fitted], train[left])
    scores = _scores(task, train, y, test)
    name, chance = metric(task)
    within, measured = quality(task, y, held), quality(task, truth, scores)
    low, high = interval(lambda cases: quality(task, truth[cases], scores[cases]), len(truth))
    what = f"{name} {measured:.3f} [{low:.3f}, {high:.3f}] on the test part, {within:.3f} within the training part"
    tells = min(within, measured) >= chance + MARGIN and low > chance
    return Found(check, "warning" if tells else "ok", what, remedy if tells else "")


def _scores(task: str, train: Numbers, y: Numbers, test: Numbers) -> Numbers:
    """Return what a forest of 100 trees on the columns of y says of the test cases, float64 (n, k)."""
    from sklearn.ensemble import RandomForestRegressor

    # Regression on columns of 0 and 1 gives the probabilities, for one class per case and for several labels alike.
    forest = RandomForestRegressor(
        100, max_features="sqrt", min_samples_leaf=min(5, max(1, len(y) // 10)), random_state=0
    )
    forest.fit(train, y if y.shape[1] > 1 else y[:, 0])
    found: Numbers = forest.predict(test).reshape(len(test), -1)
    return found
