"""Supervised training as a method, so that its features meet the same probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tsbench import PanelShape, SSLMethod, Step, param


class Supervised(SSLMethod):
    """Train an encoder and a linear head with cross entropy; the representation is the encoder's output.

    The settings are those of the downstream stage of TRLS (arXiv 2401.05431, section 3.1), whose Table 1 has a
    supervised row without saying more. `finetune` on random:<method> trains that method's own encoder instead.
    """

    class Params(SSLMethod.Params):
        """Section 3.1 of TRLS."""

        epochs: int = param(100, like="epochs")
        batch_size: int = param(128, like="batch_size")
        lr: float = param(3e-4, like="lr", doc="learning rate of Adam")
        weight_decay: float = param(1e-4, like="weight_decay", doc="weight decay of Adam")

    version: ClassVar[int] = 1
    supervised: ClassVar[bool] = True

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make encoder and head; every source must have the same classes."""
        self.encoder = self.make_encoder(shapes)
        self.head = nn.Linear(self.encoder.out_dim, shapes[0].n_classes)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam with the betas of the paper."""
        p = self.params
        return {"main": torch.optim.Adam(self.parameters(), lr=p.lr, betas=(0.9, 0.99), weight_decay=p.weight_decay)}

    def training_step(self, step: Step) -> Tensor:
        """Return the cross entropy of the batch."""
        assert step.batch.y is not None
        return cross_entropy(self.head(self.encoder(step.batch)), step.batch.y)
