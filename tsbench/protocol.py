"""Protocol: how a representation is measured; frozen, versioned, hashed, stored in every row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tsbench.condition import Condition
from tsbench.data.dataset import Card, Data, Fold
from tsbench.discovery.catalog import Catalog, did_you_mean
from tsbench.errors import UsageError
from tsbench.identity import digest
from tsbench.tasks.imputation import Imputation
from tsbench.tasks.retrieval import Retrieval

OWN_PROBE = "own"
RECONSTRUCT = "reconstruct"  # in place of a probe: the method fills in what is hidden of the test part
RETRIEVE = "retrieve"  # in place of a probe: the method finds the texts of the test part's series, and these for those
POSED = {RECONSTRUCT: ("reconstruct", Imputation.name), RETRIEVE: ("embed", Retrieval.name)}  # capability, task
ARCHIVE_SPLIT = "archive"
OWN_SCHEMES = ("archive", "own")  # of splits that are the dataset's own


class Split(BaseModel):
    """Which cases train and which test.

    scheme : "archive" is the dataset's own split; "own" is the one of its own splits that `name` names, "archive" where
        nothing does; "cv" is 6:2:2 by rotation over `folds` parts; "resample" is the dataset's own split and stratified
        resamples of it, `folds` in all.
    seed : of the shuffling of "cv"; part of the protocol, never of the run. A resample's seed is its number.
    group : name of the `meta` array whose values stay together, "card" for the one the dataset's card names
        (none if it names none), null for a stratified split; resamples keep no group together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    scheme: Literal["archive", "own", "cv", "resample"] = "archive"
    name: str = Field(ARCHIVE_SPLIT, min_length=1)
    folds: int = Field(5, ge=3, le=100)
    seed: int = Field(0, ge=0)
    group: str | None = "card"

    @model_validator(mode="after")
    def _name_fits(self) -> Split:
        if self.scheme != "own" and self.name != ARCHIVE_SPLIT:
            raise ValueError(f"name: {self.name} goes with scheme: own, the dataset's own splits")
        return self

    @property
    def label(self) -> str:
        """What the split is called in a row: "archive", "raindrop" (a dataset's own), "cv5", or "resample30"."""
        return self.name if self.scheme in OWN_SCHEMES else f"{self.scheme}{self.folds}"


