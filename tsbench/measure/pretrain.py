"""A method trained for a fold, or on other datasets: from its checkpoint where there is one, else now."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tsbench.data.dataset import Index
from tsbench.data.panel import Panel
from tsbench.data.shuffle import shuffled
from tsbench.data.splits import unlabelled_index
from tsbench.discovery.plugins import Plugins
from tsbench.errors import StoreError, TsbenchWarning
from tsbench.learning.learner import Learner
from tsbench.learning.loop import Progress
from tsbench.measure.folds import Parts, preparation
from tsbench.measure.represent import Representation
from tsbench.measure.retrieval import with_text
from tsbench.methods.frozen import files_of, to_save
from tsbench.nn.weights import trainable_parameters
from tsbench.plan.datasets import open_dataset
from tsbench.plan.result import Result
from tsbench.plan.spec import Source
from tsbench.plan.summaries import check_planned, load_planned
from tsbench.protocol import split_alone
from tsbench.store import artifacts, checkpoints
from tsbench.store.rows import file_name

Kept = tuple[str, str, str]
"""(pretrain key, file name, sha256) of a checkpoint."""


@dataclass(frozen=True)
class Checkpoints:
    """Where weights are kept; folder None : nowhere. sha256_of(pretrain_key) : the recorded checksum, or None."""

    folder: artifacts.Folder | None
    sha256_of: Callable[[str], str | None]

    def restore(self, learner: Learner, sources: str) -> Kept | None:
        """Give a built learner its weights; None, and nothing done, where there are none that can be trusted.

        sources : which cases of the sources were for training, which their key does not say.
        """
        if self.folder is None:
            return None
        sha256 = self.sha256_of(learner.key)
        found = checkpoints.load(self.folder, learner.key, sha256, learner.device)
        if found is None or found.report.get("sources", "") != sources:
            return None
        if found.report.get("read") not in (None, files_of(learner.method)):
            return None
        learner.restore(found.state, found.report)
        return learner.key, file_name(learner.key), sha256 or ""

    def keep(self, learner: Learner, sources: str) -> Kept | None:
        """Write the weights of a trained learner; where that fails, its report warns of it."""
        if self.folder is None or learner.report is None:
            return None
        state, read = to_save(learner.method)
        record = {**learner.report, "sources": sources, **({"read": read} if read else {})}
        try:
            saved = checkpoints.Checkpoint(state, record)
            name, sha256 = checkpoints.save(self.folder, learner.key, saved)
        except StoreError as error:  # what was trained is here all the same
            learner.report["warnings"] = [*record["warnings"], f"the weights are not kept: {error}"]
            return None
        return learner.key, name, sha256


@dataclass
class Pretrained:
    """A trained method with its features; reused : it was not trained for the run that asks."""

    features: Representation
    checkpoint: Kept | None
    reused: bool

    @property
    def learner(self) -> Learner:
        """The learner."""
        return self.features.learner

    def describe(self, result: Result) -> None:
        """Write what is known of the training into a result."""
        report = self.learner.report or {}
        result.durations["fit"] = report["seconds"]
        result.curve = report.get("curve", [])
        weights = trainable_parameters([self.learner.method])
        result.facts.update(steps=report["steps"], n_weights=weights, **report.get("diagnosis", {}))
        result.facts["reused_pretraining"] = float(self.reused)
        result.warnings = tuple(report.get("warnings", ()))
        result.checkpoint = self.checkpoint
        self.reused = True


def pretrain(
    learner: Learner,
    panels: Sequence[Panel],
    kept: Checkpoints,
    sources: str,
    progress: Progress | None = None,
    validation: Panel | None = None,
    again: bool = False,
) -> Pretrained:
    """Train a learner on the prepared panels it was built for, where no checkpoint has its weights.

    validation : the cases that choose its state, where it selects one. again : it was trained before: warn where that
    has to be done once more.
    """
    checkpoint = None if learner.untrained else kept.restore(learner, sources)
    reused = checkpoint is not None
    if not learner.untrained and not reused:
        if again:
            warn_anew(f"there is no checkpoint of {learner.name} beside the store that can be used: it is trained anew")
        learner.train(panels, progress, validation)
        checkpoint = kept.keep(learner, sources)
    return Pretrained(Representation(learner), checkpoint, reused)


def warn_anew(what: str) -> None:
    """Warn that something is done once more for a run that is there, before it is."""
    warnings.warn(f"{what}, which takes as long as it took then", TsbenchWarning, stacklevel=3)


def own_panels(parts: Parts, supervised: bool, text: bool = False) -> tuple[list[Panel], Index, str]:
    """Return what a method is trained on within a fold: panels, indices of the cases, fingerprint of the unlabelled.

    text : leave out the cases whose text is empty.
    """
    if text:
        kept = with_text(parts.pretrain)
        return [parts.pretrain.select(kept)], parts.fold.train[kept], ""
    if supervised:
        return [parts.pretrain.select(parts.labelled)], parts.fold.train[parts.labelled], ""
    if parts.unlabelled is None:
        return [parts.pretrain], parts.fold.train, ""
    return [parts.pretrain, parts.unlabelled], parts.fold.train, parts.unlabelled.fingerprint()


def source_panels(source: Source, transforms: tuple[str, ...], plugins: Plugins, permuted: bool = False) -> list[Panel]:
    """Return the training part of a source's own split and its unlabelled cases, normalised and transformed.

    permuted : shuffle the series first, as `shuffled` does.
    """
    handle = open_dataset(source.dataset_ref, plugins, "")
    data = load_planned(handle, source.fingerprint)
    data = shuffled(data) if permuted else data
    protocol = split_alone(source.split_name)
    fold = protocol.folds(data, handle.card)[0]
    check_planned(handle, source.split, data, fold, protocol)
    prepared = preparation(data.panel, fold.train, source.normalisation, transforms, plugins)
    for text in prepared.unseen(data.panel):
        warnings.warn(f"{source.dataset}: {text}", TsbenchWarning, stacklevel=2)
    group = None if protocol.archive_split else protocol.group(handle.card)
    index = unlabelled_index(data, fold, group, protocol.archive_split)
    unlabelled = [] if data.unlabelled is None or index is None else [data.unlabelled.select(index)]
    return [prepared(panel) for panel in (data.panel.select(fold.train).without_labels(), *unlabelled)]
