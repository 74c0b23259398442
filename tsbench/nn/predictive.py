"""What methods that predict later encoder outputs from earlier ones share: CPC and TS-TCC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from tsbench.data.batch import Batch
from tsbench.data.panel import PanelShape
from tsbench.errors import MethodError
from tsbench.methods.params import param
from tsbench.methods.ssl import SSLMethod
from tsbench.methods.stages import Step
from tsbench.nn.masks import masked_max, masked_mean


class PredictiveMethod(SSLMethod):
    """Base of methods that predict the encoder's vectors at steps t + 1 ... t + K from those up to t.

    Call `build_encoder` in `build`; it sets `encoder`, `n_steps` (L', vectors of the longest case), `step_dim` and
    `n_futures` (K), all measured by running the encoder once. The other cases of a batch are the negatives.
    """

    class Params(SSLMethod.Params):
        """Defaults of TS-TCC's published code (arXiv 2106.14112, section 4.2), for CPC in its comparison too."""

        encoder: str = param("tcn", like="encoder", doc="encoder with one vector per step")
        epochs: int = param(40, like="epochs")
        min_steps: int = param(500, like="min_steps", doc="floor in steps for small sets; not specified in the paper")
        batch_size: int = param(128, like="batch_size", low=2)
        lr: float = param(3e-4, like="lr", doc="learning rate of Adam")
        weight_decay: float = param(3e-4, like="weight_decay", doc="weight decay (L2)")
        beta1: float = param(0.9, low=0.0, high=0.9999, stage="training", doc="first moment decay of Adam")
        beta2: float = param(0.99, low=0.0, high=0.99999, stage="training", doc="second moment decay of Adam")
        future_steps: int | None = param(
            None,
            low=1,
            high=10_000,
            doc="K, steps predicted, at most L' - 1 of the shortest source; none: L' / 3, from 1 to 6",
        )
        representation: Literal["flatten", "mean", "max"] = param(
            "flatten", doc="how the vectors of all steps become one: side by side, their mean, their maximum"
        )

    needs = ("forward_sequence",)
    encode_elements = 200_000  # some encoders hold hundreds of values per input value

    def build_encoder(self, shapes: Sequence[PanelShape]) -> None:
        """Make the encoder; raises MethodError for series of which it makes one step only."""
        self.encoder = self.make_encoder(shapes)
        outputs = [self._output_shape(shape) for shape in shapes]
        shortest, self.n_steps, self.step_dim = min(s for s, _ in outputs), max(s for s, _ in outputs), outputs[0][1]
        if shortest < 2:
            raise MethodError(
                f"{type(self).__name__} has nothing to predict: the encoder makes one step of series of "
                f"{min(shape.n_timepoints for shape in shapes)} time points; choose another encoder"
            )
        wanted = self.params.future_steps or min(6, max(1, shortest // 3))
        self.n_futures: int = min(wanted, shortest - 1)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return one Adam over all weights."""
        p = self.params
        weights = list(self.parameters())
        adam = torch.optim.Adam(weights, lr=p.lr, betas=(p.beta1, p.beta2), weight_decay=p.weight_decay, fused=True)
        return {"main": adam}

    def draw_times(self, step: Step, n_steps: int, count: int) -> list[int]:
        """Draw the last steps t known to `count` predictions, each from 0 to n_steps - K - 1.

        Raises MethodError for a batch of one case.
        """
        if len(step.batch) < 2:
            raise MethodError(
                f"{type(self).__name__} needs at least 2 training cases: the other cases of a batch are its negatives"
            )
        high = n_steps - self.n_futures
        times: list[int] = torch.randint(high, (count,), generator=step.rng, device=step.batch.x.device).tolist()
        return times

    def represent(self, batch: Batch) -> Tensor:
        """Return (n, L' * step_dim), or (n, step_dim) for mean and max.

        Flattened, a batch of another length is cut at the end or filled with zeros to the L' built for.
        """
        sequence: Tensor = self.encoder.forward_sequence(batch)
        own = self.encoder.own_steps(batch, sequence.shape[1])
        if self.params.representation == "mean":
            return masked_mean(sequence, own)
        if self.params.representation == "max":
            return masked_max(sequence, own)
        return functional.pad(sequence, (0, 0, 0, self.n_steps - sequence.shape[1])).flatten(1)

    @torch.no_grad()
    def _output_shape(self, shape: PanelShape) -> tuple[int, int]:
        """Return (steps, size) of the encoder's output for series of a shape."""
        self.encoder.eval()
        _, n_steps, size = self.encoder.forward_sequence(torch.zeros(1, shape.n_channels, shape.n_timepoints)).shape
        self.encoder.train()
        return n_steps, size
