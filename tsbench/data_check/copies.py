"""Test cases that are known from training: the same values, a stretch of them, nearly the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tsbench.data.copies import case_digests
from tsbench.data.panel import RECORD, Array, Panel
from tsbench.data.stream import blocks
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Known, Sides
from tsbench.text import plain

CASES = 512  # looked at together
SHORTEST, LONGEST = 8, 64  # time points of a stretch, a quarter of the median length between them
ANCHORS = 10_000_000  # stretches of one side that are kept
DIMENSIONS = 256  # of the random projection that finds candidates
NEAR = 1e-4  # correlation distance (1 - r) below which two cases may be nearly the same
APART = 0.01  # of the median distance within a class, below which they are
RESOLUTION = 1e-6  # of distances, in float32
LEAST_VALUES = 8  # that a case needs to be compared
PAIRS = 2000  # drawn for that median
GROUP = "split by subject or record ('group' of the card, a subject column), or drop the copies"

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.float32]


def check_same(sides: Sides) -> list[Found]:
    """Look for test cases whose values are those of a case that is known before the test."""
    digests = case_digests(sides.test)
    found = []
    for known in sides.known:
        where, y = {digest: case for case, digest in enumerate(case_digests(known.cases))}, known.cases.y
        same = [case for case, digest in enumerate(digests) if digest in where]
        what = f"{len(same)} of {len(digests)} test cases have the values of {_a(known.name)} case"
        if same and sides.test.y is not None and y is not None:
            other = sum(bool(np.any(sides.test.y[case] != y[where[digests[case]]])) for case in same)
            what += f", {other} with another label"
        if same:
            what += _first(sides, same[0], "a copy of", known, where[digests[same[0]]])
        found.append(_known(f"same cases, {known.name}", same, what))
    return found


def check_stretches(sides: Sides) -> list[Found]:
    """Look for test cases that share a stretch of values, in all channels, with a case that is known before the test.

    A stretch has a quarter of the median length, between 8 and 64 time points, at any place; one in which fewer than
    half of the points differ from the point before is not looked at, since flat series have the same anywhere.
    """
    width = int(np.clip(np.median(sides.test.lengths) // 4, SHORTEST, LONGEST))
    found = []
    for known in sides.known:
        check, cases = f"shared stretches, {known.name}", known.cases
        if min(cases.lengths.max(), sides.test.lengths.max()) < 2 * width:
            found.append(Found(check, "skipped", f"no case has {2 * width} time points"))
            continue
        stride = -(-int(cases.lengths.sum()) // ANCHORS)
        anchors = np.unique(np.concatenate([hashes for _, hashes in _stretches(cases, width, stride)]))
        shared = [case for case, hashes in _stretches(sides.test, width, 1) if _any_in(hashes, anchors)]
        least, kind = width + stride - 1, f"{_a(known.name)} case"
        what = f"{len(shared)} of {len(sides.test)} test cases share {least} time points or more with {kind}"
        if shared:
            ((_, own),) = _stretches(sides.test.select([shared[0]]), width, 1)
            other = next(case for case, hashes in _stretches(cases, width, stride) if _any_in(hashes, np.unique(own)))
            what += _first(sides, shared[0], "which shares them with", known, other)
        found.append(_known(check, shared, what))
    return found


def check_near(sides: Sides) -> list[Found]:
    """Look for test cases that are nearly a training case: by correlation of all values, each channel z-scored.

    Nearly: the correlation distance is below 0.0001, and below a hundredth of the median between training cases of a
    class, so that classes of smooth and similar series are not taken for copies. Values are compared point by point;
    what is missing is 0. Candidates come from a random projection and are then compared in full.
    """
    training = sides.known[0]
    known, test = training.cases, sides.test
    rng = np.random.default_rng(0)
    projection = rng.standard_normal((known.n_channels * known.n_timepoints, DIMENSIONS)).astype(np.float32)
    typical, own = _typical(known, rng), case_digests(known)
    bound = min(NEAR, APART * typical)
    if bound < RESOLUTION:
        return [Found("near copies", "skipped", "the training cases of a class are too alike to tell copies")]
    theirs = np.concatenate([_unit(values @ projection) for values in _vectors(known)])
    same, near, digests = set(own), list[tuple[int, int]](), case_digests(test)
    for first, values in zip(range(0, len(test), CASES), _vectors(test), strict=True):
        closeness = _unit(values @ projection) @ theirs.T
        for row, nearest in enumerate(closeness.argmax(axis=1).tolist()):
            if digests[first + row] in same or 1 - closeness[row, nearest] > 4 * bound or not values[row].any():
                continue
            other = next(_vectors(known.select([nearest])))[0]
            if 1 - float(values[row] @ other) < bound:
                near.append((first + row, nearest))
    what = f"{len(near)} of {len(test)} test cases are within a correlation distance of {bound:.2g} of a training case"
    if near:
        what += _first(sides, near[0][0], "near", training, near[0][1])
        return [Found("near copies", "warning", what, f"look at them: if they are copies, {GROUP}")]
    return [Found("near copies", "ok", f"{what} (median within a class {typical:.2g})")]


def _known(check: str, cases: list[int], what: str) -> Found:
    return Found(check, "error", what, GROUP) if cases else Found(check, "ok", what)


def _first(sides: Sides, case: int, how: str, known: Known, other: int) -> str:
    """Return which is the first, and the known case it is like, by their numbers in the data and their names."""
    own, its = _named(sides.data.panel, int(sides.fold.test[case])), _named(known.source, int(known.index[other]))
    return f"; the first is case {own}, {how} {known.name} case {its}"


def _named(panel: Panel, case: int) -> str:
    """Return "50 (A0051)", with the case's name, else the record it is of; its number alone where it has neither."""
    name = panel.case_names()[case]
    if name == str(case) and RECORD in panel.meta:
        name = str(panel.meta[RECORD][case])
    return str(case) if name == str(case) else f"{case} ({plain(name)})"


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _stretches(panel: Panel, width: int, stride: int) -> Iterator[tuple[int, Hashes]]:
    """Yield (case, hashes of its stretches of so many time points, one every stride)."""
    factors = np.random.default_rng(1).integers(2**63, size=(panel.n_channels, 1), dtype=np.uint64) * 2 + 1
    base = pow(0x9E3779B97F4A7C15, -1, 2**64)
    powers = np.cumprod(np.full(panel.n_timepoints + 1, 0x9E3779B97F4A7C15, np.uint64))
    inverse = np.cumprod(np.full(panel.n_timepoints + 1, base, np.uint64))
    for case in range(len(panel)):
        length = int(panel.lengths[case])
        x = panel.X[case][:, :length] + np.float32(0)
        x[np.isnan(x)] = np.nan
        points = (x.view(np.uint32).astype(np.uint64) * factors).sum(axis=0, dtype=np.uint64)
        points ^= points >> np.uint64(29)
        points *= np.uint64(0xBF58476D1CE4E5B9)
        points ^= points >> np.uint64(32)
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(points * powers[:length], dtype=np.uint64)])
        changes = np.concatenate([[0, 0], np.cumsum(points[1:] != points[:-1])])
        starts = np.arange(0, max(0, length - width + 1), stride)
        starts = starts[changes[starts + width] - changes[np.minimum(starts + 1, length)] >= width // 2]
        yield case, (sums[starts + width] - sums[starts]) * inverse[starts]


def _any_in(hashes: Hashes, ordered: Hashes) -> bool:
    place = np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)
    return bool(len(ordered)) and bool((ordered[place] == hashes).any())


