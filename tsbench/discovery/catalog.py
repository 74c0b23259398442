"""Catalog: names mapped to lazily imported objects, with suggestions for misspelt names."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tsbench.discovery.moved import described
from tsbench.errors import CODE_OF_OTHERS_FAILS, TsbenchError, UsageError


@dataclass(frozen=True)
class Entry:
    """One registered name. `target` is "module:attribute" or the object itself; nothing is imported to list it.

    A name that ends in ":" stands for a family: its target is a function that `get("family:member")` calls with the
    member's name. `alias` is the full name that a short name stands for.
    """

    name: str
    target: str | Any
    plugin: str
    summary: str = ""
    paper: str = ""
    tags: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    alias: str = ""

    def load(self) -> Any:
        """Import and return the target; raises TsbenchError naming the plugin when that fails."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except CODE_OF_OTHERS_FAILS as error:
            raise TsbenchError(
                f"'{self.name}' of plugin {self.plugin} cannot be loaded from {self.target}: {described(error)}"
            ) from error


class Catalog:
    """The registered entries of one kind (methods, datasets ...)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add all entries or, when a name is taken, none; raises ValueError naming who has it."""
        entries = list(entries)
        self.check_free(entries)
        self._entries.update({entry.name: entry for entry in entries})

    def check_free(self, entries: Iterable[Entry]) -> None:
        """Raise ValueError, naming who has it, when the name of an entry is taken."""
        for entry in entries:
            if entry.name in self._entries:
                owner = self._entries[entry.name].plugin
                raise ValueError(f"{self.kind[:-1]} '{entry.name}' is already registered by {owner}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name.casefold()))

    def names(self, tag: str | None = None) -> list[str]:
        """Return the names, sorted; with a tag, only those that carry it."""
        return [entry.name for entry in self if tag is None or tag in entry.tags]

    def entry(self, name: str) -> Entry:
        """Return the entry; raises UsageError with a suggestion when there is none."""
        family = name.partition(":")[0] + ":"
        if name not in self._entries and ":" in name and family in self._entries:
            return self._entries[family]
        if name not in self._entries:
            hint = did_you_mean(name, self._entries) or f"; see 'tsbench list {self.kind}'"
            raise UsageError(f"unknown {self.kind[:-1]} '{name}'{hint}")
        return self._entries[name]

    def get(self, name: str) -> Any:
        """Import and return the object registered under a name, or the member of a family."""
        entry = self.entry(name)
        if entry.alias:
            return self.get(entry.alias)
        if entry.name.endswith(":"):
            return entry.load()(name.removeprefix(entry.name))
        return entry.load()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the closest known name, or the empty string."""
    import difflib  # for names that are wrong alone: it would slow every start down

    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean '{by_folded[close[0]]}'?" if close else ""
