"""The two sides of a fold: what is trained and selected on, and what is tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tsbench.data.dataset import Data, Fold, Index
from tsbench.data.panel import Panel
from tsbench.data.splits import unlabelled_index


@dataclass(frozen=True)
class Known:
    """Cases that are known before the test: what they are called, and which of a panel they are."""

    name: str
    source: Panel
    index: Index

    @cached_property
    def cases(self) -> Panel:
        """The cases."""
        return self.source.select(self.index)


@dataclass(frozen=True)
class Sides:
    """A dataset with one of its folds.

    group and own_split : as `unlabelled_index` takes them. limits : those of the dataset's card.
    """

    data: Data
    fold: Fold
    group: str | None = None
    own_split: bool = True
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def seen(self) -> Index:
        """Cases that are trained, selected or tuned on."""
        fold = self.fold
        return fold.train if fold.validation is None else np.concatenate([fold.train, fold.validation])

    @cached_property
    def train(self) -> Panel:
        """The training cases."""
        return self.data.panel.select(self.fold.train)

    @cached_property
    def test(self) -> Panel:
        """The test cases."""
        return self.data.panel.select(self.fold.test)

    @cached_property
    def known(self) -> list[Known]:
        """What is known before the test: training cases, unlabelled cases."""
        sides, extra = [Known("training", self.data.panel, self.seen)], self.data.unlabelled
        index = unlabelled_index(self.data, self.fold, self.group, self.own_split)
        if extra is not None and index is not None:
            sides.append(Known("unlabelled", extra, index))
        return sides
