"""RunSpec and Result: a RunSpec goes in, one Result comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tsbench import identity
from tsbench.identity import digest
from tsbench.methods.weights import shown, without_place
from tsbench.protocol import ARCHIVE_SPLIT, OWN_PROBE, Protocol

TASK = "task:"
# Overrides that are not set by --set: those of options of their own, and "tuned" in older rows.
NO_PARAMETERS = frozenset({"tuned", "pretrain_on", "probe"})

PADDING = "padding:"  # before the parts of `RunSpec.versions` that only series of unequal length have


@dataclass(frozen=True)
class Source:
    """A dataset whose training part a method is pre-trained on; dataset_ref re-opens it.

    The part is that of the first fold of its own split `split_name`. split : `split_text` of it, "" where not known.
    """

    dataset: str
    fingerprint: str
    normalisation: Literal["channel", "none"]
    dataset_ref: str
    split: str = ""
    split_name: str = ARCHIVE_SPLIT


@dataclass(frozen=True)
class RunSpec:
    """One run, fully determined.

    method may be "random:<method>", built and never trained, and "permuted:<method>" or "permuted:random:<method>", on
    shuffled series. params is flat ({"lr": 0.001, "encoder.cell": "gru"});
    neutral_keys names those that change nothing and stay out of the key, probe_keys those that only matter after
    pre-training. versions holds the integers of encoder, probe and transforms, and after "padding:" what these do
    beyond the end of a shorter series, where there is one, and of the task where it is no classification. overrides is
    what the user set; it is shown in the label and changes no key. tuned : the trials behind parameters that a search
    chose, such as 20 or "2of20:auroc"; None where none did. planned : of a tuned run, the params of its identity before
    the search's went in. dataset_ref re-opens the dataset: its name, or an absolute path. sources : what the method is
    pre-trained on in place of the fold's training part; empty for the training part. part_of : the planned run within
    whose training part this one takes place (a trial of a search); None for a run on the whole dataset. split :
    `split_text` of the fold as planned, "" where it is not known: not part of the key, but a stored result counts for
    this split alone. data_dirs : folders of the search path that held dataset and sources, for the command that repeats
    the run. exposure : whether the method had seen what is tested, as `plan.exposure` has it.
    """

    method: str
    method_version: int
    params: Mapping[str, Any]
    neutral_keys: tuple[str, ...]
    probe_keys: tuple[str, ...]
    versions: Mapping[str, int]
    dataset: str
    fingerprint: str
    protocol: Protocol
    normalisation: Literal["channel", "none"]
    group: str | None
    fold: int
    seed: int
    threads: int = 1
    overrides: Mapping[str, Any] = field(default_factory=dict)
    tuned: int | str | None = None
    dataset_ref: str = ""
    sources: tuple[Source, ...] = ()
    part_of: RunSpec | None = None
    split: str = ""
    planned: Mapping[str, Any] | None = None
    data_dirs: tuple[str, ...] = ()
    exposure: str = "clean"

    @property
    def untrained(self) -> bool:
        """Say whether the method is built and never trained."""
        return identity.untrained(self.method)

    @property
    def permuted(self) -> bool:
        """Say whether the method is given series whose time order is shuffled."""
        return identity.permuted(self.method)

    @property
    def base_method(self) -> str:
        """Return the registered name of the method."""
        return identity.base_method(self.method)

    @property
    def reference(self) -> str:
        """Return what opens the dataset again."""
        return self.dataset_ref or self.dataset

    @property
    def own_probe(self) -> bool:
        """Say whether the method brings its own decision rule."""
        return self.protocol.probe == OWN_PROBE

    @property
    def imputes(self) -> bool:
        """Say whether the method fills in what is hidden of the test part."""
        return self.protocol.imputes

    @property
    def retrieves(self) -> bool:
        """Say whether the method finds texts by series and series by texts."""
        return self.protocol.retrieves

    @property
    def task(self) -> str:
        """Return the name of what is predicted; a row names it among its versions, where it is no classification."""
        return next((name.removeprefix(TASK) for name in self.versions if name.startswith(TASK)), "classification")

    @property
    def label(self) -> str:
        """Return the name of the row on a leaderboard: the method and what differs from its defaults."""
        given = dict(self.overrides) if self.tuned is None else {**self.overrides, "tuned": self.tuned}
        changed = ",".join(f"{key}={shown(value)}" for key, value in sorted(given.items()))
        return f"{self.method}[{changed}]" if changed else self.method

    @property
    def made_on(self) -> str:
        """Return the split this run depends on: its fold, that of its sources, and groups where a search chose."""
        parts = [part for part in self.split.split() if self.planned is not None or not part.startswith("groups:")]
        if self.sources_split:
            parts.append(f"sources:{self.sources_split}")
        return " ".join(parts)

    @property
    def sources_split(self) -> str:
        """Return a digest of the training parts of the sources; "" without sources."""
        trained_on = [[s.fingerprint, *(p for p in s.split.split() if p.startswith("train:"))] for s in self.sources]
        return digest(sorted(trained_on))[:16] if trained_on else ""

    @property
    def configuration(self) -> str:
        """Return two digests, "row:cell", of what tells runs apart that have one label.

        row : parameters (of a tuned run those before the study's went in), and sources where they are the same for all
        targets. cell : what may differ between datasets, but not between folds and seeds of one.
        """
        identity, tuned = self.identity(), self.planned is not None
        sources, apart = identity.get("sources", []), "-target" in str(self.overrides.get("pretrain_on", ""))
        row = [self.planned if tuned else identity["params"], [] if apart else sources]
        cell = [self.normalisation, self.group, self.threads, sources, {} if tuned else identity["versions"]]
        return f"{digest(row)[:16]}:{digest(cell)[:16]}"

    def identity(self) -> dict[str, Any]:
        """Return what the key is the hash of."""
        content = {
            "method": self.method,
            "method_version": self.method_version,
            "params": self._params_without(self.neutral_keys),
            "versions": dict(self.versions),
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "protocol": self.protocol.hash(),
            "normalisation": self.normalisation,
            "group": self.group,
            "fold": self.fold,
            "seed": self.seed,
        }
        if self.sources:
            content["sources"] = self._source_list()
        if self.tuned is not None:  # a row of its own also where the best parameters are the defaults
            content["tuned"] = self.tuned
        return content if self.threads == 1 else {**content, "threads": self.threads}

    def _source_list(self) -> list[list[str]]:
        return sorted(
            [one.fingerprint, one.normalisation, *([] if one.split_name == ARCHIVE_SPLIT else [one.split_name])]
            for one in self.sources
        )

    def _params_without(self, keys: tuple[str, ...]) -> dict[str, Any]:
        return {key: without_place(value) for key, value in self.params.items() if key not in keys}

    @cached_property
    def key(self) -> str:
        """Return the sha256 (hex) that identifies the run: same key, same bits."""
        return digest(self.identity())

    def pretrain_key(
        self,
        train_index: npt.NDArray[np.int64],
        corruption: str = "",
        unlabelled: str = "",
        validation: npt.NDArray[np.int64] | None = None,
    ) -> str:
        """Return the sha256 (hex) that identifies the pre-training, shared by all probes on top.

        train_index : the training cases; they do not matter where there are sources, so that all targets share one
        pre-training. unlabelled : fingerprint of the unlabelled cases that are trained on as well, "" for none.
        validation : the cases that choose the state which is kept, None where none do.
        """
        own = [[self.fingerprint, digest(train_index.tolist()), *([unlabelled] if unlabelled else [])]]
        content = {
            "method": self.method,
            "method_version": self.method_version,
            "params": self._params_without(self.neutral_keys + self.probe_keys),
            "versions": {name: v for name, v in self.versions.items() if not name.startswith(("probe:", TASK))},
            "sources": self._source_list() or own,
            "normalisation": "" if self.sources else self.normalisation,
            "transforms": list(self.protocol.transforms),
            "seed": self.seed,
            "threads": self.threads,
        }
        if validation is not None:
            content["validation"] = digest(validation.tolist())
        return digest({**content, "corruption": corruption} if corruption else content)
