"""SimCLR: a simple framework for contrastive learning (Chen et al., ICML 2020, arXiv 2002.05709), on time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from tsbench import Batch, PanelShape, SSLMethod, Step, param
from tsbench.errors import MethodError
from tsbench.methods.params import Settings
from tsbench.nn import jitter, mask_stretch, nt_xent, projection_head, scale, segment_order


class SimCLR(SSLMethod):
    """Two views from one stochastic policy, an encoder, a projector, NT-Xent (section 2.1, eq. 1).

    A view is scaled, permuted in segments, jittered and has a stretch set to 0; missing values stay 0, padding stays at
    the end. The representation is the encoder's output, before the projector. Needs at least 2 training cases.
    """

    class Params(SSLMethod.Params):
        """The paper is about images: the policy and all sizes are choices for series."""

        encoder: str = param("tcn", like="encoder", doc="encoder; not specified in the paper for series")
        epochs: int = param(100, like="epochs", doc="passes over the training cases, the paper's default")
        min_steps: int = param(500, like="min_steps", doc="floor in steps for small sets; not specified in the paper")
        batch_size: int = param(
            128, like="batch_size", low=2, doc="cases per step; not specified in the paper for series"
        )
        weight_decay: float = param(1e-4, like="weight_decay", doc="weight decay (L2); not specified in the paper")
        temperature: float = param(
            0.2, low=0.01, high=10.0, log=True, tune=True, stage="training", doc="temperature of NT-Xent, eq. 1"
        )
        hidden: int = param(256, low=1, high=8192, doc="hidden units of the projector; not specified in the paper")
        projection: int = param(128, low=1, high=8192, doc="size of a projection, section 2.1")
        scale_sigma: float = param(
            0.1,
            low=0.0,
            high=10.0,
            stage="training",
            doc="spread of a channel's factor around 1; not specified in the paper",
        )
        max_segments: int = param(
            5, low=1, high=1000, stage="training", doc="pieces of the permutation; not specified in the paper"
        )
        permutation_probability: float = param(
            0.5, low=0.0, high=1.0, stage="training", doc="share of views that are permuted; not specified in the paper"
        )
        jitter_sigma: float = param(0.1, low=0.0, high=10.0, stage="training", doc="noise; not specified in the paper")
        mask_share: float = param(
            0.2,
            low=0.0,
            high=1.0,
            stage="training",
            doc="longest stretch set to 0, share of the series; not specified in the paper",
        )

    version: ClassVar[int] = 1

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make encoder and projector."""
        self.encoder = self.make_encoder(shapes)
        self.projector = projection_head(self.encoder.out_dim, self.params.hidden, self.params.projection)

    def training_step(self, step: Step) -> Tensor:
        """Return NT-Xent of two views; raises MethodError for a single case."""
        if len(step.batch) < 2:
            raise MethodError("SimCLR needs at least 2 training cases: the other cases of a batch are its negatives")
        # one call per view: BatchNorm takes its statistics over one view
        views = (step.batch.with_values(self.view(step.batch, step.rng)) for _ in range(2))
        a, b = (self.projector(self.encoder(view)) for view in views)
        return nt_xent(a, b, self.params.temperature)

    def view(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """Draw one view of each case, (n, n_channels, n_timepoints)."""
        p = self.params
        x = scale(batch.x, rng, p.scale_sigma)
        order = segment_order(x, rng, p.max_segments, batch.lengths)
        moved = torch.rand((len(x), 1), generator=rng, device=x.device) < p.permutation_probability
        order = torch.where(moved, order, torch.arange(x.shape[2], device=x.device))[:, None].expand_as(x)
        x = jitter(x.gather(2, order), rng, p.jitter_sigma)
        if batch.observed is not None:
            x = x * batch.observed.gather(2, order)
        return mask_stretch(x, rng, p.mask_share, batch.lengths if batch.padded else None)

    @classmethod
    def padding_versions(cls, settings: Settings, trained: bool) -> dict[str, int]:
        """Add that of the views, which are made within a case's length."""
        return {**super().padding_versions(settings, trained), **({"views": 1} if trained else {})}
