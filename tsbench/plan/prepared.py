"""Datasets with what is done to them before any split, written after the name: DATASET+notch=50hz+window=10s:50%."""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tsbench.discovery.plugins import Plugins
from tsbench.errors import TsbenchWarning, UsageError

if TYPE_CHECKING:
    from tsbench.corruptions.base import Corrupter
    from tsbench.data.dataset import Card, Data
    from tsbench.data.panel import Panel
    from tsbench.methods.transform import Transform

SKIP_BAD = "skip-bad"  # as a step: leave out what cannot be used of a folder of recordings
FROM = " from "  # between what is tested on and what is trained on, of an external validation
_STEP = re.compile(r"\+([A-Za-z][\w-]*)(?:[=:]([^+/]*))?")
_STEPS = re.compile(rf"(?:{_STEP.pattern})+")


def take_apart(name: str, known: Callable[[str], bool]) -> tuple[str, list[str]]:
    """Return a dataset's name and the steps after it, as transforms are written: "notch:50hz".

    known : says of a name whether there is such a dataset, collection, file or folder, whose own name may have a plus.
    """
    if known(name):
        return name, []
    places = [at for at, character in enumerate(name) if character == "+" and _STEPS.fullmatch(name, at)]
    if not places:
        return name, []
    at = next((at for at in places if known(name[:at])), places[0])
    steps = [step if settings is None else f"{step}:{settings}" for step, settings in _steps(name, at)]
    return name[:at], steps


def _steps(name: str, at: int) -> list[tuple[str, str | None]]:
    """Return the steps from a place on, with what is set; None where nothing is."""
    return [(found[1], found[2]) for found in _STEP.finditer(name, at)]


def take_from(name: str, known: Callable[[str], bool]) -> tuple[str, str] | None:
    """Return target and source of "TARGET from SOURCE"; None for the name of one dataset, whose path may say "from"."""
    places = [found.start() for found in re.finditer(FROM, name)]
    if not places or known(take_apart(name, known)[0]):
        return None
    pairs = [(name[:at], name[at + len(FROM) :]) for at in places]
    return next((pair for pair in pairs if all(known(take_apart(one, known)[0]) for one in pair)), pairs[0])


class Step(ABC):
    """What is done to a dataset's cases, to each by itself, before any split; text : as it is written."""

    text: str

    @property
    def suffix(self) -> str:
        """What stands after the dataset's name."""
        return "+" + self.text.replace(":", "=", 1)

    @property
    @abstractmethod
    def code(self) -> type:
        """The class that does it, whose file says what it does."""

    @abstractmethod
    def on_card(self, card: Card) -> Card:
        """Return the card of the dataset after it."""

    @abstractmethod
    def on_data(self, data: Data) -> Data:
        """Return the data after it; raises what does it raises."""

    def done(self, data: Data) -> Data:
        """Return the data after it as `on_data` does; warns where that leaves all labelled series as they were."""
        after = self.on_data(data)
        if _same_series(data.panel, after.panel):
            text = f"'{self.suffix}' changes none of the series, and makes a dataset of another name: leave it out"
            warnings.warn(text, TsbenchWarning, stacklevel=2)
        return after


@dataclass(frozen=True)
class Transformed(Step):
    """A transform."""

    text: str
    transform: Transform

    @property
    def code(self) -> type:
        """The class of the transform."""
        return type(self.transform)

    def on_card(self, card: Card) -> Card:
        """Return the card of the dataset after it."""
        from tsbench.data.panel import RECORD

        return replace(card, group=card.group or RECORD) if self.transform.gives == "cases" else card

    def on_data(self, data: Data) -> Data:
        """Return the data after it; raises what the transform raises."""
        from tsbench.methods.applied import apply
        from tsbench.methods.cut import cut

        if self.transform.gives == "cases":
            return cut(data, self.transform, self.text)
        extra = None if data.unlabelled is None else apply(data.unlabelled, self.transform, self.text)
        return replace(data, panel=apply(data.panel, self.transform, self.text), unlabelled=extra)


