"""Exposure: whether a method had seen what a run tests on before the run began.

A row is "clean" where it was pre-trained on nothing beyond the training part of its fold, "exposed: NAMES" where one of
these corpora is or holds its dataset, and "unknown: WHAT" where something does not say what it was pre-trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError
from tsbench.methods.params import Settings
from tsbench.methods.weights import EARLIER, Corpora, Corpus, as_corpora
from tsbench.plan.spec import Source
from tsbench.protocol import ARCHIVE_SPLIT, OWN_SCHEMES
from tsbench.registry import Registry

CLEAN, EXPOSED, UNKNOWN = "clean", "exposed", "unknown"
STATES = (CLEAN, UNKNOWN, EXPOSED)  # the last of several counts


@dataclass(frozen=True)
class Past:
    """What a method with its parameters was pre-trained on. undeclared : the parts that do not say it.

    holds : the names of the datasets that a collection holds; of another name none.
    """

    corpora: Corpora
    undeclared: tuple[str, ...]
    holds: Callable[[str], Iterable[str]]

    @classmethod
    def of(cls, name: str, method: Any, settings: Settings, plugins: Plugins, registry: Registry) -> Past:
        """Return what a method, its components and its weights declare; raises UsageError for what declares none."""

        def holds(corpus: str) -> Iterable[str]:
            known = registry.collections.get(corpus)
            tagged = plugins["datasets"].names(known.tag) if known is not None and known.tag else []
            return [] if known is None else [*known.datasets, *tagged]

        parts = {name: method, **{f"{slot}:{part.name}": part.cls for slot, part in settings.components.items()}}
        said = {part: _declared(part, cls) for part, cls in parts.items()} | settings.corpora()
        corpora = tuple(corpus for found in said.values() for corpus in found or ())
        return cls(corpora, tuple(sorted(part for part, found in said.items() if found is None)), holds)

    def exposure(self, dataset: str, fingerprint: str, sources: Iterable[Source], split: str, own: str) -> str:
        """Return what a run on a dataset states; the others are as `seen_in` has them."""
        names = [one.name for one in self.corpora if self._is(one, dataset, fingerprint)]
        names += seen_in(sources, dataset, fingerprint, split, own)
        if names:
            return f"{EXPOSED}: {', '.join(dict.fromkeys(names))}"
        return f"{UNKNOWN}: {', '.join(self.undeclared)}" if self.undeclared else CLEAN

    def _is(self, corpus: Corpus, dataset: str, fingerprint: str) -> bool:
        """Say whether a corpus is or holds a dataset."""
        held = {name.casefold() for name in (corpus.name, *self.holds(corpus.name))}
        return corpus.fingerprint == fingerprint or dataset.casefold() in held


def seen_in(sources: Iterable[Source], dataset: str, fingerprint: str, split: str, own: str) -> list[str]:
    """Return the sources of a pre-training that may hold test cases of a dataset.

    The dataset itself among the sources gives its training part alone, so that it is clean where that is the training
    part of the run: by the digests of both where they are known (split : `RunSpec.made_on` or `RunSpec.split`), else
    where the run is of the first fold of the same split (own : the name of that, "" for any other fold). A dataset
    of the same name with other data may hold the test cases anywhere.
    """

    def harmless(source: Source) -> bool:
        theirs, ours = _training(source.split), _training(split)
        return theirs == ours if theirs and ours else source.split_name == own

    return [
        source.dataset
        for source in sources
        if (source.fingerprint == fingerprint and not harmless(source))
        or (source.fingerprint != fingerprint and source.dataset.casefold() == dataset.casefold())
    ]


def derived(spec: Mapping[str, Any], split: str | None) -> str:
    """Return what a row of before exposure was noted states, given its specification as it is stored.

    split : `RunSpec.made_on`, None where it is not known.
    """
    unknown = sorted(name for name, value in spec.get("params", {}).items() if EARLIER.fullmatch(str(value)))
    where = spec.get("protocol", {}).get("split") or {}
    first = where.get("scheme", OWN_SCHEMES[0]) in OWN_SCHEMES and spec.get("fold") == 0
    sources = [
        Source(
            one["dataset"], one["fingerprint"], "none", "", one.get("split", ""), one.get("split_name", ARCHIVE_SPLIT)
        )
        for one in spec.get("sources") or ()
    ]
    past, own = Past((), tuple(unknown), lambda name: ()), where.get("name", ARCHIVE_SPLIT) if first else ""
    return past.exposure(spec.get("dataset", ""), spec.get("fingerprint", ""), sources, split or "", own)


def state(exposure: str) -> str:
    """Return the first word, "clean", "exposed" or "unknown"; the last for whatever else a store may hold."""
    word = exposure.partition(":")[0]
    return word if word in STATES else UNKNOWN


def _declared(part: str, cls: Any) -> Corpora | None:
    said = getattr(cls, "pretrained_on", ())
    if said is None:
        return None
    if isinstance(said, str) or not all(isinstance(one, str | Corpus) for one in said):
        raise UsageError(f"{part}: its pretrained_on is to be a tuple of names or of Corpus, or None")
    return as_corpora(said)


def _training(split: str) -> str:
    return next((part for part in split.split() if part.startswith("train:")), "")
