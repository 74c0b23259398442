"""Result: what came of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tsbench.learning.curve import Curve
from tsbench.plan.spec import RunSpec
from tsbench.tasks.score import Predictions

Status = Literal["succeeded", "failed", "timeout", "oom", "crashed", "interrupted"]


@dataclass
class Result:
    """What came of one run.

    durations : seconds by stage (load, fit, encode, probe, predict), without imports and without what was compiled,
    which is `compile`. facts : numbers noticed on the way (n_train, steps, what the probe chose, the method's
    diagnosis, memory_at_start_bytes). peak_memory_bytes : what the run held at most beyond what its process held at
    the start. curve : (step, mean loss) of the loss, or {loss: its curve} of several. warnings : shown to the user.
    error is one line, traceback the whole; both empty on success.
    """

    spec: RunSpec
    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    predictions: Predictions | None = None
    durations: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    curve: Curve = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    checkpoint: tuple[str, str, str] | None = None
    peak_memory_bytes: int = 0
    device: str = "cpu"
    error: str = ""
    traceback: str = ""
    started: float = 0.0
    finished: float = 0.0
