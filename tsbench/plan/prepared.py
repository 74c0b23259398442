"""Datasets with what is done to them before any split, written after the name: DATASET+notch=50hz+window=10s:50%."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError

if TYPE_CHECKING:
    from tsbench.data.dataset import Card, Data
    from tsbench.methods.transform import Transform

SKIP_BAD = "skip-bad"  # as a step: leave out what cannot be used of a folder of recordings
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
    steps = [f"{step}:{settings}" if settings else step for step, settings in _STEP.findall(name, at)]
    return name[:at], steps


@dataclass(frozen=True)
class Step:
    """One transform of a dataset's cases, each by itself, before any split; text : as it is written."""

    text: str
    transform: Transform

    @property
    def suffix(self) -> str:
        """What stands after the dataset's name."""
        return "+" + self.text.replace(":", "=", 1)

    def on_card(self, card: Card) -> Card:
        """Return the card of the dataset after it."""
        from dataclasses import replace

        from tsbench.data.panel import RECORD

        return replace(card, group=card.group or RECORD) if self.transform.gives == "cases" else card

    def on_data(self, data: Data) -> Data:
        """Return the data after it; raises what the transform raises."""
        from dataclasses import replace

        from tsbench.methods.applied import apply
        from tsbench.methods.cut import cut

        if self.transform.gives == "cases":
            return cut(data, self.transform, self.text)
        extra = None if data.unlabelled is None else apply(data.unlabelled, self.transform, self.text)
        return replace(data, panel=apply(data.panel, self.transform, self.text), unlabelled=extra)


def make_steps(texts: Sequence[str], dataset: str, plugins: Plugins) -> tuple[Step, ...]:
    """Return the steps of a dataset; raises UsageError for one that is not known, or whose transform makes maps."""
    if not texts:
        return ()
    from tsbench.methods.applied import parse_transform

    steps = []
    for text in texts:
        try:
            step = Step(text, parse_transform(text, plugins))
        except UsageError as error:
            raise UsageError(f"--dataset {dataset}: {error}") from None
        if step.transform.gives == "map":
            raise UsageError(f"--dataset {dataset}: transform {text} makes maps (images, spectrograms), not series")
        steps.append(step)
    return tuple(steps)
