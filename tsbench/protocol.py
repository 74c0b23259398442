"""Protocol: how a representation is measured; frozen, versioned, hashed, stored in every row."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tsbench.dataset import Card, Data, Fold
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


class Protocol(BaseModel):
    """A named way of measuring. The hash covers everything but the name and the summary.

    normalisation : "channel" z-scores each channel with training statistics, "none" leaves values alone, "auto" is
        "none" for datasets whose card says they come normalised and "channel" for the others.
    transforms : names of transforms applied to the normalised series, in order; parameters as "name:key=value:...".
    probe : what is fitted on the representation, with its parameters in probe_params.
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

    def hash(self) -> str:
        """Return the sha256 (hex) of what the protocol says."""
        content = self.model_dump(exclude={"name", "summary"})
        if self.split.scheme == "archive":
            content["split"] = {"scheme": "archive"}
        return digest(content)

    def own(self) -> Protocol:
        """Return the protocol without a probe, under which methods with their own decision rule run."""
        return self.model_copy(update={"probe": OWN_PROBE, "probe_params": {}})

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

    def folds(self, data: Data, card: Card) -> list[Fold]:
        """Return the folds of a dataset; raises UsageError when it cannot be split this way."""
        if self.split.scheme == "archive":
            if "archive" not in data.folds:
                raise no_split_of_its_own(card.name, self.name)
            return data.folds["archive"]
        from tsbench.splits import rotated_folds

        panel, group = data.panel, self.group(card)
        if panel.y is None or panel.task != "classification":
            raise UsageError(f"protocol {self.name} needs class labels; {card.name} has none")
        if group is not None and group not in panel.meta:
            known = ", ".join(panel.meta) or "none"
            raise UsageError(f"{card.name} has no meta array '{group}' to group by (it has: {known})")
        return rotated_folds(panel.y, self.split.folds, self.split.seed, panel.meta[group] if group else None)


def no_split_of_its_own(dataset: str, protocol: str) -> UsageError:
    """Return the error for a dataset without a train/test split under a protocol that needs one."""
    return UsageError(
        f"{dataset} has no train/test split of its own, which protocol '{protocol}' needs; "
        "use a cross-validated one, such as --protocol svm-rbf-cv5"
    )
