"""Fine-tuning: the method's own weights and a linear head are trained on labels."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tsbench.data.batch import Batch
from tsbench.errors import MethodError
from tsbench.learning.loop import Training, batch_bounds, run_stages
from tsbench.learning.stages import Recipe
from tsbench.methods.classifier import Scores
from tsbench.methods.params import BaseParams, param
from tsbench.methods.probe import Cases, Predictor, Probe
from tsbench.methods.ssl import SSLMethod, prepared
from tsbench.methods.stages import Stage, Step
from tsbench.tasks.metrics import f1_macro
from tsbench_probes.common import Labels


class TuningParams(BaseParams):
    """Parameters of every fine-tuning, of the same sense as those of the methods."""

    clip_norm: float | None = param(None, low=0.0, stage="probe", doc="clip the gradient to this norm", neutral=None)
    precision: Literal["fp32", "bf16"] = param(
        "fp32", stage="probe", doc="bf16: mixed precision by autocast", neutral="fp32"
    )


class FineTune(Probe):
    """Train all weights of a method and a linear head on its representation with cross entropy.

    The settings of the downstream stage of TRLS (arXiv 2401.05431, section 3.1): Adam, 100 epochs, batch 128. On an
    untrained method (random:<method>) this is supervised training from scratch. The epoch with the best macro-F1 on
    the validation part is used (the first of equals), the last without one; not specified in the paper. A last batch of
    one case joins the batch before it.
    """

    class Params(TuningParams):
        """The recipe of the paper."""

        epochs: int = param(100, low=1, high=100_000, stage="probe", doc="passes over the training part")
        batch_size: int = param(128, low=1, high=65_536, stage="probe", doc="cases per step")
        lr: float = param(
            3e-4, low=1e-7, high=1.0, log=True, stage="probe", doc="learning rate of the method's weights"
        )
        head_lr: float | None = param(
            None,
            low=1e-7,
            high=1.0,
            stage="probe",
            doc="learning rate of the head; none: lr; not specified in the paper",
        )
        weight_decay: float = param(1e-4, low=0.0, high=1.0, stage="probe", doc="weight decay of Adam")

    version: ClassVar[int] = 2
    needs = "module"

    def fit(
        self, method: SSLMethod | None, train: Cases, validation: Cases | None, rng: np.random.Generator
    ) -> Predictor:
        """Train the given copy of the method; raises MethodError on one class only or a loss that is not finite."""
        assert method is not None
        seen, target = np.unique(train.y, return_inverse=True)
        if len(seen) < 2:
            raise MethodError(f"the training part has one class only (class index {seen[0]}): nothing to learn")
        data = prepared(method, train.batch)
        torch.manual_seed(int(rng.integers(2**63)))
        with torch.no_grad():
            n_features = method.represent(data.select(slice(0, 1))).shape[1]
        head = self.make_head(n_features, len(seen)).to(data.x.device)
        optimizer = self.make_optimizer(method, head)
        net = _Classifier(method, head, seen, train.n_classes)
        modules = nn.ModuleDict({"method": method, "head": head})
        best: tuple[float, int, dict[str, Any]] | None = None
        n_epochs, epoch = self.n_epochs(data), 0

        def after_epoch() -> None:
            nonlocal best, epoch
            epoch += 1
            modules.eval()
            self.after_epoch(epoch, n_epochs, optimizer)
            if validation is not None or epoch == n_epochs:
                self.before_predictions(method, head, train.batch)
            if validation is not None:
                f1 = f1_macro(validation.y, net.predict(validation.batch)[0], train.n_classes)
                if best is None or f1 > best[0]:
                    best = (f1, epoch, copy.deepcopy(net.state()))

        training = Training(
            modules,
            type(self).__name__,
            [replace(data, y=torch.from_numpy(target).to(data.x.device))],
            self.batches,
            Recipe.of(self.params),
            before_epoch=modules.train,
            after_epoch=after_epoch,
            progress=self.progress,
        )
        steps = n_epochs * training.steps_per_epoch
        run_stages([Stage("fine-tuning", net.training_step, {"main": optimizer}, steps)], training)
        if best is not None:
            net.restore(best[2])
            net.found = {"epoch": float(best[1]), "selection_f1_macro": best[0]}
        return net

    def n_epochs(self, train: Batch) -> int:
        """Return the passes over the training part."""
        return int(self.params.epochs)

    def batches(self, n_cases: int) -> list[tuple[int, int]]:
        """Return (start, end) of each batch of an epoch's order of the training cases."""
        return batch_bounds(n_cases, self.params.batch_size)

    def make_head(self, n_features: int, n_classes: int) -> nn.Module:
        """Return the module from features (n, n_features) to logits (n, n_classes)."""
        return nn.Linear(n_features, n_classes)

    def after_epoch(self, epoch: int, n_epochs: int, optimizer: torch.optim.Optimizer) -> None:
        """Run after each epoch, counted from 1 (a schedule of the learning rate, say)."""

    def before_predictions(self, method: SSLMethod, head: nn.Module, train: Batch) -> None:
        """Run in eval mode before anything is predicted with new weights; train holds the unprepared cases."""

    def make_optimizer(self, method: SSLMethod, head: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser; its second group is the head."""
        p = self.params
        body = [weight for weight in method.parameters() if weight.requires_grad]
        groups = [{"params": body}, {"params": list(head.parameters()), "lr": p.head_lr or p.lr}]
        return torch.optim.Adam(groups, lr=p.lr, betas=(0.9, 0.99), weight_decay=p.weight_decay)


class _Classifier(Predictor):
    probabilities = True

    def __init__(self, method: SSLMethod, head: nn.Module, seen: Labels, n_classes: int) -> None:
        self.method, self.head, self.seen, self.n_classes = method, head, seen, n_classes
        self.found: dict[str, float] = {}

    def training_step(self, step: Step) -> Tensor:
        """Return the cross entropy of a prepared batch, whose labels the method is not given."""
        assert step.batch.y is not None
        logits = self.head(self.method.represent(replace(step.batch, y=None)))
        return cross_entropy(logits.float(), step.batch.y)

    @torch.no_grad()
    def predict(self, x: Batch) -> tuple[Labels, Scores]:
        logits = self.head(self.method.encode(x).float())
        scores = np.zeros((len(logits), self.n_classes))
        scores[:, self.seen] = logits.double().softmax(dim=1).cpu().numpy()
        return scores.argmax(axis=1), scores

    def details(self) -> dict[str, float]:
        return self.found

    def state(self) -> dict[str, Any]:
        """Return the weights of method and head."""
        return {"method": self.method.state_dict(), "head": self.head.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Set the weights of method and head."""
        self.method.load_state_dict(state["method"])
        self.head.load_state_dict(state["head"])
