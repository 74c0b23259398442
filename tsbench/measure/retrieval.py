"""Retrieval: what a method finds of the test part, of its texts by their series and of its series by their texts."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from tsbench.data.dataset import Index
from tsbench.data.normalise import channel_text
from tsbench.data.panel import CASE, Panel
from tsbench.data.scale import other_unit, spread
from tsbench.errors import InvalidDataError, MethodError
from tsbench.learning.learner import Learner
from tsbench.measure.folds import Parts
from tsbench.measure.newcomers import fitted
from tsbench.methods.capabilities import check_pairs
from tsbench.store.vectors import VectorFiles, weights_digest
from tsbench.tasks import RETRIEVAL
from tsbench.tasks.retrieval import CODES, ranks_of, relevance
from tsbench.tasks.score import Predictions

Scores = npt.NDArray[np.float64]


def retrieve(learner: Learner, parts: Parts, rerank: int) -> Predictions:
    """Return the relevance of all cases of the test part for each other, and the ranks that a learner puts them in.

    Every case with a text is a query and a candidate; a case whose text is empty is neither. rerank : how many
    candidates of a query, those of the largest inner products, are put in a new order by these plus what `match` says
    of the pair; all of them where there are fewer; 0 for none. Raises InvalidDataError where no case has a text.
    """
    n, kept = len(parts.test), with_text(parts.test)
    test = parts.test.select(kept)
    assert test.text is not None
    series, text = (learner.embed_prepared(test, kind).astype(np.float64) for kind in ("series", "text"))
    if series.shape != text.shape:
        raise MethodError(f"{learner.name} embeds series in {series.shape[1]} dimensions, texts in {text.shape[1]}")
    report = series @ text.T
    image = report.T
    if rerank:
        report, image = _reranked(learner, test, report, rerank)
    codes = test.meta.get(CODES)
    truth, ranks = np.zeros((n, n), dtype=np.uint16), np.full((n, 2 * n), -1, dtype=np.int32)
    truth[np.ix_(kept, kept)] = relevance(test.text.tolist(), None if codes is None else codes.tolist())
    ranks[np.ix_(kept, [*kept, *(kept + n)])] = ranks_of(learner.name, report, image, len(test))
    return Predictions(
        cases=parts.fold.test.astype(np.int32),
        y_true=truth,
        y_pred=ranks,
        scores=np.empty((n, 0), dtype=np.float32),
        classes=(),
        task=RETRIEVAL.name,
        names=parts.test.meta.get(CASE),
    )


class Gallery:
    """The cases of a dataset that have a text, and a learner that puts them and others into one space.

    panel : all cases of the dataset as they are. kept : which of them can be found. needs : as of `matched`. files :
    where the vectors of these are kept, so that they are embedded once.
    """

    def __init__(self, learner: Learner, parts: Parts, panel: Panel, needs: set[str], files: VectorFiles) -> None:
        self.learner, self.parts, self.panel, self.needs, self.files = learner, parts, panel, needs, files
        self.kept = with_text(panel)

    def taken(self, panel: Panel, name: str, whole: bool = True) -> tuple[Panel, list[str]]:
        """Return a recording `fitted` to the cases; raises InvalidDataError for a dead channel, another unit."""
        assert self.parts.prepare is not None
        panel, said = fitted(panel, self.panel, name, self.needs, whole)
        statistics = self.parts.prepare.statistics
        dead = np.flatnonzero(~(spread(panel.X[:]).min(axis=0) > 0) & ~statistics.unseen)
        if len(dead):
            raise InvalidDataError(f"{name}: {channel_text(panel, int(dead[0]))} has no signal")
        if text := other_unit(panel, statistics, name):
            raise InvalidDataError(text)
        return panel, said

    def embed(self, panel: Panel, kind: str) -> npt.NDArray[np.float32]:
        """Return vectors (n, d) of the "series" or the "text" of cases that are not prepared yet."""
        assert self.parts.prepare is not None
        return self.learner.embed_prepared(self.parts.prepare(panel.without_labels()), kind)

    def vectors(self, kind: str) -> npt.NDArray[np.float32]:
        """Return vectors (n, d) of what can be found, from their file where it has them."""
        asked = kind, self.learner.device.partition(":")[0], self._weights
        found = self.files.load(*asked, len(self.kept))
        if found is None:
            found = self.embed(self.panel.select(self.kept), kind)
            self.files.save(*asked, found)
        return found

    @cached_property
    def _weights(self) -> str:
        return weights_digest(self.learner.method.state_dict())

    def part_of(self, case: int) -> str:
        """Return in which part of the fold a case is, "" for none."""
        fold = self.parts.fold
        parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
        return next((name for name, index in parts.items() if index is not None and case in index), "")


def with_text(panel: Panel) -> Index:
    """Return which cases have a text that is not empty; raises InvalidDataError where none has."""
    texts = [] if panel.text is None else panel.text.tolist()
    kept = np.flatnonzero([bool(text.strip()) for text in texts]).astype(np.int64)
    if not len(kept):
        raise InvalidDataError("no case of a part has a text: nothing to learn from, or to be found")
    return kept


def _reranked(learner: Learner, test: Panel, scores: Scores, rerank: int) -> tuple[Scores, Scores]:
    """Return the scores (n, n) of texts for each series and of series for each text, candidates above all others."""
    check_pairs(learner.name, learner.cls)
    n = len(scores)
    near = min(rerank, n)
    chosen = [np.argpartition(-of, near - 1, axis=1)[:, :near] for of in (scores, scores.T)]
    pairs = {(int(i), int(j)) for i, row in enumerate(chosen[0]) for j in row}
    pairs |= {(int(i), int(j)) for j, row in enumerate(chosen[1]) for i in row}
    series, texts = np.array(sorted(pairs), dtype=np.int64).T
    matched = np.zeros((n, n))
    matched[series, texts] = learner.match_prepared(test, series, texts)
    above = 4 + np.ptp(matched)  # so that no candidate falls below what is none
    found = []
    for of, said, row in zip((scores, scores.T), (matched, matched.T), chosen, strict=True):
        new = of.copy()
        new[np.arange(n)[:, None], row] += np.take_along_axis(said, row, axis=1) - matched.min() + above
        found.append(new)
    return found[0], found[1]
