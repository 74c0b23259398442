"""External: cases of one dataset to train on, those of another to test on."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from tsbench.data.copies import same_cases
from tsbench.data.dataset import Card, Data, Dataset, Fold
from tsbench.data.join import concatenate
from tsbench.data.match import matched
from tsbench.data.normalise import channel_statistics
from tsbench.data.panel import CASE, Array, Panel
from tsbench.data.scale import Scale, other_unit
from tsbench.errors import InvalidDataError, TsbenchWarning
from tsbench.text import first_few


class Part(Protocol):
    """A dataset that is read."""

    name: str

    @property
    def card(self) -> Card:
        """The dataset's card."""

    def load(self) -> Data:
        """Read the data."""

    def available(self) -> bool:
        """Say whether the data is on this machine."""

    def files(self) -> list[Path]:
        """Return the files the data is read from."""


class External(Dataset):
    """All labelled cases of `source` for training and all of `target` for the test: the one fold "archive".

    Channels and static values are those of the source, found by name in the target; meta is what the target has.
    Groups are named after their dataset, so that none is in both.
    """

    def __init__(self, target: Part, source: Part) -> None:
        self.target, self.source = target, source

    @property
    def card(self) -> Card:
        """The target's card; normalised where both are, and shareable."""
        card, other = self.target.card, self.source.card
        return replace(
            card,
            summary=f"external validation: {card.summary or self.target.name}; trained on {self.source.name}",
            normalised=card.normalised and other.normalised,
            shareable=card.shareable and other.shareable,
            default_protocol=None,
            facts={**card.facts, "trained on": self.source.name},
        )

    def available(self) -> bool:
        """Say whether both are on this machine."""
        return self.target.available() and self.source.available()

    def files(self) -> list[Path]:
        """Return the files of both; none where those of one are not known."""
        found = [self.source.files(), self.target.files()]
        return [file for files in found for file in files] if all(found) else []

    def load(self) -> Data:
        """Read both and join them; warns of cases that both have, and of values that may be in another unit.

        Raises InvalidDataError where channels, task or classes differ, and where both have the same cases.
        """
        source, given = self.source.load().panel, self.target.load().panel
        names = self.source.name, self.target.name
        for panel, name in zip((source, given), names, strict=True):
            if panel.y is None:
                raise InvalidDataError(f"{name} has no labels to train or test on")
        target = matched(given, source, names[1])
        if source.task != target.task or sorted(source.classes) != sorted(target.classes):
            said = [f"{panel.task} ({', '.join(sorted(panel.classes)) or 'numbers'})" for panel in (source, target)]
            raise InvalidDataError(f"{names[0]} has other labels than {names[1]}: {said[0]} and {said[1]}")
        _check_cases(source, target, names)
        statistics = channel_statistics(source, np.arange(len(source)), unseen=True)
        for text in filter(None, [*Scale.of(source).told(target, names[1]), other_unit(target, statistics, names[1])]):
            warnings.warn(text, TsbenchWarning, stacklevel=2)
        source = source if target.text is not None else replace(source, text=None)
        group = self.target.card.group
        joined = concatenate([_with_meta(source, target, group, names[0]), _with_meta(target, target, group, names[1])])
        cases = np.arange(len(joined))
        return Data(joined, {"archive": [Fold(cases[: len(source)], None, cases[len(source) :])]})


def _check_cases(source: Panel, target: Panel, names: tuple[str, str]) -> None:
    """Warn of cases to test on that are trained on as well; raise InvalidDataError where there are no others."""
    same = same_cases(target, source)
    if len(same) == len(target) and len(same_cases(source, target)) == len(source):
        raise InvalidDataError(
            f"{names[1]} has the {len(target)} cases of {names[0]} under another name: train on other data"
        )
    if len(same):
        cases = target.case_names()
        text = (
            f"{names[1]}: {len(same)} of its {len(target)} cases are cases of {names[0]} too, and so trained on: "
            f"{first_few([cases[case] for case in same])}; leave them out of one"
        )
        warnings.warn(text, TsbenchWarning, stacklevel=3)


def _with_meta(panel: Panel, like: Panel, group: str | None, name: str) -> Panel:
    """Return a panel with the columns of another's meta, empty where it has none; groups after the dataset's name."""

    def column(one: str, values: Array) -> Array:
        own = panel.meta.get(one)
        if one in (CASE, group):
            texts = [str(number) for number in range(len(panel))] if own is None else [str(value) for value in own]
            return np.asarray([f"{name}:{text}" for text in texts]) if one == group else np.asarray(texts)
        if own is not None:
            return own
        return np.full(len(panel), np.nan if values.dtype.kind in "biuf" else "")

    meta = {one: column(one, values) for one, values in like.meta.items()}
    return replace(panel, meta=meta, channel_names=like.channel_names)
