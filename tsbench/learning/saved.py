"""A learner in a folder: weights as safetensors, and a header in JSON whose every value is checked when it is read."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from tsbench.data.panel import PanelShape
from tsbench.data.static import Column
from tsbench.errors import TsbenchError, UsageError
from tsbench.learning.curve import Curve

HEADER, WEIGHTS = "learner.json", "weights.safetensors"
Count = Annotated[int, Field(ge=0)]


class Report(BaseModel):
    """How a training went."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")
    steps: Count
    seconds: float
    curve: Curve = []
    diagnosis: dict[str, float] = {}
    warnings: list[str] = []


class Header(BaseModel):
    """What makes a learner again, beside its weights.

    params : flat, of the method and its components. statistics : mean and standard deviation of each channel, None
    where nothing is normalised. statics : the same of static values, None where there are none. shapes : what the
    method was built for. weights : sha256 (hex) of the weights' file. read : {module: sha256} of the files from which
    what stands in no weights' file is read again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")
    format: Literal[1] = 1
    method: str
    version: int
    versions: dict[str, int]
    params: dict[str, Any]
    normalisation: Literal["channel", "none"]
    statistics: tuple[list[float], list[float]] | None
    statics: tuple[Column, ...] | None = None
    shapes: tuple[PanelShape, ...] = Field(min_length=1)
    key: str
    report: Report
    weights: str = ""
    read: dict[str, str] = {}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Raise ValueError where a shape is none, or the statistics are not those of its channels."""
        if any(min(s.n_channels, s.n_timepoints) < 1 or min(s.n_static, s.n_classes) < 0 for s in self.shapes):
            raise ValueError("a shape has no channels or time points")
        if any(not math.isfinite(c.mean) or not 0 <= c.std < math.inf for c in self.statics or ()):
            raise ValueError("the statistics of a static value are not a mean and a standard deviation")
        if self.statistics is None:
            return self
        mean, std = self.statistics
        finite = all(map(math.isfinite, (*mean, *std)))
        if not len(mean) == len(std) == self.shapes[0].n_channels or not finite or min(std) <= 0:
            raise ValueError("the statistics are not a mean and a standard deviation above 0 of each channel")
        return self


def write(folder: Path, header: Header, state: Mapping[str, Tensor]) -> None:
    """Write weights and header; raises TsbenchError. Whoever reads meanwhile finds that they do not belong together."""
    from safetensors.torch import save

    weights = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()})
    header = header.model_copy(update={"weights": hashlib.sha256(weights).hexdigest()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((WEIGHTS, weights), (HEADER, header.model_dump_json(indent=1).encode())):
            partial = folder / f".{name}.{os.getpid()}.tmp"
            partial.write_bytes(content)
            partial.replace(folder / name)
    except OSError as error:
        raise TsbenchError(f"the learner cannot be written to {folder}: {error.strerror or error}") from error


def read(folder: Path) -> tuple[Header, dict[str, Tensor]]:
    """Return header and weights; raises UsageError naming the file where one is not what `write` wrote."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        header = Header.model_validate_json(_bytes(folder / HEADER))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{folder / HEADER}{where and ', '}{where}: {' '.join(first['msg'].split())}") from None
    content = _bytes(folder / WEIGHTS)
    if hashlib.sha256(content).hexdigest() != header.weights:
        raise UsageError(f"{folder / WEIGHTS} is not what {HEADER} was written with: its sha256 differs")
    try:
        return header, load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UsageError(f"{folder / WEIGHTS} holds no weights: {error}") from None


def _bytes(path: Path) -> bytes:
    """Return the content of a regular file."""
    if not path.is_file():
        raise UsageError(f"{path} is not there, or no file: name a folder that Learner.save has written")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