class Protocol(BaseModel):
    """A named way of measuring. The hash covers everything but the name and the summary.

    normalisation : "channel" z-scores each channel with training statistics, "none" leaves values alone, "auto" is
        "none" for datasets whose card says they come normalised and "channel" for the others.
    transforms : names of transforms applied to the normalised series, in order; parameters as "name:key=value:...".
    probe : what is fitted on the representation, with its parameters in probe_params; "own" for the method's own
        decision rule, "reconstruct" to have it fill in what the condition hides of the test part, "retrieve" to have it
        find the texts of the test part by their series and the other way round; its one parameter, rerank, is how many
        of the nearest candidates are put in a new order by what the method says of pairs.
    static : "append" gives a probe on features the static values of the cases beside them, as `data.static` prepares
        them; "none" does not.
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
    static: Literal["none", "append"] = "none"
    condition: Condition = Condition()

    @model_validator(mode="after")
    def _retrieval_fits(self) -> Protocol:
        if self.retrieves:
            rerank = self.probe_params.get("rerank", 0)
            if self.probe_params.keys() - {"rerank"} or type(rerank) is not int or rerank < 0:
                raise ValueError(f"probe_params: {RETRIEVE} has rerank, a number from 0, got {self.probe_params}")
        return self

    def hash(self) -> str:
        """Return the sha256 (hex) of what the protocol says."""
        content = self.model_dump(exclude={"name", "summary"})
        if self.archive_split:
            content["split"] = {"scheme": "archive"}
        elif self.own_split:
            content["split"] = {"scheme": "own", "name": self.split.name}
        else:
            del content["split"]["name"]
        if self.split.scheme == "resample":
            del content["split"]["seed"]
        if self.static == "none":
            del content["static"]
        del content["condition"]
        if self.condition != Condition():
            content["condition"] = self.condition.content()
        return digest(content)

    def under(self, texts: Sequence[str], corruptions: Catalog | None = None) -> Protocol:
        """Return the protocol with what is written after its name, as in ["labels=0.1", "dropout=0.5@all"].

        "split=NAME" takes one of the dataset's own splits, "group=none" folds at random, "static=append" static values.
        corruptions : the catalogue; None for that of the installed plugins. Raises UsageError.
        """
        changes = {"group": Protocol._at_random, "split": Protocol.on_split, "static": Protocol._with_static}
        changed = [text for text in texts if text.partition("=")[0] in changes]
        if len({text.partition("=")[0] for text in changed}) < len(changed):
            raise UsageError(f"'{self.name}+{'+'.join(texts)}': write split=NAME, group=none, static=append once each")
        protocol = self
        for text in sorted(changed):  # one order, one name
            kind, _, setting = text.partition("=")
            protocol = changes[kind](protocol, setting)
        asked = [text for text in texts if text not in changed]
        if asked:
            condition = protocol.condition.under(asked)
            protocol = protocol.model_copy(update={"condition": condition, "name": protocol.name + condition.text()})
        return protocol.known(corruptions)

    def known(self, corruptions: Catalog | None = None) -> Protocol:
        """Return the protocol with its condition as `Condition.known` has it."""
        return self.model_copy(update={"condition": self.condition.known(corruptions)})

    def on_split(self, name: str) -> Protocol:
        """Return the protocol on the dataset's own split of this name; raises UsageError where it makes its own."""
        if not self.own_split:
            raise UsageError(f"'{self.name}+split={name}': {self.name} makes a split of its own; take one without")
        if not name:
            raise UsageError(f"'{self.name}+split=': name a split; 'tsbench data info DATASET' lists them")
        if name == self.split.name:
            return self
        split = Split(scheme="own", name=name, group=self.split.group)
        about = {"name": f"{self.name}+split={name}", "summary": f"as {self.name}, on the split '{name}'"}
        return self.model_copy(update={"split": split, **about})

    def _at_random(self, setting: str) -> Protocol:
        """Return the protocol on folds that keep no group together."""
        if setting != "none":
            raise UsageError(f"'{self.name}+group={setting}': write group=none; what is grouped by is said by the card")
        if self.own_split:
            raise UsageError(f"'{self.name}+group=none': it takes the dataset's own split; take one that makes folds")
        if self.split.group is None:
            return self
        split = self.split.model_copy(update={"group": None})
        about = {"name": f"{self.name}+group=none", "summary": f"as {self.name}, at random within groups too"}
        return self.model_copy(update={"split": split, **about})

    def _with_static(self, setting: str) -> Protocol:
        if setting not in ("none", "append"):
            raise UsageError(f"'{self.name}+static={setting}': write static=append, or static=none")
        if setting == self.static:
            return self
        about = {"name": f"{self.name}+static={setting}", "summary": f"as {self.name}, with static: {setting}"}
        return self.model_copy(update={"static": setting, **about})

    def own(self) -> Protocol:
        """Return the protocol without a probe, under which methods with their own decision rule run."""
        return self.model_copy(update={"probe": OWN_PROBE, "probe_params": {}, "static": "none"})

    @property
    def imputes(self) -> bool:
        """Say whether methods fill in values that are hidden of the test part."""
        return self.probe == RECONSTRUCT

    @property
    def retrieves(self) -> bool:
        """Say whether methods find texts by series and series by texts."""
        return self.probe == RETRIEVE

    @property
    def rerank(self) -> int:
        """Return how many of the nearest candidates of a query are put in a new order by what is said of pairs."""
        return int(self.probe_params.get("rerank", 0)) if self.retrieves else 0

    @property
    def probed(self) -> bool:
        """Say whether something is fitted on what a method gives."""
        return self.probe != OWN_PROBE and self.probe not in POSED

    @property
    def capability(self) -> str:
        """Return what a method must be able to do, "" where it is probed or decides."""
        return POSED.get(self.probe, ("", ""))[0]

    def task_of(self, labels: str) -> str:
        """Return the name of what runs are measured by, where labels are for a task."""
        return POSED.get(self.probe, ("", labels))[1]

    @property
    def own_split(self) -> bool:
        """Say whether the folds are the dataset's own."""
        return self.split.scheme in OWN_SCHEMES

    @property
    def needs_own_split(self) -> bool:
        """Say whether the folds are the dataset's own, or made of one."""
        return self.split.scheme != "cv"

    @property
    def archive_split(self) -> bool:
        """Say whether the folds are those that the dataset is known by."""
        return self.own_split and self.split.name == ARCHIVE_SPLIT

    def n_folds(self, own_folds: int) -> int:
        """Return the number of folds for a dataset whose split has this many where it is its own."""
        return own_folds if self.own_split else self.split.folds

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
        how = f"own.{self.split.name}" if self.own_split else self.split.label
        how = ARCHIVE_SPLIT if self.archive_split else how
        how += f".{self.split.seed}" if self.split.scheme == "cv" else ""
        return f"{how}:{self.group(card) or ''}"

    def folds(self, data: Data, card: Card) -> list[Fold]:
        """Return the folds of a dataset; raises UsageError when it cannot be split this way."""
        own = data.folds.get(self.split.name)
        if self.needs_own_split and not own:
            raise no_such_split(card.name, self, data.folds, card.default_protocol)
        if own and self.own_split:
            return own
        from tsbench.data.splits import resampled_folds, rotated_folds
        from tsbench.tasks import TASKS

        panel, group = data.panel, self.group(card)
        if panel.y is None or panel.task not in TASKS:
            raise UsageError(f"protocol {self.name} needs labels; {card.name} has none")
        if group is not None and group not in panel.meta:
            known = ", ".join(panel.meta) or "none"
            raise UsageError(f"{card.name} has no meta array '{group}' to group by (it has: {known})")
        if own and self.split.scheme == "resample":
            self._check_resampled(panel.task, len(own), group, card)
            return resampled_folds(panel.y, own[0], self.split.folds, panel.classes)
        groups = panel.meta[group] if group else None
        strata = TASKS[panel.task].strata(panel.y, self.split.folds)
        classes = panel.classes if panel.task == "classification" else ()
        return rotated_folds(strata, self.split.folds, self.split.seed, groups, classes)

    def _check_resampled(self, task: str, own_folds: int, group: str | None, card: Card) -> None:
        """Raise UsageError for a dataset whose split has no resamples; group : whose cases these would part."""
        why = f"it has {own_folds} folds of its own; take these" if own_folds > 1 else ""
        why = f"they would part the cases of one {group}; take a cross-validated protocol" if group else why
        why = f"its labels are for {task}, without classes; take its own split" if task != "classification" else why
        if why:
            raise UsageError(f"{card.name}: protocol '{self.name}' resamples a split by class, and {why}")


def split_alone(name: str) -> Protocol:
    """Return the protocol that is one of a dataset's own splits and nothing else."""
    return Protocol(name=name, split=Split(scheme="own", name=name), probe=OWN_PROBE)


def no_such_split(dataset: str, protocol: Protocol, known: Iterable[str], default: str | None = None) -> UsageError:
    """Return the error for a dataset that has not the split of its own that a protocol needs.

    known : those it has; default : its default protocol.
    """
    names, name = list(known), protocol.split.name
    if name != ARCHIVE_SPLIT:
        has = f"it has: {', '.join(names)}" if names else "it has none of its own"
        needed = f"{dataset} has no split '{name}', which protocol '{protocol.name}' needs ({has})"
        return UsageError(needed + did_you_mean(name, names))
    other = f", or another of its own splits ({', '.join(names)}), such as +split={names[0]}" if names else ""
    return UsageError(
        f"{dataset} has no train/test split of its own, which protocol '{protocol.name}' needs; "
        f"use a cross-validated one, such as --protocol {default or 'svm-rbf-cv5'}{other}"
    )
