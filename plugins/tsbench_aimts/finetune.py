"""Fine-tuning as AimTS does it (arXiv 2504.09993): all weights and a head of two layers are trained on labels."""

from __future__ import annotations

import torch
from torch import nn

from tsbench import BaseParams, Batch, SSLMethod, param
from tsbench.nn import Dropout, projection_head
from tsbench_probes.finetune import FineTune


class FineTuneAimTS(FineTune):
    """Train all weights of a method and a head of two layers on its representation, each with a learning rate.

    The recipe of the published code: AdamW, batches of 8, the head's rate times 0.5^(e - 1) after each fifth epoch e,
    the encoder's rate constant, dropout on the head's output, the last epoch. Where the split has a validation part the
    epoch with the best macro-F1 there is used; the paper has none. A last batch of one case joins the batch before it,
    where the published code skips it.
    """

    class Params(BaseParams):
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

    def n_epochs(self, train: Batch) -> int:
        """Return the passes over the training part."""
        return int(self.params.epochs or (36 if train.x.shape[1] == 1 else 15))

    def make_head(self, n_features: int, n_classes: int) -> nn.Module:
        """Return Linear - BatchNorm - ReLU - Linear - Dropout."""
        p = self.params
        return nn.Sequential(*projection_head(n_features, p.hidden, n_classes), Dropout(p.dropout))

    def make_optimizer(self, method: SSLMethod, head: nn.Module) -> torch.optim.Optimizer:
        """Return AdamW with a learning rate each."""
        p = self.params
        body = [weight for weight in method.parameters() if weight.requires_grad]
        groups = [{"params": body}, {"params": list(head.parameters()), "lr": p.head_lr}]
        return torch.optim.AdamW(groups, lr=p.lr, weight_decay=p.weight_decay, fused=True)

    def after_epoch(self, epoch: int, optimizer: torch.optim.Optimizer) -> None:
        """Set the head's learning rate after each fifth epoch."""
        if epoch % 5 == 0:
            optimizer.param_groups[1]["lr"] = self.params.head_lr * 0.5 ** (epoch - 1)