def _vectors(panel: Panel) -> Iterator[Numbers]:
    """Yield blocks (n, n_channels * n_timepoints) of cases of norm 1, or 0 where too few values are observed.

    Each channel is z-scored by itself; what is missing is 0.
    """
    for block in blocks(panel.X, CASES):
        X = np.array(panel.X[block], dtype=np.float64)
        seen = ~np.isnan(X)
        count = np.maximum(1, seen.sum(axis=2, keepdims=True))
        X -= np.where(seen, X, 0).sum(axis=2, keepdims=True) / count
        X[~seen] = 0
        scale = np.sqrt(np.square(X).sum(axis=2, keepdims=True) / count)
        X /= np.where(scale > 0, scale, 1)
        X[seen.sum(axis=(1, 2)) < LEAST_VALUES] = 0
        yield _unit(X.reshape(len(X), -1)).astype(np.float32)


def _unit(values: Array) -> Array:
    norm = np.linalg.norm(values, axis=1, keepdims=True)
    found: Array = values / np.where(norm > 0, norm, 1)
    return found


def _typical(panel: Panel, rng: np.random.Generator) -> float:
    """Return the median correlation distance between cases of one class, or between any where there are no classes."""
    chosen = rng.permutation(len(panel))[:PAIRS]
    y = panel.y[chosen] if panel.task == "classification" and panel.y is not None else np.zeros(len(chosen))
    order = np.argsort(y, kind="stable")
    pairs = [(a, b) for a, b in itertools.pairwise(order) if y[a] == y[b]]
    if not pairs:
        return 1.0
    vectors = np.concatenate(list(_vectors(panel.select(chosen))))
    left, right = (vectors[list(side)] for side in zip(*pairs, strict=True))
    return float(np.median(1 - (left * right).sum(axis=1)))
