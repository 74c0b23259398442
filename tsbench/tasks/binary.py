"""What clinical papers report of one class against the rest: areas, operating points, calibration, net benefit."""

from __future__ import annotations

import numpy as np

from tsbench.tasks.base import Array, Metric

FIXED = 0.9  # the specificity at which sensitivity is read, and the other way round
THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
BINARY = (
    Metric("auroc"),
    Metric("auprc_positive", beside=("prevalence",)),
    Metric("prevalence"),
    Metric("sensitivity_at_specificity_0.9"),
    Metric("specificity_at_sensitivity_0.9"),
    Metric("sensitivity"),
    Metric("specificity"),
    Metric("ppv"),
    Metric("npv"),
)
CALIBRATED = (Metric("brier_positive", "low", ""), Metric("ece_positive", "low", resampled=False))


def positive_class(task: str, classes: tuple[str, ...], of_card: str) -> tuple[str, str]:
    """Return which of two classes is looked for, and what says so; "" twice where there are not two.

    of_card : the class that the dataset's card names, "" for none.
    """
    if task != "classification" or len(classes) != 2:
        return "", ""
    if of_card in classes:
        return of_card, "by the dataset's card"
    return classes[-1], "the last class, since no card names one"


def binary_metrics(positive: Array, predicted: Array, scores: Array, probabilities: bool = False) -> dict[str, float]:
    """Return the metrics of BINARY, and of CALIBRATED for probabilities; NaN for one that is not defined.

    positive, predicted : bool (n,); scores : (n,), larger is likelier. auprc_positive is the average precision of the
    positive class (no interpolation), whose chance level is the prevalence. sensitivity_at_specificity_0.9 is the
    largest sensitivity of a threshold that keeps at least that specificity; the other one likewise. sensitivity,
    specificity, ppv and npv are of what the run predicted. brier_positive is the mean squared error of the positive
    class's probability, ece_positive its expected calibration error, in the bins of `reliability`.
    """
    y, said = positive.astype(bool), predicted.astype(bool)
    tp, fp, fn, tn = (float(cells.sum()) for cells in (y & said, ~y & said, y & ~said, ~y & ~said))
    found = {
        **_areas(y, scores),
        "sensitivity": _share(tp, tp + fn),
        "specificity": _share(tn, tn + fp),
        "ppv": _share(tp, tp + fp),
        "npv": _share(tn, tn + fn),
    }
    if probabilities and len(y):
        from tsbench.tasks.calibration import reliability

        p = scores.astype(np.float64)
        bins = reliability(p, y)
        gaps = np.abs(bins["accuracy"] - bins["confidence"]) * bins["cases"]
        found |= {"brier_positive": float(((p - y) ** 2).mean()), "ece_positive": float(gaps.sum() / len(y))}
    return found


def net_benefit(positive: Array, probabilities: Array, threshold: float) -> tuple[float, float]:
    """Return the net benefit of treating who has at least this probability, and of treating all (Vickers, 2006).

    It is the share of true positives less that of false ones, at the odds of the threshold; treating none has 0.
    Probabilities are compared in single precision, in which they are stored: 0.7 is at least 0.7.
    """
    treated = probabilities.astype(np.float32) >= np.float32(threshold)
    y, odds = positive.astype(bool), threshold / (1 - threshold)
    return (
        float((y & treated).mean() - (~y & treated).mean() * odds),
        float(y.mean() - (~y).mean() * odds),
    )


def _areas(y: Array, scores: Array) -> dict[str, float]:
    """Return what depends on the order of the scores alone; cases of equal score are one threshold."""
    names = [metric.name for metric in BINARY[:5]]
    n_yes, n_no = int(y.sum()), int((~y).sum())
    prevalence = _share(n_yes, len(y))
    if not n_yes or not n_no:
        return {name: prevalence if name == "prevalence" else float("nan") for name in names}
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[:-1] != ranked[1:], True)
    tp, selected = np.cumsum(y[order])[last], np.flatnonzero(last) + 1
    sensitivity, lost = np.append(0, tp) / n_yes, np.append(0, selected - tp) / n_no
    area = (np.diff(lost) * (sensitivity[1:] + sensitivity[:-1]) / 2).sum()
    kept = (selected - tp) <= n_no - np.ceil(FIXED * n_no - 1e-9)
    reached = tp >= np.ceil(FIXED * n_yes - 1e-9)
    values = [
        area,
        (np.diff(sensitivity) * tp / selected).sum(),
        prevalence,
        (tp[kept] / n_yes).max(initial=0.0),
        (1 - (selected - tp)[reached] / n_no).max(initial=0.0),
    ]
    return dict(zip(names, map(float, values), strict=True))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
