"""A floor of retrieval: what plain statistics of the leads say of the words of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from tsbench import BaseParams, Batch, PanelShape, SSLMethod, Step, param
from tsbench.errors import MethodError
from tsbench_ecgtext.text import PIECE_BYTES, from_bytes, to_bytes, words_of
from tsbench_ecgtext.texts import texts_of

BANDS = 12  # of the spectrum of a lead


class SignalText(SSLMethod):
    """Ridge regression from statistics of each lead to the words of its report, weighted by how rare they are.

    Statistics are mean, deviation, smallest and largest value, and the mean log power in BANDS bands. Nothing is
    learnt by steps. A report is the vector of its words; a series is what is predicted of it.
    """

    class Params(BaseParams):
        """Both are chosen, not tuned."""

        words: int = param(500, low=1, high=30_000, doc="of the reports that are told apart, the most frequent ones")
        penalty: float = param(10.0, low=1e-6, high=1e6, log=True, tune=True, doc="of the regression")

    version: ClassVar[int] = 2
    trains: ClassVar[bool] = False
    reads: ClassVar[frozenset[str]] = frozenset({"text"})
    represent = None  # type: ignore[assignment]
    weights: Tensor
    shift: Tensor
    scale: Tensor
    rarity: Tensor
    words: Tensor

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make room for what is fitted."""
        n = shapes[0].n_channels * (4 + BANDS) + 1
        self.register_buffer("weights", torch.zeros(n, self.params.words))
        self.register_buffer("shift", torch.zeros(n - 1))
        self.register_buffer("scale", torch.ones(n - 1))
        self.register_buffer("rarity", torch.zeros(self.params.words))
        self.register_buffer("words", to_bytes([], self.params.words))

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Fit on the training cases of the first source."""
        reports = [words_of(report) for report in texts_of(data[0])]
        counts = Counter(word for report in reports for word in report)
        frequent = sorted(counts, key=lambda word: (-counts[word], word))
        known = [word for word in frequent if len(word.encode()) <= PIECE_BYTES][: self.params.words]
        self.words.copy_(to_bytes(known, self.params.words))
        rarity = torch.tensor([len(reports) / counts[word] for word in known]).log1p()
        self.rarity[: len(known)] = rarity.to(self.rarity)
        features, targets = _statistics(data[0]), self.embed(data[0], "text")
        self.shift.copy_(features.mean(0))
        self.scale.copy_(features.std(0, correction=0).clamp(min=1e-6))
        x = self._standardised(features).double()
        gram = x.T @ x + self.params.penalty * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        self.weights.copy_(torch.linalg.solve(gram, x.T @ targets.double()))

    def training_step(self, step: Step) -> Tensor | None:
        """Refuse: there is nothing to train."""
        raise MethodError("signal-text has no training step")

    def embed(self, batch: Batch, modality: str) -> Tensor:
        """Return unit vectors (n, words)."""
        if modality == "series":
            return functional.normalize(self._standardised(_statistics(batch)) @ self.weights, dim=1)
        places: Mapping[str, int] = {word: place for place, word in enumerate(from_bytes(self.words))}
        hot = torch.zeros(len(batch), self.params.words)
        for row, report in zip(hot, texts_of(batch), strict=True):
            row[[places[word] for word in words_of(report) if word in places]] = 1.0
        return functional.normalize(hot.to(self.rarity) * self.rarity, dim=1)

    def _standardised(self, features: Tensor) -> Tensor:
        scaled: Any = (features - self.shift) / self.scale
        return functional.pad(scaled, (0, 1), value=1.0)


def _statistics(batch: Batch) -> Tensor:
    """Return (n, n_channels * (4 + BANDS)); what is missing is 0, the mean after normalisation."""
    x = batch.x
    power = torch.fft.rfft(x).abs().log1p()
    bands = functional.adaptive_avg_pool1d(power, BANDS)
    plain = torch.stack([x.mean(-1), x.std(-1, correction=0), x.amin(-1), x.amax(-1)], dim=-1)
    return torch.cat([plain, bands], dim=-1).flatten(1)
