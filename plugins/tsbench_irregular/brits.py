"""BRITS (Cao et al. 2018, arXiv 1805.10572): imputation by two recurrent nets, and classification on them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tsbench import Batch, PanelShape, Series, Step, param
from tsbench.nn import Decayed, DecayRNN, Steps
from tsbench_irregular.base import IrregularMethod


class BRITSNet(nn.Module):
    """RITS in both directions: an LSTM with decay that fills its gaps from its state and from the other channels."""

    def __init__(self, n_channels: int, hidden: int) -> None:
        super().__init__()
        self.out_dim = 2 * hidden
        self.rnn = DecayRNN(n_channels, hidden, cell="lstm", fills=True, regresses=True)

    def forward(self, series: Series, unit: Tensor | float = 1.0) -> tuple[Steps, Decayed]:
        """Return the steps, whose gaps are counted in a unit, and what was made of them."""
        steps = Steps.of(series, unit=unit)
        return steps, self.rnn(steps)


def imputed(steps: Steps, found: Decayed) -> Tensor:
    """Return the mean of what both directions fill gaps with, (n, n_channels, n_timepoints); 0 beyond the longest."""
    assert found.combined is not None
    values = steps.forward_in_time(found.combined).mean(dim=0)
    return nn.functional.pad(values, (0, steps.width - values.shape[-1]))


def estimation_loss(steps: Steps, found: Decayed) -> Tensor:
    """Return how far the three estimates are from what was observed: absolute errors, over the values of a step.

    The mean over steps and estimates, summed over the directions; a step without any value counts as 0.
    """
    total = torch.zeros((), device=steps.x.device)
    seen = steps.mask.sum(dim=(2, 3)).clamp(min=1)
    for estimate in (found.estimates, found.regressed, found.combined):
        assert estimate is not None
        error = ((estimate - steps.x).abs() * steps.mask).sum(dim=(2, 3)) / seen
        total = total + error.mean(dim=1).sum() / 3
    return total


def consistency_loss(steps: Steps, found: Decayed, inside: Tensor | None) -> Tensor:
    """Return the mean absolute difference of the series that the directions fill, which observed values do not add to.

    inside : bool (n, T), which steps count; None where all do.
    """
    assert found.combined is not None
    forward, backward = steps.forward_in_time(found.combined)
    apart = (forward - backward).abs() * (1 - steps.mask[0].permute(1, 2, 0))
    counted = torch.ones_like(apart[:, :1]) if inside is None else inside[:, None, : apart.shape[-1]]
    mean: Tensor = (apart * counted).sum() / (counted.sum() * apart.shape[1])
    return mean


class BRITS(IrregularMethod):
    """BRITS for classification: the losses of imputation and of the decision of each direction, trained as one.

    The equations are the paper's, where the published code departs from them: gaps by the mask of the step before, a
    backward net that is given backward gaps, a sigmoid on the weight that mixes the estimates. Real times are used, in
    the longest time of the training cases, and padding is in no sum. As in PyPOTS, the estimation loss is a mean over
    steps and estimates, and the probabilities of the two directions are averaged.
    """

    class Params(IrregularMethod.Params):
        """The published code's sizes; its weight of the imputation is for a sum over steps."""

        epochs: int = param(100, like="epochs", doc="passes; 1000 in the published code, as far as one runs it")
        batch_size: int = param(32, like="batch_size")
        hidden: int = param(64, low=1, high=8192, tune=True, doc="hidden units of each direction")
        impute_weight: float = param(1.0, low=0.0, high=1e4, doc="weight of the estimation loss, a mean over steps")
        consistency_weight: float = param(0.1, low=0.0, high=1e4, doc="weight of the two directions' difference")

    def make_net(self, shape: PanelShape) -> nn.Module:
        """Return the net."""
        return BRITSNet(shape.n_channels, self.params.hidden)

    def make_head(self, in_dim: int, out_dim: int) -> nn.Module:
        """Return a linear map for each direction, of its state and the static values."""
        size = self.net.out_dim // 2 + self.n_static
        return nn.ModuleList(nn.Linear(size, out_dim) for _ in range(2))

    def training_step(self, step: Step) -> Mapping[str, Tensor]:
        """Return the parts of the loss."""
        batch, p = step.batch, self.params
        assert batch.y is not None
        steps, found = self._run(batch)
        decisions = [self.loss(scores, batch.y) for scores in self._scores(steps.last(found.states), batch)]
        return {
            "decision": torch.stack(decisions).mean(),
            "estimation": p.impute_weight * estimation_loss(steps, found),
            "consistency": p.consistency_weight * consistency_loss(steps, found, batch.inside),
        }

    def represent(self, batch: Batch) -> Tensor:
        """Return the last states of both directions, (n, 2 hidden)."""
        steps, found = self._run(batch)
        return steps.last(found.states)

    def decide(self, batch: Batch) -> Tensor:
        """Return the logarithms of the directions' mean probabilities; of several labels, the log odds of these."""
        if self.multilabel:
            found = self._scores(self.represent(batch), batch)
            return torch.stack(found).sigmoid().mean(dim=0).logit(eps=1e-6)
        scores = torch.stack([one.log_softmax(dim=1) for one in self._scores(self.represent(batch), batch)])
        return scores.logsumexp(dim=0) - math.log(len(scores))

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return prepared series (n, n_channels, n_timepoints) whose gaps are filled, 0 beyond the end of a case."""
        return batch.filled(imputed(*self._run(batch)))

    def _run(self, batch: Batch) -> tuple[Steps, Decayed]:
        found: tuple[Steps, Decayed] = self.net(batch, self.last_time)
        return found

    def _scores(self, states: Tensor, batch: Batch) -> list[Tensor]:
        """Return the scores of each direction."""
        assert isinstance(self.head, nn.ModuleList)
        halves = states.chunk(2, dim=1)
        return [head(self.with_static(half, batch)) for head, half in zip(self.head, halves, strict=True)]
