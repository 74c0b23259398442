"""One fold of a dataset, normalised, transformed and corrupted: what each step after it works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tsbench.condition import Condition
from tsbench.corruptions.base import Corrupter, missing_facts
from tsbench.data.dataset import Data, Fold, Index, check_fold
from tsbench.data.normalise import Statistics, channel_statistics, channel_text
from tsbench.data.panel import Panel
from tsbench.data.splits import label_subset, unlabelled_cases, untaught
from tsbench.data.static import StaticStatistics, static_statistics, unknown_static
from tsbench.data.stream import blocks
from tsbench.discovery.plugins import Plugins
from tsbench.errors import InvalidDataError
from tsbench.methods.applied import apply_transforms
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.summaries import check_planned
from tsbench.protocol import Protocol
from tsbench.tasks import TASKS, labelled_task
from tsbench.tasks.base import Task

CASES = 512  # looked at together


@dataclass(frozen=True)
class Preparation:
    """What normalises panels with the statistics of the training cases, then transforms them.

    Static values become columns of numbers whatever the normalisation. A channel that no training case has a value of
    is missing in all cases: nothing can be learnt of it, and what was never trained on must not decide.
    """

    statistics: Statistics
    statics: StaticStatistics | None
    normalisation: str
    transforms: tuple[str, ...]
    plugins: Plugins

    def __call__(self, part: Panel) -> Panel:
        """Return the cases prepared."""
        known = self.statistics.apply if self.normalisation == "channel" else self.statistics.without_unseen
        part = known(part)
        part = part if self.statics is None else self.statics.apply(part)
        return apply_transforms(part, self.transforms, self.plugins)

    def unseen(self, panel: Panel) -> list[str]:
        """Return what is to be said of each channel that no training case has a value of."""
        return [
            f"{channel_text(panel, channel)} has no observed value in training: it is missing in all cases"
            for channel in self.statistics.unseen.nonzero()[0].tolist()
        ]


@dataclass
class Parts:
    """One fold, normalised with training statistics; test labels are kept apart from everything that is fitted.

    pretrain : what a method is trained on; unlabelled : further cases for that, without labels; train : the cases of
    pretrain as the probe gets them (corrupted, say), as are those of validation; selection : the validation cases as
    those of pretrain are, by which a state is chosen; labelled : positions in train whose labels may be used. key :
    what tells this fold, whatever its condition, from others. unseen : what is to be said of channels and classes that
    training lacks. missing : `missing_facts` of the test cases, where a corruption took values from them; whole : these
    cases as they were before, prepared alike; idle : what is to be said of a corruption that changed nothing. prepare :
    what prepared them, for further cases. apart : what is to be said of which unlabelled cases were chosen.
    """

    key: Any
    corruption: str
    pretrain: Panel
    unlabelled: Panel | None
    train: Panel
    labelled: Index
    validation: Panel | None
    selection: Panel | None
    test: Panel
    fold: Fold
    y_test: Any
    unknown: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    missing: Mapping[str, float] = field(default_factory=dict)
    whole: Panel | None = None
    idle: str = ""
    prepare: Preparation | None = None
    apart: str = ""

    @property
    def n_classes(self) -> int:
        """Number of classes or labels of the dataset, 0 for numbers."""
        return len(self.train.classes)

    @property
    def task(self) -> Task:
        """What is predicted."""
        return TASKS[self.train.task]


class Chosen(NamedTuple):
    """A fold by its number, which of the unlabelled cases it may be pre-trained on (None for none), and what of it."""

    number: int
    fold: Fold
    unlabelled: Index | None
    apart: str = ""


def choose_fold(handle: DatasetHandle, data: Data, protocol: Protocol, number: int, planned: str) -> Chosen:
    """Return one fold of a dataset; planned : its `split_text` then, "" where that is not known.

    Raises InvalidDataError where it is not what was planned, or nothing can be learnt on it.
    """
    panel, folds = data.panel, protocol.folds(data, handle.card)
    task, fold = labelled_task(handle.name, panel), folds[number]
    check_fold(fold, len(panel), f"{handle.name}, fold {number}")
    check_planned(handle, planned, data, fold, protocol)
    try:
        task.check_learnable(task.target(panel, fold.train), panel.classes)
    except InvalidDataError as error:
        raise InvalidDataError(f"{handle.name}: {error}") from None
    return Chosen(number, fold, *unlabelled_cases(data, fold, protocol.group(handle.card), protocol.archive_split))


def preparation(
    panel: Panel, train: Index, normalisation: str, transforms: tuple[str, ...], plugins: Plugins
) -> Preparation:
    """Return the preparation by these training cases; raises InvalidDataError where no channel has a value in them."""
    statistics, statics = channel_statistics(panel, train, unseen=True), static_statistics(panel, train)
    return Preparation(statistics, statics, normalisation, transforms, plugins)


def divide(
    key: Any,
    data: Data,
    chosen: Chosen,
    prepare: Callable[[Panel], Preparation],
    condition: Condition,
    corrupter: Corrupter | None,
    trainer: Corrupter | None = None,
) -> Parts:
    """Prepare the cases of a fold and divide them into its parts, under a condition.

    key : for `Parts.key`. prepare : gives what prepares panels, from the one whose training cases have the statistics.
    corrupter : what makes the test cases harder, None where nothing does; trainer : those of the training, the same
    one where it reaches both.

    Raises MethodError naming a corruption that did what none may, or left a case nothing.
    """
    fold = chosen.fold
    for one in {id(each): each for each in (corrupter, trainer) if each is not None}.values():
        one.fit(data.panel.select(fold.train))
    given = data.panel if corrupter is None else corrupter.before(data.panel)
    seen = given if trainer is corrupter else data.panel if trainer is None else trainer.before(data.panel)
    prepared = prepare(seen)
    panel = prepared(data.panel)

    def harder(by: Corrupter | None, raw: Panel) -> Panel:
        made = panel if raw is data.panel else prepared(raw)
        return made if by is None else by.after(made)

    hard = harder(corrupter, given)
    first = hard if trainer is corrupter else harder(trainer, seen)  # what the method is trained on
    later = hard if trainer is None and condition.corrupts("downstream") else first
    more = None if data.unlabelled is None or chosen.unlabelled is None else data.unlabelled.select(chosen.unlabelled)
    unlabelled = None if more is None else harder(trainer, more if trainer is None else trainer.before(more))
    train, test = first.select(fold.train), hard.select(fold.test)
    validation = None if fold.validation is None else later.select(fold.validation)
    selection = validation if fold.validation is None or first is later else first.select(fold.validation)

    hidden: dict[str, Any] = {}
    idle = _idle(corrupter, "test", hard, given, fold.test, panel, data.panel)
    if trainer is not corrupter:
        idle += _idle(trainer, "training", first, seen, fold.train, panel, data.panel)
    if corrupter is not None and corrupter.corruption.makes == "gaps":
        masked = test if given is data.panel else given.select(fold.test)
        hidden = {"whole": panel.select(fold.test).without_labels(), "missing": missing_facts(masked)}
    task = TASKS[panel.task]
    return Parts(
        key,
        condition.drawn(),
        pretrain=train,
        unlabelled=unlabelled,
        train=train if first is later else later.select(fold.train),
        labelled=label_subset(task.strata(task.target(panel, fold.train)), condition.label_fraction, chosen.number),
        validation=validation,
        selection=selection,
        test=test.without_labels(),
        fold=fold,
        y_test=test.y,
        unknown=tuple(unknown_static(data.panel, fold.train)),
        unseen=(*prepared.unseen(data.panel), *untaught(data.panel, fold)),
        prepare=prepared,
        apart=chosen.apart,
        idle="; ".join(idle),
        **hidden,
    )


def _idle(
    corrupter: Corrupter | None, part: str, made: Panel, raw: Panel, cases: Index, panel: Panel, given: Panel
) -> list[str]:
    """Return what is to be said of a corruption that left the cases of a part as they were, at the step it acts at.

    made, raw : prepared and as read, with what it did to either; panel, given : the same without.
    """
    if corrupter is None:
        return []
    pair = (made, panel) if raw is given else (raw, given)
    after, before = (one.select(cases) for one in pair)
    cuts = blocks(before.X, CASES)
    if not all(np.array_equal(after.X[cut], before.X[cut], equal_nan=True) for cut in cuts):
        return []
    gaps, level = corrupter.corruption.makes == "gaps", corrupter.corruption.level
    why = "its share of each case rounds to none" if gaps and level else "leave it out"
    return [f"{corrupter.text} {'takes' if gaps else 'changes'} no value of the {part} part: {why}"]
