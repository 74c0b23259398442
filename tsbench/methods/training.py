"""Parameters of the training loop, which every method has that trains."""

from __future__ import annotations

from typing import Literal

from tsbench.methods.params import BaseParams, param


class TrainingParams(BaseParams):
    """How long, in which steps and how a method is trained; base of the Params of a method without an encoder."""

    epochs: int = param(50, low=0, high=100_000, stage="training", doc="passes over the training cases")
    min_steps: int = param(
        0, low=0, high=10_000_000, stage="training", doc="train at least this many steps, whatever the epochs"
    )
    max_steps: int | None = param(None, low=0, high=10_000_000, stage="training", doc="train at most this many steps")
    batch_size: int = param(32, low=1, high=65_536, stage="training", doc="cases per step; a smaller set is one batch")
    lr: float = param(1e-3, low=1e-7, high=1.0, log=True, tune=True, stage="training", doc="learning rate")
    weight_decay: float = param(0.0, low=0.0, high=1.0, stage="training", doc="weight decay")
    clip_norm: float | None = param(None, low=0.0, stage="training", doc="clip the gradient to this norm", neutral=None)
    precision: Literal["fp32", "bf16"] = param(
        "fp32", stage="training", doc="bf16: mixed precision by autocast", neutral="fp32", versions={"bf16": 2}
    )
    optimizer: Literal["own", "adam", "adamw", "sgd"] = param(
        "own", stage="training", doc="kind of optimiser, sgd without momentum; own: the method's", neutral="own"
    )
    schedule: Literal["constant", "cosine"] = param(
        "constant", stage="training", doc="learning rate over a stage; cosine: down to 0", neutral="constant"
    )
    warmup_steps: int = param(
        0,
        low=0,
        high=10_000_000,
        stage="training",
        doc="first steps of a stage, in which the learning rate rises from 0",
        neutral=0,
    )
    sensor_dropout: float = param(
        0.0,
        low=0.0,
        high=0.99,
        stage="training",
        doc="up to this share of the sensors of each case is missing, others in each epoch",
        neutral=0.0,
    )
    select: str = param(
        "last",
        stage="training",
        doc="state kept: the last, or of the epoch with the best value of this metric on the validation part; of "
        "several labels, auroc is their mean",
        neutral="last",
    )
    plateau: int | None = param(
        None,
        low=0,
        high=100_000,
        stage="training",
        doc="epochs without a better value of `select`, after which the learning rate falls to a tenth",
        neutral=None,
    )
