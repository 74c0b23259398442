"""TS-TCC: time-series representation learning via temporal and contextual contrasting (arXiv 2106.14112)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from tsbench import Batch, PanelShape, Step, param
from tsbench.errors import UsageError
from tsbench.nn import PredictiveMethod, info_nce, jitter, nt_xent, permute_segments, scale, segment_order
from tsbench_tstcc.contrast import Contrast


class TSTCC(PredictiveMethod):
    """Cross-view prediction and contextual contrasting of a weak and a strong augmentation (section 3).

    Weak: scaling; strong: permutation of segments, then jitter. A transformer sums up the steps up to t of one view in
    a context, from which K linear maps predict the later steps of the other view, in both directions (section 3.2); the
    projections of the two contexts are matched by NT-Xent (section 3.3). Missing values stay 0 in both views, padding
    stays at the end. Needs at least 2 training cases.
    """

    class Params(PredictiveMethod.Params):
        """Defaults of the published code for HAR; it sets several of them per data set."""

        hidden: int = param(100, low=1, high=8192, doc="h, size of the context")
        depth: int = param(4, low=1, high=64, doc="layers of the transformer, section 4.2")
        heads: int = param(4, low=1, high=64, doc="attention heads; must divide `hidden`, section 4.2")
        mlp: int = param(64, low=1, high=8192, doc="hidden units of the transformer's MLP")
        dropout: float = param(0.1, low=0.0, high=0.9, stage="training", doc="dropout of the transformer")
        lambda1: float = param(
            1.0, low=0.0, high=100.0, stage="training", doc="weight of the temporal loss, section 3.3"
        )
        lambda2: float = param(
            0.7, low=0.0, high=100.0, stage="training", doc="weight of the contextual loss, section 3.3"
        )
        temperature: float = param(
            0.2, low=0.01, high=10.0, log=True, tune=True, stage="training", doc="temperature of NT-Xent, section 3.3"
        )
        scale_sigma: float = param(
            1.1, low=0.0, high=100.0, tune=True, stage="training", doc="weak: spread of the factor"
        )
        jitter_sigma: float = param(0.8, low=0.0, high=100.0, tune=True, stage="training", doc="strong: noise")
        max_segments: int = param(
            8, low=1, high=10_000, tune=True, stage="training", doc="strong: most pieces, M in section 3.1"
        )
        reference: bool = param(
            False,
            stage="training",
            doc="augment as the published code does: a factor from N(2, scale_sigma^2) for every time step, at most "
            "M - 1 pieces, the first channel's in all channels, the same two views in every epoch",
        )

    version: ClassVar[int] = 1

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make encoder and contrasting module; raises UsageError for heads that do not divide hidden."""
        p = self.params
        if p.hidden % p.heads:
            raise UsageError(f"TSTCC: heads = {p.heads} does not divide hidden = {p.hidden}")
        self.build_encoder(shapes)
        self.contrast = Contrast(self.step_dim, self.n_futures, p.hidden, p.depth, p.heads, p.mlp, p.dropout)
        self._frozen: dict[int, tuple[Tensor, Tensor]] = {}

    def prepare(self, batch: Batch) -> Batch:
        """Number the cases, `extra["case"]` (n,), where views are kept over the epochs."""
        return (
            batch.with_extra(case=torch.arange(len(batch), device=batch.x.device)) if self.params.reference else batch
        )

    def training_step(self, step: Step) -> Tensor:
        """Return lambda1 (L_TC^s + L_TC^w) + lambda2 L_CC (section 3.3); raises MethodError for a single case."""
        p = self.params
        # one call per view: BatchNorm takes its statistics over one view
        weak, strong = (
            functional.normalize(self.encoder.forward_sequence(step.batch.with_values(view)), dim=2)
            for view in self.views(step)
        )
        first, second = self.draw_times(step, weak.shape[1], 2)
        temporal, contexts = [], []
        for past, future, t in ((weak, strong, first), (strong, weak, second)):
            context, predictions = self.contrast(past[:, : t + 1])
            truth = future[:, t + 1 : t + 1 + self.n_futures].transpose(0, 1)
            temporal.append(info_nce(truth, predictions))  # the published code compares predictions for each truth
            contexts.append(self.contrast.project(context))
        contextual = nt_xent(contexts[0], contexts[1], p.temperature)
        loss: Tensor = p.lambda1 * (temporal[0] + temporal[1]) + p.lambda2 * contextual
        return loss

    def views(self, step: Step) -> tuple[Tensor, Tensor]:
        """Return the weak and the strong view of the batch, each (n, n_channels, n_timepoints)."""
        p, batch, rng = self.params, step.batch, step.rng
        if p.reference:
            if step.source not in self._frozen:
                self._frozen[step.source] = self._published_views(step.data.x, rng)
            weak, strong = self._frozen[step.source]
            return weak[batch.extra["case"]], strong[batch.extra["case"]]
        order = segment_order(batch.x, rng, p.max_segments, batch.lengths)[:, None].expand_as(batch.x)
        strong = jitter(batch.x.gather(2, order), rng, p.jitter_sigma)
        if batch.observed is not None:
            strong = strong * batch.observed.gather(2, order)
        return scale(batch.x, rng, p.scale_sigma), strong

    def on_fit_end(self) -> None:
        """Forget the kept views."""
        self._frozen.clear()

    def _published_views(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        p = self.params
        factor = torch.randn((len(x), 1, x.shape[2]), generator=rng, device=x.device, dtype=x.dtype)
        moved = permute_segments(x[:, :1], rng, max(1, p.max_segments - 1))
        unmoved = (moved == x[:, :1]).all(dim=2, keepdim=True)
        return x * (2.0 + p.scale_sigma * factor), jitter(torch.where(unmoved, x, moved), rng, p.jitter_sigma)
