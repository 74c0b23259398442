"""Retrieval: of each case the text that belongs to its series among all, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tsbench.errors import MethodError
from tsbench.identity import stage_seed
from tsbench.tasks.base import Array, Measured, Metric

CUTS = (1, 5, 10)  # the K of R@K
COMMON = (32, 1000)  # sizes that pools of several sizes are compared at
SIDES = ("report", "image")  # what is looked for: the text of a series, the series of a text
OWN, EQUAL = 1 << 15, 1 << 14  # bits of a relevance: the case itself, a case of the same text
SHADES = 10_000  # of a relevance by codes: the Jaccard index in steps of 1 / SHADES
DEPTH = 10  # of nDCG
CODES = "codes"  # the array of meta with the codes of a case, separated by ";"
_NOT_WORDS = re.compile(r"[\W_]+")


class Retrieval(Measured):
    """Each case of the test part is a query twice: its series among all texts, its text among all series.

    R@K is the share of queries whose partner is among the first K: `report_r1` of texts for a series, `image_r1` of
    series for a text; rsum is the sum of the six, at most 6 (600 %). `_equal`: a case of the same text will do.
    `_at_32`, `_at_1000`: the expected value in a pool of so many, drawn from this one; not defined in a smaller one.
    median_rank and mrr are of the partner, from 1. ndcg10 grades by the codes that two cases share (Jaccard index), 1
    for the partner; not defined without codes. chance is the share that a random order finds; ceiling is what is left
    where equal texts cannot be told apart.
    """

    name = "retrieval"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("rsum", beside=("chance_rsum", "ceiling_rsum")),
        *(Metric(f"{side}_r{k}", beside=(f"chance_r{k}", f"ceiling_r{k}")) for side in SIDES for k in CUTS),
        *(Metric(f"{kind}_r{k}") for kind in ("chance", "ceiling") for k in CUTS),
        Metric("chance_rsum"),
        Metric("ceiling_rsum"),
        *(Metric(f"{side}_r{k}_equal", beside=(f"chance_r{k}_equal",)) for side in SIDES for k in CUTS),
        *(Metric(f"chance_r{k}_equal") for k in CUTS),
        *(Metric(f"{side}_median_rank", "low", "") for side in SIDES),
        *(Metric(f"{side}_mrr") for side in SIDES),
        *(Metric(f"{side}_ndcg10") for side in SIDES),
        *(Metric(f"rsum_at_{size}") for size in COMMON),
        *(Metric(f"{side}_r{k}_at_{size}") for size in COMMON for side in SIDES for k in CUTS),
    )
    primary = "rsum"

    def score(self, relevance: Array, ranks: Array) -> dict[str, float]:
        """Return the metrics that are defined; rows are queries, so that any choice of rows has metrics.

        relevance : uint16 (n, n_pool) as `relevance` gives it; rows without a partner are no queries. ranks : int (n, 2
        n_pool), from 0, of each candidate among the texts, then among the series; negative where there is none.
        """
        queries = (relevance & OWN > 0).any(axis=1)
        relevance, ranks, n_pool = relevance[queries], ranks[queries], relevance.shape[1]
        sides = dict(zip(SIDES, (ranks[:, :n_pool], ranks[:, n_pool:]), strict=True))
        own, equal, there = relevance & OWN > 0, relevance & (OWN | EQUAL) > 0, sides["report"] >= 0
        pool, alike = there.sum(axis=1), equal.sum(axis=1)
        places = {side: _first(own, of) for side, of in sides.items()}
        found = _shares("{side}_r{k}", lambda side, k: places[side] < k)
        values = {"rsum": sum(found.values()), **found}
        for k in CUTS:
            values[f"chance_r{k}"] = float(np.minimum(1, k / pool).mean())
            values[f"ceiling_r{k}"] = float(np.minimum(1, k / alike).mean())
            by_chance = [_hit(int(n), int(hits), k) for n, hits in zip(pool, alike, strict=True)]
            values[f"chance_r{k}_equal"] = float(np.mean(by_chance))
        for kind in ("chance", "ceiling"):
            values[f"{kind}_rsum"] = 2 * sum(values[f"{kind}_r{k}"] for k in CUTS)
        firsts = {side: _first(equal, of) for side, of in sides.items()}
        values |= _shares("{side}_r{k}_equal", lambda side, k: firsts[side] < k)
        for side, place in places.items():
            values[f"{side}_median_rank"] = float(np.median(place) + 1)
            values[f"{side}_mrr"] = float((1 / (place + 1)).mean())
        gains = (relevance & (EQUAL - 1)) / SHADES
        if (gains > 0).any():
            values |= {f"{side}_ndcg10": _ndcg(np.where(own, 1.0, gains), of) for side, of in sides.items()}
        for size in COMMON:
            if pool.min() >= size:
                values |= _at(size, places, pool)
        return values

    def words(self, y: Array, classes: tuple[str, ...]) -> Array:
        """Return for ranks (n, 2 n) those of the partners, from 1, and for relevances (n, n) where these stand."""
        if y.shape[1] == len(y):
            return np.arange(len(y)).astype(object)
        return np.array([f"report {report + 1}, image {image + 1}" for report, image in partners(y)], dtype=object)


def partners(ranks: Array) -> Array:
    """Return (n, 2): the rank of each case's text and of its series, from 0, of all ranks (n, 2 n)."""
    own = np.arange(len(ranks))
    found: Array = np.stack([ranks[own, own], ranks[own, len(own) + own]], axis=1)
    return found


