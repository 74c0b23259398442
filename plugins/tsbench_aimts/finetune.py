"""Fine-tuning as AimTS does it (arXiv 2504.09993): all weights and a head of two layers are trained on labels."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import nn

from tsbench import Batch, SSLMethod, param
from tsbench.nn import projection_head, recompute_statistics
from tsbench_probes.finetune import FineTune, TuningParams


class FineTuneAimTS(FineTune):
    """Train all weights of a method and a head of two layers on its representation, each with a learning rate.

    The recipe of the published code (AdamW, batches of 8, dropout on the head's output, the last epoch) but for three
    things, whose published form does not settle on small sets: batches are of equal size, both learning rates fall
    along a cosine, and predictions are normalised by the training cases as they are encoded without dropout. batching,
    lr_rule and batch_norm bring back the published ones. Where the split has a validation part the epoch with the best
    macro-F1 there is used; the paper has none. No batch is of one case; the published code skips such a last one.
    """

    class Params(TuningParams):
        """Defaults of the published scripts."""

        epochs: int | None = param(
            None, low=1, high=100_000, stage="probe", doc="passes; none: 36 for one channel (UCR), 15 for more (UEA)"
        )
        batch_size: int = param(8, low=2, high=65_536, stage="probe", doc="cases per step")
        lr: float = param(3e-3, low=1e-7, high=1.0, log=True, stage="probe", doc="learning rate of the method")
        head_lr: float = param(1e-3, low=1e-7, high=1.0, log=True, stage="probe", doc="first learning rate of the head")
        weight_decay: float = param(0.01, low=0.0, high=1.0, stage="probe", doc="decoupled weight decay")
        hidden: int = param(256, low=1, high=65_536, stage="probe", doc="units of the head's first layer")
        dropout: float = param(0.1, low=0.0, high=0.9, stage="probe", doc="dropout of the head's output")
        batching: Literal["even", "published"] = param(
            "even",
            stage="probe",
            doc="even: sizes differ by one case at most; published: the last batch is what is left",
        )
        lr_rule: Literal["cosine", "published"] = param(
            "cosine",
            stage="probe",
            doc="cosine: both rates fall to 0; published: lr stays, head_lr times 0.5^(e - 1) after each fifth epoch e",
        )
        batch_norm: Literal["recomputed", "running"] = param(
            "recomputed",
            stage="probe",
            doc="statistics that predict: of the training cases without dropout, or running ones (published)",
        )

    version: ClassVar[int] = 4

    def n_epochs(self, train: Batch) -> int:
        """Return the passes over the training part."""
        return int(self.params.epochs or (36 if train.x.shape[1] == 1 else 15))

    def batches(self, n_cases: int) -> list[tuple[int, int]]:
        """Return (start, end) of each batch; a BatchNorm sees little in a last batch of two."""
        if self.params.batching == "published":
            return super().batches(n_cases)
        n_batches = min(math.ceil(n_cases / self.params.batch_size), n_cases // 2)
        return list(pairwise(round(i * n_cases / n_batches) for i in range(n_batches + 1)))

    def make_head(self, n_features: int, n_classes: int) -> nn.Module:
        """Return Linear - BatchNorm - ReLU - Linear - Dropout."""
        return projection_head(n_features, self.params.hidden, n_classes, self.params.dropout)

    def make_optimizer(self, method: SSLMethod, head: nn.Module) -> torch.optim.Optimizer:
        """Return AdamW with a learning rate each."""
        p = self.params
        body = [weight for weight in method.parameters() if weight.requires_grad]
        groups = [{"params": body}, {"params": list(head.parameters()), "lr": p.head_lr}]
        return torch.optim.AdamW(groups, lr=p.lr, weight_decay=p.weight_decay, fused=True)

    def after_epoch(self, epoch: int, n_epochs: int, optimizer: torch.optim.Optimizer) -> None:
        """Set the learning rates of the next epoch."""
        p = self.params
        if p.lr_rule == "cosine":
            share = 0.5 + 0.5 * math.cos(math.pi * epoch / n_epochs)
            for group, first in zip(optimizer.param_groups, (p.lr, p.head_lr), strict=True):
                group["lr"] = first * share
        elif epoch % 5 == 0:
            optimizer.param_groups[1]["lr"] = p.head_lr * 0.5 ** (epoch - 1)

    def before_predictions(self, method: SSLMethod, head: nn.Module, train: Batch) -> None:
        """Give the head's BatchNorm the mean and variance of the training cases, encoded as those to be predicted."""
        if self.params.batch_norm == "recomputed":
            recompute_statistics(head, method.encode(train).float())
