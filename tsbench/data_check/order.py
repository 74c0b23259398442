"""Does the order of the time points matter: the same features of the series as they are, and shuffled in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import Array, Panel
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Sides
from tsbench.data_check.scores import MARGIN, Numbers, interval, metric, quality, targets
from tsbench.errors import InvalidDataError

KERNELS = 1000
SHORTEST = 9  # time points that the kernels need
MOST_CASES, MOST_POINTS = 2000, 1000  # of a part; longer series are cut
UNEVEN = 0.8  # share of one class beyond which accuracy says nothing
SMALL = 0.02  # loss that counts as none


def check_order(sides: Sides) -> list[Found]:
    """Compare MiniRocket's features with a ridge regression on series as they are and shuffled in time.

    Each case is shuffled by itself, all its channels alike. It is a finding where the features tell the labels and
    shuffling loses less than 0.02 of the accuracy (of the mean AUROC, where one class has more than 0.8 of the test
    cases or a case several labels; of R2 of numbers), zero within the bootstrap interval of the loss.
    """
    check, panel = "shuffled in time", sides.data.panel
    if panel.y is None:
        return [Found(check, "skipped", "the cases have no labels")]
    train, test = (_some(part) for part in (sides.train, sides.test))
    try:
        statistics = channel_statistics(train, np.arange(len(train)))
    except InvalidDataError as error:
        return [Found(check, "skipped", str(error))]
    task, truth = panel.task, targets(test)
    train, test = statistics.apply(train), statistics.apply(test)
    y = targets(train)
    plain, shuffled = (_scores(_values(train, mixed), y, _values(test, mixed)) for mixed in (False, True))
    name, chance = metric(task)
    measure: Callable[[Numbers, Numbers], float] = partial(quality, task)
    if task == "classification" and (majority := float(truth.mean(axis=0).max())) <= UNEVEN:
        name, chance, measure = "accuracy", majority, _accuracy
    whole, mixed = measure(truth, plain), measure(truth, shuffled)
    low, _ = interval(lambda cases: measure(truth[cases], plain[cases]), len(truth))
    loss = interval(
        lambda cases: measure(truth[cases], plain[cases]) - measure(truth[cases], shuffled[cases]), len(truth)
    )
    what = f"{name} {whole:.3f} becomes {mixed:.3f}: a loss of {whole - mixed:.3f} [{loss[0]:.3f}, {loss[1]:.3f}]"
    if not (low > chance and whole >= chance + MARGIN):
        return [Found(check, "skipped", f"{what}; the features do not tell the labels, so that nothing can be lost")]
    if loss[0] <= 0 and whole - mixed < SMALL:
        remedy = "do not call it a test of temporal representations: state a floor on shuffled series beside every row"
        return [Found(check, "warning", what, remedy)]
    return [Found(check, "ok", what)]


def _accuracy(truth: Numbers, scores: Numbers) -> float:
    return float((truth.argmax(axis=1) == scores.argmax(axis=1)).mean())


def _some(panel: Panel) -> Panel:
    """Return at most 2,000 cases, drawn, in memory."""
    return panel.select(np.sort(np.random.default_rng(0).permutation(len(panel))[:MOST_CASES])).loaded()


def _values(panel: Panel, shuffled: bool) -> Array:
    """Return values of at most 1,000 time points, 0 where missing, each case shuffled within its length or not."""
    X = np.nan_to_num(panel.X[:, :, :MOST_POINTS])
    if shuffled:
        for case, (x, length) in enumerate(zip(X, np.minimum(panel.lengths, MOST_POINTS), strict=True)):
            x[:, :length] = x[:, np.random.default_rng([1, case]).permutation(length)]
    return np.pad(X, ((0, 0), (0, 0), (0, max(0, SHORTEST - X.shape[2]))))


def _scores(train: Array, y: Numbers, test: Array) -> Numbers:
    """Return what a ridge regression on MiniRocket's features says of the test cases, float64 (n, k)."""
    from aeon.transformations.collection.convolution_based import MiniRocket
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rocket = MiniRocket(KERNELS, random_state=0, n_jobs=1).fit(train)
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 7)))
    model.fit(rocket.transform(train), y)
    found: Numbers = model.predict(rocket.transform(test)).reshape(len(test), -1)
    return found