@dataclass(frozen=True)
class Thinned(Step):
    """A corruption that hides values; what is then left are the time points with a value, at irregular times."""

    text: str
    corrupter: Corrupter

    @property
    def code(self) -> type:
        """The class of the corruption."""
        return type(self.corrupter.corruption)

    def on_card(self, card: Card) -> Card:
        """Return the card without what is counted of the whole series, and with what was hidden of them."""
        corruption = self.corrupter.corruption
        summary = f"{card.summary.rstrip('.')}; made irregular by {self.corrupter.text}"
        return replace(card, summary=summary, checksum="", facts={corruption.levels.doc: corruption.level})

    def on_data(self, data: Data) -> Data:
        """Return the data after it; raises InvalidDataError where the corruption makes no sense of it."""
        from tsbench.data.sparse import observed_times
        from tsbench.errors import InvalidDataError

        try:
            self.corrupter.check(data.panel.task, data.panel.n_channels)
        except UsageError as error:
            raise InvalidDataError(str(error)) from None
        extra = None if data.unlabelled is None else observed_times(self.corrupter.apply(data.unlabelled))
        return replace(data, panel=observed_times(self.corrupter.apply(data.panel)), unlabelled=extra)


def _same_series(before: Panel, after: Panel) -> bool:
    """Say whether panels have the same values at the same times; what stays in its file is not compared."""
    import numpy as np

    if not (isinstance(before.X, np.ndarray) and isinstance(after.X, np.ndarray)):
        return False
    pairs = [(before.lengths, after.lengths), (before.X, after.X)]
    pairs += [(before.times, after.times)] if before.times is not None and after.times is not None else []
    return all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)


def make_steps(texts: Sequence[str], dataset: str, plugins: Plugins) -> tuple[Step, ...]:
    """Return the steps of a dataset; raises UsageError for one that is not known, or cannot be done before a split."""
    if not texts:
        return ()
    try:
        return tuple(_step(text, plugins) for text in texts)
    except UsageError as error:
        raise UsageError(f"--dataset {dataset}: {error}") from None


def _step(text: str, plugins: Plugins) -> Step:
    name = text.partition(":")[0]
    if name in plugins["corruptions"] and name not in plugins["transforms"]:
        corrupter = _corrupter(text, plugins)
        return Thinned(corrupter.text.replace("=", ":"), corrupter)
    from tsbench.methods.applied import parse_transform, spelled

    transform = parse_transform(text, plugins)
    if transform.gives == "map":
        raise UsageError(f"transform {text} makes maps (images, spectrograms), not series")
    return Transformed(spelled(text, plugins), transform)


def _corrupter(text: str, plugins: Plugins) -> Corrupter:
    """Return a corruption of single cases, "samples:0.8"; raises UsageError for one that hides none or needs others."""
    from tsbench.condition import shortest
    from tsbench.corruptions.base import Corrupter, Corruption, find_corruption

    name, _, level = text.partition(":")
    cls, written = find_corruption(name, plugins["corruptions"]), text.replace(":", "=", 1)
    try:
        corruption = cls(float(level))
        written = f"{name}={shortest(corruption.level)}"
    except ValueError:
        raise UsageError(f"corruption {written}: write a level after it, {cls.levels.doc}, in {cls.levels}") from None
    except UsageError as error:
        raise UsageError(f"corruption {written}: {error}") from None
    why = "changes values and hides none" if cls.makes != "gaps" else ""
    why = "draws for all cases at once" if cls.acts_on != "raw" else why
    why = "learns from the training cases, which a split says" if cls.fit is not Corruption.fit else why
    why = "reads labels" if cls.uses_labels else why
    if why:
        raise UsageError(f"corruption {written} {why}: write it after the protocol, as in --protocol impute+{written}")
    return Corrupter(corruption, name, written, written)
