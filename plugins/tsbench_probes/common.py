"""What probes share: checks of the input, folds on the training part, scores of classes without training cases."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.preprocessing import StandardScaler

from tsbench.errors import MethodError
from tsbench.methods.classifier import Scores
from tsbench.methods.probe import Features

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Folds = list[tuple[Labels, Labels]]


def training_data(train: Features) -> tuple[Floats, Labels]:
    """Return checked features as float64 (n, d) and labels int64 (n,).

    Raises MethodError when a feature is not finite or the training part has one class only.
    """
    classes = np.unique(train.y)
    if len(classes) < 2:
        raise MethodError(f"the training part has one class only (class index {classes[0]}): nothing to learn")
    return finite(train.x, "training"), train.y


def finite(x: npt.NDArray[np.floating], part: str) -> Floats:
    """Return x as float64; raises MethodError naming how many features of the part are NaN or infinite."""
    broken = x.size - int(np.isfinite(x).sum())
    if broken:
        raise MethodError(
            f"{broken} of {x.size} {part} features are NaN or infinite: the representation diverged; "
            "lower the learning rate or clip the gradient"
        )
    return x.astype(np.float64)


def expand(scores: Floats, seen: Labels, n_classes: int) -> Scores:
    """Spread scores (n, n_seen) of the class indices `seen` over all classes, float64 (n, n_classes).

    A class without training cases scores just below the smallest score, so that it is never the largest. A binary
    decision (n,), positive for the second class, becomes the columns -decision and decision.
    """
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    everywhere = np.full((len(scores), n_classes), np.nextafter(scores.min(initial=0.0), -np.inf))
    everywhere[:, seen] = scores
    return everywhere


def shares(logits: Floats, seen: Labels, n_classes: int) -> Scores:
    """Return the softmax of logits (n, n_seen) of the class indices `seen`, float64 (n, n_classes), 0 for the others.

    Of a binary decision (n,), the log odds of the second class, the logistic function.
    """
    if logits.ndim == 1:
        logits = np.stack([np.zeros_like(logits), logits], axis=1)
    everywhere = np.zeros((len(logits), n_classes))
    everywhere[:, seen] = softmax(logits.astype(np.float64), axis=1)
    return everywhere


def expand_weights(weights: Floats, intercept: Floats, seen: Labels, n_classes: int) -> tuple[Floats, Floats]:
    """Spread weights (d, n_seen) and intercepts (n_seen,) over all classes as `expand` does scores; -inf for others."""
    if weights.shape[1] == 1 and len(seen) == 2:
        weights, intercept = np.concatenate([-weights, weights], axis=1), np.concatenate([-intercept, intercept])
    everywhere, at = np.zeros((len(weights), n_classes)), np.full(n_classes, -np.inf)
    everywhere[:, seen], at[seen] = weights, intercept
    return everywhere, at


def unscaled(weights: Floats, intercept: Floats, scaler: StandardScaler | None) -> tuple[Floats, Floats]:
    """Return weights (d, k) and intercepts (k,) for features as they are, given those for standardised ones."""
    if scaler is None:
        return weights, intercept
    own = weights / scaler.scale_[:, None]
    return own, intercept - scaler.mean_ @ own


def search_folds(y: Labels, n_folds: int = 5) -> Folds | None:
    """Return stratified folds (fit, held out) for choosing a parameter on the training part, or None for no search.

    No search below 50 cases or 5 cases per class on average (rounded down), as in TS2Vec (arXiv 2106.10466, reference
    implementation). Not shuffled, as in scikit-learn's GridSearchCV; a class with fewer cases than folds is missing
    from some of them, as there. A fold that would leave one class to fit on is dropped.
    """
    from sklearn.model_selection import StratifiedKFold

    n_classes = len(np.unique(y))
    if len(y) < 50 or len(y) // n_classes < 5:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare class is expected here
        folds = list(StratifiedKFold(n_folds).split(y, y))
    return [(fit, held_out) for fit, held_out in folds if len(np.unique(y[fit])) > 1]