def relevance(texts: Sequence[str], codes: Sequence[str] | None) -> npt.NDArray[np.uint16]:
    """Return uint16 (n, n), of each case for each: OWN, EQUAL where texts are of the same words, and shared codes.

    codes : of each case, separated by ";"; None where there are none. What two cases share counts in steps of
    1 / SHADES of the Jaccard index.
    """
    n = len(texts)
    _, group = np.unique([_NOT_WORDS.sub(" ", text.lower()).strip() for text in texts], return_inverse=True)
    shades = np.zeros((n, n), dtype=np.uint16)
    if codes is not None:
        sets = [{one for one in text.split(";") if one} for text in codes]
        names = sorted(set().union(*sets))
        hot = np.array([[name in one for name in names] for one in sets], dtype=np.float64).reshape(n, len(names))
        shared, sizes = hot @ hot.T, hot.sum(axis=1)
        either = sizes[:, None] + sizes[None] - shared
        shades = np.rint(SHADES * shared / np.maximum(either, 1)).astype(np.uint16)
    found: npt.NDArray[np.uint16] = shades | np.where(group[:, None] == group[None], EQUAL, 0).astype(np.uint16)
    found[np.arange(n), np.arange(n)] |= OWN
    return found


def ranks_of(owner: str, report: Any, image: Any, n: int) -> npt.NDArray[np.int32]:
    """Return int32 (n, 2 n), from 0, by scores (n, n) of each text for each series, and of each series for each text.

    Equal scores are put in a random order by a fixed seed. Raises MethodError for scores that are none.
    """
    found = []
    for side, given in zip(SIDES, (report, image), strict=True):
        scores = np.asarray(given)
        if scores.shape != (n, n) or scores.dtype.kind not in "fiu" or not np.isfinite(scores).all():
            raise MethodError(
                f"{owner} gave scores of shape {scores.shape}, {scores.dtype}, for {n} cases, or some that are not "
                f"finite; expected a number for each pair ({n}, {n})"
            )
        ties = np.random.default_rng(stage_seed(side, "ties")).random((n, n))
        order = np.lexsort((ties, -scores.astype(np.float64)), axis=1)
        ranks = np.empty((n, n), dtype=np.int32)
        np.put_along_axis(ranks, order.astype(np.int64), np.arange(n, dtype=np.int32)[None].repeat(n, 0), axis=1)
        found.append(ranks)
    return np.concatenate(found, axis=1)


def _first(hits: Array, ranks: Array) -> npt.NDArray[np.int64]:
    """Return the best rank of the candidates that are hits, for each query."""
    far = np.iinfo(np.int64).max
    first: npt.NDArray[np.int64] = np.where(hits & (ranks >= 0), ranks.astype(np.int64), far).min(axis=1)
    return first


def _shares(form: str, hit: Callable[[str, int], Array]) -> dict[str, float]:
    """Return the mean of hit(side, k) over the queries under each name."""
    return {form.format(side=side, k=k): float(hit(side, k).mean()) for side in SIDES for k in CUTS}


def _hit(n: int, hits: int, k: int) -> float:
    """Return how likely one of some hits is among the first k of n candidates in a random order."""
    missed = 1.0
    for drawn in range(min(k, n)):
        missed *= max(0, n - hits - drawn) / (n - drawn)
    return 1 - missed


def _at(size: int, places: dict[str, Array], pool: Array) -> dict[str, float]:
    """Return the recalls that are to be expected among `size` candidates, drawn with the partner among them."""
    from scipy.stats import hypergeom

    def hit(side: str, k: int) -> Array:
        likely: Array = hypergeom.cdf(k - 1, pool - 1, places[side], size - 1)
        return likely

    found = _shares(f"{{side}}_r{{k}}_at_{size}", hit)
    return {f"rsum_at_{size}": sum(found.values()), **found}


def _ndcg(gains: Array, ranks: Array) -> float:
    """Return the mean nDCG of the first DEPTH, the gain itself over log2 of the rank plus 1."""
    weight = 1 / np.log2(np.arange(2, DEPTH + 2))
    near = (ranks >= 0) & (ranks < DEPTH)
    reached = (gains * np.where(near, weight[np.where(near, ranks, 0)], 0.0)).sum(axis=1)
    best = -np.sort(-gains, axis=1)[:, :DEPTH]
    return float((reached / (best * weight[: best.shape[1]]).sum(axis=1)).mean())
