"""The linear evaluation of TRLS: one linear layer trained by Adam for a fixed number of epochs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from tsbench.methods.classifier import Scores
from tsbench.methods.params import BaseParams, param
from tsbench.methods.probe import Features, Predictor, Probe
from tsbench.methods.ssl import SSLMethod
from tsbench.tasks.metrics import f1_macro
from tsbench_probes.common import Floats, Labels, expand_weights, finite, shares, training_data, unscaled


class LinearPaper(Probe):
    """Linear layer with cross entropy on frozen features, with the settings of TRLS (arXiv 2401.05431).

    Adam with betas (0.9, 0.99) on the CPU in float32, the last incomplete batch kept. The weights of the epoch with the
    best macro-F1 on the validation part are used (the first of equals), those of the last epoch without one; the
    selection rule is not specified in the paper. 100 epochs are few steps for a small training part and then far from
    convergence; `linear` is the converged form. Scores are probabilities.
    """

    class Params(BaseParams):
        """The recipe of the paper."""

        epochs: int = param(100, low=1, high=100_000, stage="probe", doc="passes over the training part")
        batch_size: int = param(128, low=1, high=65_536, stage="probe", doc="cases per step")
        lr: float = param(3e-4, low=1e-7, high=1.0, log=True, stage="probe", doc="learning rate of Adam")
        weight_decay: float = param(1e-4, low=0.0, high=1.0, stage="probe", doc="weight decay of Adam")
        standardise: bool = param(
            True, stage="probe", doc="standardise features with training statistics; not specified in the paper"
        )

    version: ClassVar[int] = 3

    def fit(
        self, method: SSLMethod | None, train: Features, validation: Features | None, rng: np.random.Generator
    ) -> Predictor:
        """Train the layer; initial weights and batches are drawn from rng."""
        x, y = training_data(train)
        scaler = StandardScaler().fit(x) if self.params.standardise else None
        seen, target = np.unique(y, return_inverse=True)
        inputs, targets = _tensor(x, scaler), torch.from_numpy(target)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        bound = inputs.shape[1] ** -0.5  # the default initial weights of torch.nn.Linear
        weight = torch.empty(len(seen), inputs.shape[1]).uniform_(-bound, bound, generator=generator).requires_grad_()
        bias = torch.empty(len(seen)).uniform_(-bound, bound, generator=generator).requires_grad_()
        optimizer = torch.optim.Adam(
            [weight, bias], self.params.lr, (0.9, 0.99), weight_decay=self.params.weight_decay, fused=True
        )
        held_out = None if validation is None else _tensor(finite(validation.x, "validation"), scaler)
        best, found = None, {"epoch": float(self.params.epochs)}
        for epoch in range(1, self.params.epochs + 1):
            for batch in torch.randperm(len(inputs), generator=generator).split(self.params.batch_size):  # type: ignore[no-untyped-call]
                optimizer.zero_grad()
                cross_entropy(linear(inputs[batch], weight, bias), targets[batch]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if validation is None or held_out is None:
                continue
            with torch.no_grad():
                predicted = seen[linear(held_out, weight, bias).argmax(dim=1).numpy()]
            f1 = f1_macro(validation.y, predicted, train.n_classes)
            if best is None or f1 > found["selection_f1_macro"]:
                best = weight.detach().clone(), bias.detach().clone()
                found = {"epoch": float(epoch), "selection_f1_macro": f1}
        layer = best or (weight.detach(), bias.detach())
        return _LayerPredictor(layer, scaler, seen, train.n_classes, found)


class _LayerPredictor(Predictor):
    probabilities = True

    def __init__(
        self,
        layer: tuple[Tensor, Tensor],
        scaler: StandardScaler | None,
        seen: Labels,
        n_classes: int,
        found: dict[str, float],
    ) -> None:
        self.layer, self.scaler, self.seen, self.n_classes, self.found = layer, scaler, seen, n_classes, found

    def predict(self, x: npt.NDArray[np.float32]) -> tuple[Labels, Scores]:
        logits = linear(_tensor(finite(x, "test"), self.scaler), *self.layer).numpy()
        scores = shares(logits, self.seen, self.n_classes)
        return scores.argmax(axis=1), scores

    def linear(self) -> tuple[Floats, Floats]:
        weight, bias = ((part - part.mean(axis=0)).astype(np.float64) for part in map(Tensor.numpy, self.layer))
        return expand_weights(*unscaled(weight.T, bias, self.scaler), self.seen, self.n_classes)

    def details(self) -> dict[str, float]:
        return self.found


def _tensor(x: npt.NDArray[np.float64], scaler: StandardScaler | None) -> Tensor:
    scaled = x if scaler is None else scaler.transform(x)
    return torch.from_numpy(scaled.astype(np.float32))
