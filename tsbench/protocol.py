"""Protocol: how a representation is measured; frozen, versioned, hashed, stored in every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tsbench.data.dataset import Card, Data, Fold
from tsbench.errors import UsageError
from tsbench.identity import digest

OWN_PROBE = "own"


class Split(BaseModel):
    """Which cases train and which test.

    scheme : "archive" is the dataset's own split; "cv" is 6:2:2 by rotation over `folds` parts.
    seed : of the shuffling; part of the protocol, never of the run.
    group : name of the `meta` array whose values stay together, "card" for the one the dataset's card names
        (none if it names none), null for a stratified split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    scheme: Literal["archive", "cv"] = "archive"
    folds: int = Field(5, ge=3, le=100)
    seed: int = Field(0, ge=0)
    group: str | None = "card"


class Condition(BaseModel):
    """What is made harder: fewer labels, or corrupted series. The neutral condition is left out of a protocol's hash.

    label_fraction : share of the training labels given to the probe (to the method, where it is supervised); a
        stratified subset with at least one case per class, nested over fractions, the same for every method.
    corruption : "dropout" makes whole time points missing with probability `level`; "noise" adds Gaussian noise at a
        signal-to-noise ratio of `level` dB, per case and channel. Both act on the normalised series.
    stage : what is corrupted: "test" the test part, "downstream" what the probe is fitted on too, "all" what the
        method is trained on too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    label_fraction: float = Field(1.0, gt=0, le=1)
    corruption: Literal["none", "dropout", "noise"] = "none"
    level: float = 0.0
    stage: Literal["test", "downstream", "all"] = "test"

    @model_validator(mode="after")
    def _level_fits(self) -> Condition:
        if self.corruption == "dropout" and not 0 <= self.level < 1:
            raise ValueError(f"dropout={self.level:g}: the probability must be in [0, 1)")
        return self

    def corrupts(self, part: Literal["pretrain", "downstream", "test"]) -> bool:
        """Say whether a part of the data is corrupted."""
        reach = {"test": ("test",), "downstream": ("test", "downstream"), "all": ("test", "downstream", "pretrain")}
        return self.corruption != "none" and part in reach[self.stage]

    def corruption_text(self) -> str:
        """Return "dropout=0.5@test", or "" where nothing is corrupted."""
        return "" if self.corruption == "none" else f"{self.corruption}={_shortest(self.level)}@{self.stage}"

    def text(self) -> str:
        """Return what is appended to a protocol's name, such as "+labels=0.1+noise=10@test"."""
        parts = [f"labels={_shortest(self.label_fraction)}"] if self.label_fraction < 1 else []
        return "".join(f"+{part}" for part in [*parts, self.corruption_text()] if part)


class Protocol(BaseModel):
    """A named way of measuring. The hash covers everything but the name and the summary.

    normalisation : "channel" z-scores each channel with training statistics, "none" leaves values alone, "auto" is
        "none" for datasets whose card says they come normalised and "channel" for the others.
    transforms : names of transforms applied to the normalised series, in order; parameters as "name:key=value:...".
    probe : what is fitted on the representation, with its parameters in probe_params.
    condition : fewer labels or corrupted series; written after the name, as in "linear-cv5+labels=0.1".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    summary: str = ""
    version: int = Field(1, ge=1)
    split: Split = Split()
    normalisation: Literal["auto", "channel", "none"] = "auto"
    transforms: tuple[str, ...] = ()
    probe: str
    probe_params: dict[str, Any] = {}
    condition: Condition = Condition()

    def hash(self) -> str:
        """Return the sha256 (hex) of what the protocol says."""
        content = self.model_dump(exclude={"name", "summary"})
        if self.split.scheme == "archive":
            content["split"] = {"scheme": "archive"}
        if self.condition == Condition():
            del content["condition"]
        return digest(content)

    def under(self, texts: Sequence[str]) -> Protocol:
        """Return the protocol under a condition given as ["labels=0.1", "dropout=0.5@all"]; raises UsageError."""
        values: dict[str, Any] = {}
        for text in texts:
            kind, _, setting = text.partition("=")
            level, _, stage = setting.partition("@")
            if kind == "labels":
                values["label_fraction"] = level
            elif kind in ("dropout", "noise") and "corruption" not in values:
                values |= {"corruption": kind, "level": level, "stage": stage or "test"}
            else:
                raise UsageError(
                    f"condition '{text}': write labels=F, dropout=P or noise=DB, once each kind, @STAGE after"
                )
        try:
            condition = Condition(**values)
        except ValidationError as error:
            raise UsageError(f"condition '{'+'.join(texts)}': {error.errors()[0]['msg']}") from None
        return self.model_copy(update={"condition": condition, "name": self.name + condition.text()})

    def own(self) -> Protocol:
        """Return the protocol without a probe, under which methods with their own decision rule run."""
        return self.model_copy(update={"probe": OWN_PROBE, "probe_params": {}})

    @property
    def own_split(self) -> bool:
        """Say whether the folds are the dataset's own."""
        return self.split.scheme == "archive"

    def n_folds(self, archive_folds: int) -> int:
        """Return the number of folds for a dataset that has this many of its own."""
        return archive_folds if self.split.scheme == "archive" else self.split.folds

    def resolve_normalisation(self, card: Card) -> Literal["channel", "none"]:
        """Return what "auto" means for a dataset."""
        if self.normalisation == "auto":
            return "none" if card.normalised else "channel"
        return self.normalisation

    def group(self, card: Card) -> str | None:
        """Return the name of the `meta` array to split by, or None."""
        return card.group if self.split.group == "card" else self.split.group

    def split_name(self, card: Card) -> str:
        """Return what tells the ways apart in which a dataset is split, such as "archive:" and "cv5.0:subject"."""
        how = self.split.scheme if self.own_split else f"cv{self.split.folds}.{self.split.seed}"
        return f"{how}:{self.group(card) or ''}"

    def folds(self, data: Data, card: Card) -> list[Fold]:
        """Return the folds of a dataset; raises UsageError when it cannot be split this way."""
        if self.split.scheme == "archive":
            if "archive" not in data.folds:
                raise no_split_of_its_own(card.name, self.name)
            return data.folds["archive"]
        from tsbench.data.splits import rotated_folds
        from tsbench.tasks import TASKS

        panel, group = data.panel, self.group(card)
        if panel.y is None or panel.task not in TASKS:
            raise UsageError(f"protocol {self.name} needs labels; {card.name} has none")
        if group is not None and group not in panel.meta:
            known = ", ".join(panel.meta) or "none"
            raise UsageError(f"{card.name} has no meta array '{group}' to group by (it has: {known})")
        groups = panel.meta[group] if group else None
        strata = TASKS[panel.task].strata(panel.y, self.split.folds)
        classes = panel.classes if panel.task == "classification" else ()
        return rotated_folds(strata, self.split.folds, self.split.seed, groups, classes)


ARCHIVE = Protocol(name="archive", summary="A dataset's own split alone.", probe=OWN_PROBE)


def _shortest(number: float) -> str:
    """Return the shortest text that reads as exactly this number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def no_split_of_its_own(dataset: str, protocol: str) -> UsageError:
    """Return the error for a dataset without a train/test split under a protocol that needs one."""
    return UsageError(
        f"{dataset} has no train/test split of its own, which protocol '{protocol}' needs; "
        "use a cross-validated one, such as --protocol svm-rbf-cv5"
    )
