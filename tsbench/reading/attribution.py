"""Which values a decision hangs on, and how far that can be believed: integrated gradients, judged beside others."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from tsbench.data.batch import Batch
from tsbench.errors import CODE_OF_OTHERS_FAILS, UsageError
from tsbench.measure.decider import Explainable
from tsbench.reading.scorers import VALUES, Floats, PictureScorer, Scorer, draws_apart, scorer_of

POINTS = 20  # of a curve, beside where it begins
ORDERS = 10  # random ones
GRADIENTS, OCCLUSION, RANDOM = "integrated gradients", "occlusion", "random"
Over = Literal["values", "pixels"]


@dataclass(frozen=True)
class Explanation:
    """Why a case has its score for a class (of regression, its number).

    target : the class, "" for a number. score : of the case, as `Scorer.score`; at_nothing : with nothing there, which
    `nothing` words. gap : how far the attributions' sum is from the difference of the two, as a share of it.
    entries : a row per observed value: channel, name, step, time, value, attribution, occlusion, untrained
    (attribution by the untrained twin); or per pixel of the tiles in which something is drawn: picture, channel, name,
    row, column in place of step, time and value, the picture by its name. curves : kind ("deletion", "insertion"), by,
    share (of the values or the tiles), confidence. areas : {by: (deletion, insertion)}, the mean confidence over a
    curve. like_untrained : rank correlation of the sizes of attributions with the untrained twin's, where the case
    differs from nothing. apart : the net also sees pictures of the values, through which no gradient reaches them and
    of which these attributions tell nothing. pictures : names and pixels (colours, height, width) of what was seen;
    none where values are explained.
    """

    case: str
    target: str
    score: float
    at_nothing: float
    nothing: str
    gap: float
    entries: pd.DataFrame
    curves: pd.DataFrame
    areas: dict[str, tuple[float, float]]
    like_untrained: float
    apart: bool
    pictures: list[tuple[str, Floats]]

    @property
    def moved(self) -> float:
        """How far confidence moves over all curves; where that is little, they tell no order from another."""
        return float(self.curves["confidence"].max() - self.curves["confidence"].min())


def explain(
    run: Explainable, case: str, target: str | None = None, steps: int = 64, over: Over = "values"
) -> Explanation:
    """Explain the score of a case of a run's test part, by its name.

    target : a class; None: the one of the largest score. steps : of the integral. over : the values of the series, or
    the pixels of what the net sees of it. Raises UsageError for a case or class that is not there, and a method whose
    gradient does not reach the series, or that sees no pictures.
    """
    require()
    at = _position(run, case)
    panel = run.test.select(np.array([at])).loaded()
    batch = Batch.from_panel(panel.without_labels(), run.device)
    for decider in (run.trained, run.untrained):
        decider.method.eval()
    scorer = scorer_of(run, batch, over)
    if not scorer.n_units:
        raise UsageError(f"--case {case} has no observed value: there is nothing to explain")
    scorer.target = _target(run, target, _checked(scorer, run.name))
    seen = scorer.units >= 0
    drawn = seen & (scorer.summed((scorer.x != scorer.nothing)[0].double().cpu().numpy()) > 0)
    attribution = integrated_gradients(scorer, steps)
    untrained = integrated_gradients(scorer.by(run.untrained), steps)
    pieces = occlusion(scorer)
    with torch.no_grad():
        score, nothing = (float(scorer.score(x)) for x in (scorer.x, scorer.nothing))
    difference = score - nothing
    curves, areas = _judged(scorer, {GRADIENTS: attribution, OCCLUSION: pieces})
    of_places = {"attribution": attribution[seen], "occlusion": pieces[seen], "untrained": untrained[seen]}
    return Explanation(
        case=case,
        target=run.classes[scorer.target] if run.classes else "",
        score=score,
        at_nothing=nothing,
        nothing=scorer.at_nothing,
        gap=abs(attribution.sum() - difference) / max(abs(difference), 1e-12),
        entries=pd.DataFrame({**scorer.places(panel), **of_places}),
        curves=curves,
        areas=areas,
        like_untrained=_rank_correlation(np.abs(attribution[drawn]), np.abs(untrained[drawn])),
        apart=over == "values" and draws_apart(run.trained, batch),
        pictures=scorer.seen() if isinstance(scorer, PictureScorer) else [],
    )


def require() -> None:
    """Raise UsageError, naming the remedy, where captum is not installed."""
    if importlib.util.find_spec("captum") is None:
        raise UsageError('explaining needs captum: pip install "tsbench[explain]"')


def integrated_gradients(scorer: Scorer, steps: int) -> Floats:
    """Return attributions of what is scored by captum, an array of its places.

    The path goes from nothing to the case; which values are there does not change on it.
    """
    from captum.attr import IntegratedGradients

    chunk = max(1, VALUES // scorer.x[0].numel())
    with torch.backends.cudnn.flags(enabled=False):  # whose recurrent nets have no gradient in eval mode
        found = IntegratedGradients(scorer.score).attribute(
            scorer.x, scorer.nothing, n_steps=steps, internal_batch_size=chunk
        )
    return scorer.summed(found[0].detach().double().cpu().numpy())


def occlusion(scorer: Scorer) -> Floats:
    """Return how far the score falls when a piece is missing, evenly over its places."""
    pieces, found = scorer.pieces(), np.zeros(scorer.units.shape)
    if not len(pieces):
        return found
    whole = scorer.confidence(np.ones_like(pieces[:1]), raw=True)
    falls = whole - scorer.confidence(~pieces, raw=True)
    size = np.bincount(scorer.units[scorer.units >= 0], minlength=scorer.n_units)
    per_unit = (falls / (pieces @ size)) @ pieces  # a unit is of one piece
    found[scorer.units >= 0] = per_unit[scorer.units[scorer.units >= 0]]
    return found


def _judged(scorer: Scorer, attributions: dict[str, Floats]) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """Return deletion and insertion curves by attributions, the largest first, and by random orders, with their areas.

    What is taken away is missing, and one unit always stays.
    """
    rng, n, seen = np.random.default_rng(0), scorer.n_units, scorer.units >= 0
    sizes = {name: np.bincount(scorer.units[seen], values[seen], n) for name, values in attributions.items()}
    orders = {name: [np.argsort(-size, kind="stable")] for name, size in sizes.items()}
    orders[RANDOM] = [rng.permutation(n) for _ in range(ORDERS)]
    counts = np.unique(np.linspace(0, n, POINTS + 1).round().astype(int))
    rows, areas = [], {}
    for name, some in orders.items():
        both = []
        for kind in ("deletion", "insertion"):
            kept = np.stack([_kept(order, count, kind) for order in some for count in counts])
            confidence = scorer.confidence(kept).reshape(len(some), len(counts)).mean(axis=0)
            rows += [(kind, name, count / n, value) for count, value in zip(counts, confidence, strict=True)]
            both.append(float(np.trapezoid(confidence, counts / n)))
        areas[name] = both[0], both[1]
    return pd.DataFrame(rows, columns=["kind", "by", "share", "confidence"]), areas


def _kept(order: npt.NDArray[np.int64], count: int, kind: str) -> npt.NDArray[np.bool_]:
    """Return which units are there when the first ones of an order are deleted, or inserted into nothing."""
    kept = np.zeros(len(order), dtype=bool)
    kept[order[min(count, len(order) - 1) :] if kind == "deletion" else order[: max(count, 1)]] = True
    return kept


def _checked(scorer: Scorer, name: str) -> Floats:
    """Return the scores of a case; raises UsageError where their gradient does not reach what is explained."""
    x, why = scorer.x.clone().requires_grad_(), ""
    with torch.backends.cudnn.flags(enabled=False):
        try:
            scores = scorer(x)
            weighed = torch.arange(1.0, scores.shape[1] + 1, device=x.device)  # softmax sums to 1, whatever x is
            known = torch.isfinite(scores[0])
            (gradient,) = torch.autograd.grad((scores * weighed)[:, known].sum(), x, allow_unused=True)
            why = "it does not depend on them" if gradient is None else ""
        except CODE_OF_OTHERS_FAILS as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
    if why:
        if not isinstance(scorer, PictureScorer) and draws_apart(scorer.decider, scorer.case):
            why = "its pictures of them have none; take --over pixels"
        raise UsageError(f"the gradient of {name}'s scores does not reach the {scorer.what}: {why}")
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
