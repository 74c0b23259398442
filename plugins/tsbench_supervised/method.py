"""Supervised training as a method, so that its features meet the same probes; its head may decide as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from tsbench import Batch, PanelShape, SSLMethod, Step, param


class Supervised(SSLMethod):
    """Train an encoder and a linear head on labels; the representation is the encoder's output, the head decides.

    The loss is the cross entropy of classes, the binary one of each label, or the squared error of numbers, which are
    standardised with the training cases' mean and standard deviation.

    The settings are those of the downstream stage of TRLS (arXiv 2401.05431, section 3.1), whose Table 1 has a
    supervised row without saying more. `finetune` on random:<method> trains that method's own encoder instead.
    """

    class Params(SSLMethod.Params):
        """Section 3.1 of TRLS."""

        epochs: int = param(100, like="epochs")
        batch_size: int = param(128, like="batch_size")
        lr: float = param(3e-4, like="lr", doc="learning rate of Adam")
        weight_decay: float = param(1e-4, like="weight_decay", doc="weight decay of Adam")

    version: ClassVar[int] = 2
    supervised: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"classification", "multilabel", "regression"})

    def build(self, shapes: Sequence[PanelShape]) -> None:
        """Make encoder and head; every source must have the same classes."""
        self.encoder, self.task = self.make_encoder(shapes), shapes[0].task
        self.head = nn.Linear(self.encoder.out_dim, 1 if self.task == "regression" else shapes[0].n_classes)
        if self.task == "regression":
            self.register_buffer("centre", torch.zeros(()))
            self.register_buffer("scale", torch.ones(()))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return Adam with the betas of the paper."""
        p = self.params
        return {"main": torch.optim.Adam(self.parameters(), lr=p.lr, betas=(0.9, 0.99), weight_decay=p.weight_decay)}

    def on_fit_start(self, data: Sequence[Batch]) -> None:
        """Take the mean and the standard deviation of numbers."""
        y = data[0].y
        if self.task == "regression" and y is not None:
            std = y.std(correction=0)
            self.centre, self.scale = y.mean(), torch.where(std > 0, std, torch.ones_like(std))

    def training_step(self, step: Step) -> Tensor:
        """Return the loss of the batch."""
        outputs, y = self.head(self.represent(step.batch)), step.batch.y
        assert y is not None
        if self.task == "regression":
            return mse_loss(outputs[:, 0], (y - self.centre) / self.scale)
        return (binary_cross_entropy_with_logits if self.task == "multilabel" else cross_entropy)(outputs, y)

    def decide(self, batch: Batch) -> Tensor:
        """Return the head's scores: logits (n, n_classes), or numbers (n, 1)."""
        outputs: Tensor = self.head(self.represent(batch))
        return outputs * self.scale + self.centre if self.task == "regression" else outputs
