"""Condition: what makes a protocol harder, fewer labels or corrupted series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tsbench.corruptions.base import Corrupter, find_corruption
from tsbench.discovery.catalog import Catalog, did_you_mean
from tsbench.discovery.plugins import RESERVED, plugins
from tsbench.errors import UsageError

STAGES = ("test", "downstream", "all", "train")  # what a corruption is written to reach


class Condition(BaseModel):
    """What is made harder: fewer labels, or corrupted series. The neutral condition is left out of a protocol's hash.

    label_fraction : share of the training labels given to the probe (to the method, where it is supervised); a
        stratified subset with at least one case per class, nested over fractions, the same for every method.
    corruption : the name of one in the catalogue, with its strength where that is not the usual one ("mnar:4"), "none"
        for none; level : how much of it.
    stage : what is corrupted: "test" the test part, "downstream" what the probe is fitted on too, "all" what the
        method is trained on too.
    training : what alone is corrupted where the method, and the probe, are trained, a condition of stage "all"; the
        other one then is of the test part.
    version, uses_labels : of the corruption, as the catalogue has them (`known`); what they are by default stays out of
        the hash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    label_fraction: float = Field(1.0, gt=0, le=1)
    corruption: str = "none"
    level: float = Field(0.0, allow_inf_nan=False)
    stage: Literal["test", "downstream", "all"] = "test"
    training: Condition | None = None
    version: int = Field(1, ge=1)
    uses_labels: bool = False

    @model_validator(mode="after")
    def _training_fits(self) -> Condition:
        if self.training is not None:
            if self.stage != "test":
                raise ValueError(f"stage: '{self.stage}' reaches the training too, which has a corruption of its own")
            more = self.training.label_fraction < 1 or self.training.training is not None
            if self.training.stage != "all" or self.training.corruption == "none" or more:
                raise ValueError("training: write a corruption, its level, and stage: all")
            if (self.training.corruption, self.training.level) == (self.corruption, self.level):
                raise ValueError("training and test part have the same corruption: write it once, with @all")
        return self

    def under(self, texts: Sequence[str]) -> Condition:
        """Return the condition with what is written of it, as in ["labels=0.1", "dropout=0.5@all"]; raises UsageError.

        The catalogue has not been asked (`known`).
        """
        values: dict[str, Any] = {}
        for text in texts:
            kind, _, setting = text.partition("=")
            level, _, stage = setting.partition("@")
            if stage not in ("", *STAGES):
                raise UsageError(f"condition '{text}': @{stage} is none of @{', @'.join(STAGES)}")
            given: dict[str, Any] = {"corruption": _one_spelling(kind), "level": level, "stage": stage or "test"}
            given = {"training": {**given, "stage": "all"}} if stage == "train" else given
            given = {"label_fraction": setting} if kind == "labels" else given
            if not kind or not level or values.keys() & given.keys():
                raise UsageError(
                    f"condition '{text}': write labels=F, and CORRUPTION=LEVEL with @STAGE after, once each; "
                    "split=NAME, group=none or static=append; 'tsbench list corruptions' has their names"
                )
            values |= given
        try:
            own = self.model_dump(exclude={"version", "uses_labels"}, exclude_defaults=True)
            return Condition(**{**own, **values})
        except ValidationError as error:
            raise UsageError(f"condition '{'+'.join(texts)}': {_said(error)}") from None

    def known(self, catalog: Catalog | None = None, whole: Condition | None = None) -> Condition:
        """Return the condition with what the catalogue of corruptions says of its own; whole : the one it is part of.

        Raises UsageError for a corruption that is not in it, a level that it has not, and another version.
        """
        found: dict[str, Any] = {} if self.training is None else {"training": self.training.known(catalog, self)}
        if self.corruption != "none":
            cls = type(self.corrupter(catalog, "", whole).corruption)
            found |= {"version": cls.version, "uses_labels": cls.uses_labels}
        return self.model_copy(update=found)

    @property
    def in_training(self) -> Condition | None:
        """The condition whose corruption reaches the training of the method; None where none does."""
        return self.training or (self if self.corrupts("pretrain") else None)

    @property
    def corrupted(self) -> tuple[Condition, ...]:
        """The conditions of each corruption: of the training alone, and the other."""
        return tuple(one for one in (self.training, self) if one is not None and one.corruption != "none")

    def corrupter(self, catalog: Catalog | None, key: str, whole: Condition | None = None) -> Corrupter:
        """Return the corruption, ready for use; key : of what it draws at once. Raises UsageError as `known` does.

        whole : the condition of which this is the training's, for what is said of it.
        """
        text = self.corruption_text(whole)
        catalog, what = catalog or plugins()["corruptions"], f"condition '{text}'"
        name, colon, strength = self.corruption.partition(":")
        if name not in catalog:
            hint = did_you_mean(name, [*catalog.names(), *RESERVED]) or "; see 'tsbench list corruptions'"
            raise UsageError(f"{what}: unknown corruption '{name}'{hint}")
        cls = find_corruption(name, catalog)
        if "version" in self.model_fields_set and self.version != cls.version:
            raise UsageError(f"{what} has version {self.version} of {name}, this installation {cls.version}")
        try:
            made = cls(self.level).with_strength(strength) if colon else cls(self.level)
            return Corrupter(made, name, text, key)
        except UsageError as error:
            raise UsageError(f"{what}: {error}") from None

    def corrupts(self, part: Literal["pretrain", "downstream", "test"]) -> bool:
        """Say whether a part of the data is corrupted."""
        reach = {"test": ("test",), "downstream": ("test", "downstream"), "all": ("test", "downstream", "pretrain")}
        if self.training is not None and part != "test":
            return True
        return self.corruption != "none" and part in reach[self.stage]

    def corruption_text(self, whole: Condition | None = None) -> str:
        """Return "dropout=0.5@test", or "" where nothing is corrupted; "@train" for what is a whole's in training."""
        stage = self.stage if whole is None or whole is self else "train"
        return "" if self.corruption == "none" else f"{self.corruption}={shortest(self.level)}@{stage}"

    @property
    def label(self) -> str:
        """What is corrupted, as a row says it: "dropout=0.5@test", "mine=0.5@all version 2, reads labels", or ""."""
        told = [f"{one._drawn(self)}{', reads labels' * one.uses_labels}" for one in self.corrupted]
        return " and ".join(told)

    def drawn(self) -> str:
        """Return what tells corrupted parts apart: `corruption_text`, with the version where it is not the first."""
        return " and ".join(one._drawn(self) for one in self.corrupted)

    def _drawn(self, whole: Condition) -> str:
        """Return this of one corruption, the whole's own or that of its training."""
        return self.corruption_text(whole) + (f" version {self.version}" if self.version > 1 else "")

    def content(self) -> dict[str, Any]:
        """Return what enters the hash of a protocol."""
        first = Condition()
        bare = {name for name in ("version", "uses_labels", "training") if getattr(self, name) == getattr(first, name)}
        content = self.model_dump(exclude=bare)
        return content if self.training is None else {**content, "training": self.training.content()}

    def text(self) -> str:
        """Return what is appended to a protocol's name, such as "+labels=0.1+noise=10@test"."""
        parts = [f"labels={shortest(self.label_fraction)}"] if self.label_fraction < 1 else []
        return "".join(f"+{part}" for part in [*parts, *(one.corruption_text(self) for one in self.corrupted)])


def _said(error: ValidationError) -> str:
    """Return what pydantic says first of a condition, with what it is about."""
    first = error.errors()[0]
    return (
        f"{first['loc'][-1]} = {first['input']!r}: {first['msg']}"
        if first["loc"]
        else first["msg"].removeprefix("Value error, ")
    )


def _one_spelling(name: str) -> str:
    """Return the name of a corruption with the number after it, if it has one, in its shortest form."""
    name, colon, strength = name.partition(":")
    try:
        return f"{name}{colon}{shortest(float(strength)) if colon else ''}"
    except ValueError:  # which `Condition.corrupter` says
        return f"{name}{colon}{strength}"


def shortest(number: float) -> str:
    """Return the shortest text that reads as exactly this number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
