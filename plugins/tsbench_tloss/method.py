"""T-Loss (Franceschi et al., NeurIPS 2019, arXiv 1901.10738): a triplet loss over crops of random length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from tsbench import Batch, PanelShape, SSLMethod, Step, param
from tsbench.methods.params import Settings
from tsbench.nn.sampling import uniform
from tsbench_encoders.causal_cnn import CausalCNN

MAX_POINTS = 100_000  # time points of crops whose activations are kept for the gradient at a time
SORT_POINTS = 4_000  # from so many on, the padding saved outweighs the calls


class TLoss(SSLMethod):
    """Pull a crop towards a crop inside it, push it from crops of random training cases (algorithm 1, eq. 1).

    Crops never reach beyond a case's length. Where all cases have one length, a batch shares the length of its anchors
    and that of its positives and negatives, as in the published code; else each crop has its own. Unequal crops are
    padded behind, which encoders that tell padding ignore exactly; any other sees zeros there.
    """

    class Params(SSLMethod.Params):
        """Defaults of the published code (default_hyperparameters.json)."""

        encoder: str = param("causal-cnn", like="encoder", doc="encoder of a crop, section 4")
        epochs: int = param(0, like="epochs", doc="passes over the training cases; T-Loss counts steps")
        min_steps: int = param(1500, like="min_steps", doc="steps of training; more where epochs ask for more")
        batch_size: int = param(10, like="batch_size", doc="anchors per step")
        negatives: int = param(
            10, low=1, high=1000, tune=True, stage="training", doc="K, negatives per anchor; published: 1, 2, 5, 10, 20"
        )
        negative_penalty: float = param(
            1.0,
            low=0.0,
            high=1000.0,
            stage="training",
            doc="weight of the mean over the negatives; K makes it the sum of eq. 1",
        )
        compared_length: int | None = param(
            None, low=1, stage="training", doc="longest crop; none: the whole case", neutral=None
        )

    encode_elements: ClassVar[int] = 200_000  # the encoder holds up to 160 numbers per time point, several times

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make the encoder."""
        self.encoder = self.make_encoder(shapes)

    def training_step(self, step: Step) -> Tensor:
        """Return the loss of one batch; negatives are drawn from all training cases, the anchor's own included."""
        batch, data, rng, p = step.batch, step.data, step.rng, self.params
        n = len(batch)
        source = torch.randint(len(data), (n * p.negatives,), generator=rng, device=batch.x.device)
        lengths = torch.cat([batch.lengths, data.lengths[source]])
        longest = lengths if p.compared_length is None else lengths.clamp(max=p.compared_length)
        # Cases of one length share one draw, so that no crop needs padding.
        draws = 1 if bool((data.lengths == data.lengths[0]).all()) else len(longest)
        size = uniform(torch.ones_like(longest), longest, rng, draws)
        anchor_size = uniform(size[:n], longest[:n], rng, min(draws, n))
        zero = torch.zeros_like(lengths)
        start = uniform(zero[:n], lengths[:n] - anchor_size, rng)
        inside = start + uniform(zero[:n], anchor_size - size[:n], rng)
        elsewhere = uniform(zero[n:], (lengths - size)[n:], rng)

        own = torch.arange(n, device=batch.x.device)
        width = int(size.max())
        positives = crops(batch.x, own, inside, size[:n], width)
        negatives = crops(data.x, source, elsewhere, size[n:], width)
        anchors = crops(batch.x, own, start, anchor_size, int(anchor_size.max()))
        others = self._encode(torch.cat([positives, negatives]), size).view(1 + p.negatives, n, -1)
        return triplet_loss(self._encode(anchors, anchor_size), others[0], others[1:], p.negative_penalty)

    def represent(self, batch: Batch) -> Tensor:
        """Return the representation (n, out_dim) of whole cases."""
        return self._encode_together(batch.x, batch.lengths)

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Encode crops (m, n_channels, width) in parts: those too large for memory are computed again for the gradient.

        Where padding can be ignored, a part holds crops of similar length and is no wider than its longest.
        """
        points = len(x) * x.shape[2]
        padded = isinstance(self.encoder, CausalCNN) and bool((lengths < x.shape[2]).any())
        n_parts = max(-(-points // MAX_POINTS), 4 if padded and points > SORT_POINTS else 1)
        if n_parts == 1:
            return self._encode_together(x, lengths)
        order = lengths.argsort()
        parts = []
        for index in order.chunk(n_parts):
            part = (x[index], lengths[index])
            if points > MAX_POINTS:
                parts.append(checkpoint(self._encode_together, *part, use_reentrant=False))
            else:
                parts.append(self._encode_together(*part))
        return torch.cat(parts)[order.argsort()]

    def _encode_together(self, x: Tensor, lengths: Tensor) -> Tensor:
        features: Tensor
        if self.encoder.ignores_padding(self.encoder.params) and bool((lengths < x.shape[2]).any()):
            features = self.encoder(x[:, :, : int(lengths.max())], lengths)
        else:
            features = self.encoder(x)
        return features

    @classmethod
    def padding_versions(cls, settings: Settings, trained: bool) -> dict[str, int]:
        """Leave out `causal-cnn`, which has always been told where crops end."""
        found = super().padding_versions(settings, trained)
        return {part: version for part, version in found.items() if part != "encoder:causal-cnn"}


def triplet_loss(anchor: Tensor, positive: Tensor, negatives: Tensor, penalty: float = 1.0) -> Tensor:
    """Return - mean log s(a.p) - penalty * mean over k of log s(-a.n_k), s the sigmoid (eq. 1).

    anchor, positive : (n, d). negatives : (K, n, d). The published code divides by K, eq. 1 does not: penalty = K.
    """
    attraction = functional.logsigmoid((anchor * positive).sum(dim=-1)).mean()
    repulsion = functional.logsigmoid(-(anchor * negatives).sum(dim=-1)).mean()
    return -attraction - penalty * repulsion


def crops(x: Tensor, case: Tensor, start: Tensor, size: Tensor, width: int) -> Tensor:
    """Cut x (n, n_channels, n_timepoints) to (m, n_channels, width): `size` points of `case` from `start`, then 0."""
    offset = torch.arange(width, device=x.device)
    time = (start[:, None] + offset).clamp(max=x.shape[2] - 1)
    channel = torch.arange(x.shape[1], device=x.device)
    cut = x[case[:, None, None], channel[:, None], time[:, None, :]]
    padded = offset >= size[:, None]
    return cut.masked_fill_(padded[:, None, :], 0.0)
