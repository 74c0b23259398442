"""CPC: representation learning with contrastive predictive coding (van den Oord et al., arXiv 1807.03748)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from tsbench import PanelShape, Step, param
from tsbench.nn import PredictiveMethod, info_nce


class CPC(PredictiveMethod):
    """Predict the latent vectors of K later steps from a GRU's context, among those of all cases (section 2.3, eq. 4).

    The encoder and the training are those of TS-TCC, in whose comparison CPC is best known for time series. No
    augmentation, no normalisation of the vectors. One t is drawn per batch. Needs at least 2 training cases.
    """

    class Params(PredictiveMethod.Params):
        """The TS-TCC paper says nothing of CPC's sizes."""

        context: int = param(
            128, low=1, high=8192, tune=True, doc="hidden units of the GRU; not specified in the paper"
        )

    version: ClassVar[int] = 1

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make encoder, GRU and the K linear maps W_k, held as one."""
        self.build_encoder(shapes)
        self.recurrent = nn.GRU(self.step_dim, self.params.context)
        self.predict = nn.Linear(self.params.context, self.n_futures * self.step_dim)

    def training_step(self, step: Step) -> Tensor:
        """Return the InfoNCE loss, about log n for an untrained net; raises MethodError for a single case."""
        z = self.encoder.forward_sequence(step.batch).transpose(0, 1)
        (t,) = self.draw_times(step, len(z), 1)
        context = self.recurrent(z[: t + 1])[1][0]
        predictions = self.predict(context).unflatten(1, (self.n_futures, self.step_dim)).transpose(0, 1)
        return info_nce(predictions, z[t + 1 : t + 1 + self.n_futures])
