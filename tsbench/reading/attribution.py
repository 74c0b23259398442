"""Which values a decision hangs on, and how far that can be believed: integrated gradients, judged beside others."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from tsbench.data.batch import Batch
from tsbench.errors import CODE_OF_OTHERS_FAILS, MethodError, UsageError
from tsbench.measure.decider import Decider, Explainable

Floats = npt.NDArray[np.float64]
POINTS = 20  # of a curve, beside where it begins
PIECES = 20  # of a channel, that occlusion takes away one at a time
ORDERS = 10  # random ones
VALUES = 2_000_000  # of a batch
GRADIENTS, OCCLUSION, RANDOM = "integrated gradients", "occlusion", "random"


@dataclass(frozen=True)
class Explanation:
    """Why a case has its score for a class (of regression, its number).

    target : the class, "" for a number. score : of the case, as `Scorer.score`; at_nothing : with every value 0, where
    a missing one stands. gap : how far the attributions' sum is from the difference of the two, as a share of it.
    entries : a row per observed value: channel, name, step, time, value, attribution, occlusion, untrained
    (attribution by the untrained twin). curves : kind ("deletion", "insertion"), by, share (of the observed values),
    confidence. areas : {by: (deletion, insertion)}, the mean confidence over a curve. like_untrained : rank
    correlation of the sizes of attributions with the untrained twin's.
    """

    case: str
    target: str
    score: float
    at_nothing: float
    gap: float
    entries: pd.DataFrame
    curves: pd.DataFrame
    areas: dict[str, tuple[float, float]]
    like_untrained: float


class Scorer:
    """The score of one case for a target, as a function of its values and of which of them are there."""

    def __init__(self, decider: Decider, case: Batch, target: int, task: str) -> None:
        self.decider, self.case, self.target, self.task = decider, case, target, task

    def __call__(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the scores (n, n_classes) of n variants of the case, x (n, n_channels, n_timepoints).

        observed : bool like x; as of the case where it is not given.
        """

        def spread(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.expand(len(x), *tensor.shape[1:])

        case = self.case
        lengths = case.lengths.expand(len(x))
        observed = spread(case.observed) if observed is None else observed
        times, static = spread(case.times), spread(case.static)
        return self.decider(replace(case, x=x, lengths=lengths, observed=observed, times=times, static=static))

    def score(self, x: Tensor) -> Tensor:
        """Return the scores (n,) that are explained, with the case's own values there."""
        return self.of_target(self(x))

    def of_target(self, scores: Tensor) -> Tensor:
        """Return the target's of scores (n, n_classes); of classes less the mean of the others', which decides.

        A class that training lacked scores -inf and does not count.
        """
        own = scores[:, self.target]
        if self.task != "classification":
            return own
        others = torch.isfinite(scores[0])
        others[self.target] = False
        return own - scores[:, others].mean(dim=1) if others.any() else own

    @torch.no_grad()
    def confidence(self, kept: npt.NDArray[np.bool_], raw: bool = False) -> Floats:
        """Return what the target gets where only some values are there, kept (n, n_channels, n_timepoints).

        Softmax of the scores for classes, the logistic function for labels, the number of regression; raw : the score.
        """
        found, chunk = [], max(1, VALUES // self.case.x[0].numel())
        for first in range(0, len(kept), chunk):
            there = torch.from_numpy(kept[first : first + chunk]).to(self.case.x.device)
            scores = self(self.case.x.expand(there.shape).masked_fill(~there, 0.0), there).double()
            if raw or self.task == "regression":
                values = self.of_target(scores)
            else:
                values = (scores.softmax(dim=1) if self.task == "classification" else scores.sigmoid())[:, self.target]
            found.append(values.cpu().numpy())
        confidence: Floats = np.concatenate(found)
        if np.isnan(confidence).any():
            raise MethodError("the method gives NaN where values of the case are missing: it cannot be judged")
        return confidence


def explain(run: Explainable, case: str, target: str | None = None, steps: int = 64) -> Explanation:
    """Explain the score of a case of a run's test part, by its name.

    target : a class; None: the one of the largest score. steps : of the integral. Raises UsageError for a case or class
    that is not there, and a method whose gradient does not reach the series.
    """
    require()
    at = _position(run, case)
    panel = run.test.select(np.array([at])).loaded()
    batch = Batch.from_panel(panel.without_labels(), run.device)
    for decider in (run.trained, run.untrained):
        decider.method.eval()
    scores = _checked(run.trained, batch, run.task)
    number = _target(run, target, scores)
    scorer = Scorer(run.trained, batch, number, run.task)
    seen = batch.mask[0].cpu().numpy()
    attribution = integrated_gradients(scorer.score, batch.x, steps)
    untrained = integrated_gradients(Scorer(run.untrained, batch, number, run.task).score, batch.x, steps)
    pieces = occlusion(scorer, seen, int(batch.lengths[0]))
    with torch.no_grad():
        score, nothing = (float(scorer.score(x)) for x in (batch.x, torch.zeros_like(batch.x)))
    difference = score - nothing
    curves, areas = _judged(scorer, seen, {GRADIENTS: attribution, OCCLUSION: pieces})
    channel, step = np.nonzero(seen)
    entries = {
        "channel": channel,
        "name": np.asarray(panel.channel_names or [str(i) for i in range(panel.n_channels)])[channel],
        "step": step,
        "time": step if panel.times is None else panel.times[0, step],
        "value": panel.X[0, channel, step],
        "attribution": attribution[seen],
        "occlusion": pieces[seen],
        "untrained": untrained[seen],
    }
    return Explanation(
        case=case,
        target=run.classes[number] if run.classes else "",
        score=score,
        at_nothing=nothing,
        gap=abs(attribution.sum() - difference) / max(abs(difference), 1e-12),
        entries=pd.DataFrame(entries),
        curves=curves,
        areas=areas,
        like_untrained=_rank_correlation(np.abs(attribution[seen]), np.abs(untrained[seen])),
    )


def require() -> None:
    """Raise UsageError, naming the remedy, where captum is not installed."""
    if importlib.util.find_spec("captum") is None:
        raise UsageError('explaining needs captum: pip install "tsbench[explain]"')


def integrated_gradients(score: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> Floats:
    """Return attributions (n_channels, n_timepoints) of one case x (1, n_channels, n_timepoints) by captum.

    The path goes from 0, where a missing value stands, to the case; which values are there does not change on it.
    """
    from captum.attr import IntegratedGradients

    chunk = max(1, VALUES // x[0].numel())
    with torch.backends.cudnn.flags(enabled=False):  # whose recurrent nets have no gradient in eval mode
        found = IntegratedGradients(score).attribute(x, torch.zeros_like(x), n_steps=steps, internal_batch_size=chunk)
    values: Floats = found[0].detach().double().cpu().numpy()
    return values


def occlusion(scorer: Scorer, seen: npt.NDArray[np.bool_], length: int) -> Floats:
    """Return how far the score falls when a piece of a channel is missing, evenly over the values of the piece."""
    edges = np.unique(np.linspace(0, length, PIECES + 1).round().astype(int))
    pieces = []
    for channel in range(len(seen)):
        for first, last in pairwise(edges):
            piece = np.zeros_like(seen)
            piece[channel, first:last] = seen[channel, first:last]
            pieces += [piece] if piece.any() and not (piece == seen).all() else []
    found = np.zeros(seen.shape)
    if not pieces:
        return found
    taken = np.stack(pieces)
    whole, without = scorer.confidence(seen[None], raw=True), scorer.confidence(seen & ~taken, raw=True)
    for piece, fall in zip(taken, whole - without, strict=True):
        found[piece] = fall / piece.sum()
    return found


def _judged(
    scorer: Scorer, seen: npt.NDArray[np.bool_], attributions: dict[str, Floats]
) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """Return deletion and insertion curves by attributions, the largest first, and by random orders, with their areas.

    What is taken away is missing, and one value always stays.
    """
    rng, n = np.random.default_rng(0), int(seen.sum())
    orders = {name: [np.argsort(-values[seen], kind="stable")] for name, values in attributions.items()}
    orders[RANDOM] = [rng.permutation(n) for _ in range(ORDERS)]
    counts = np.unique(np.linspace(0, n, POINTS + 1).round().astype(int))
    rows, areas = [], {}
    for name, some in orders.items():
        both = []
        for kind in ("deletion", "insertion"):
            kept = np.stack([_kept(seen, order, count, kind) for order in some for count in counts])
            confidence = scorer.confidence(kept).reshape(len(some), len(counts)).mean(axis=0)
            rows += [(kind, name, count / n, value) for count, value in zip(counts, confidence, strict=True)]
            both.append(float(np.trapezoid(confidence, counts / n)))
        areas[name] = both[0], both[1]
    return pd.DataFrame(rows, columns=["kind", "by", "share", "confidence"]), areas


def _kept(seen: npt.NDArray[np.bool_], order: Any, count: int, kind: str) -> npt.NDArray[np.bool_]:
    """Return which values are there when the first ones of an order are deleted, or inserted into nothing."""
    places, kept = np.argwhere(seen), np.zeros_like(seen)
    count = min(count, len(order) - 1) if kind == "deletion" else max(count, 1)
    chosen = places[order[count:] if kind == "deletion" else order[:count]]
    kept[chosen[:, 0], chosen[:, 1]] = True
    return kept


def _checked(decider: Decider, batch: Batch, task: str) -> Floats:
    """Return the scores of a case; raises UsageError where their gradient does not reach its values."""
    x = batch.x.clone().requires_grad_()
    name, why = type(decider.method).__name__, ""
    with torch.backends.cudnn.flags(enabled=False):
        try:
            scores = Scorer(decider, batch, 0, task)(x)
            weighed = torch.arange(1.0, scores.shape[1] + 1, device=x.device)  # softmax sums to 1, whatever x is
            known = torch.isfinite(scores[0])
            (gradient,) = torch.autograd.grad((scores * weighed)[:, known].sum(), x, allow_unused=True)
            why = "it does not depend on them" if gradient is None else ""
        except CODE_OF_OTHERS_FAILS as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
    if why:
        raise UsageError(f"the gradient of {name}'s scores does not reach the series: {why}")
    found: Floats = scores[0].detach().double().cpu().numpy()
    return found


def _position(run: Explainable, case: str) -> int:
    """Return where a case is in the test part."""
    if case not in run.names:
        raise UsageError(f"--case {case}: there is no such case; names are such as {', '.join(run.names[:3])}")
    at = np.flatnonzero(run.cases == list(run.names).index(case))
    if not len(at):
        tested = ", ".join(str(run.names[number]) for number in run.cases[:3])
        raise UsageError(f"--case {case} is not in the test part of the run; there are such as {tested}")
    return int(at[0])


def _target(run: Explainable, target: str | None, scores: Floats) -> int:
    if target is None:
        return int(scores.argmax())
    if target not in run.classes:
        raise UsageError(f"--class {target}: choose one of {', '.join(run.classes) or 'none, which are numbers'}")
    return run.classes.index(target)


def _rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's correlation, NaN where one of the two does not vary."""
    from scipy.stats import rankdata

    ranks = [rankdata(one) - (len(one) + 1) / 2 for one in (a, b)]
    size = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float((ranks[0] * ranks[1]).sum() / size) if size else float("nan")
