"""Find plugins, load each in isolation, and fill the catalogues; a broken plugin is reported, never fatal."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from tsbench.discovery import hookspecs
from tsbench.discovery.catalog import Catalog, Entry
from tsbench.discovery.moved import described
from tsbench.errors import CODE_OF_OTHERS_FAILS, UsageError

GROUP = "tsbench"
KINDS = ("datasets", "encoders", "transforms", "corruptions", "methods", "probes")
CORE = "tsbench.corruptions"  # the module with the hooks of what the core itself brings
# What is written like a corruption after the name of a protocol and is none.
RESERVED = ("labels", "split", "static", "none")


@dataclass
class Health:
    """How loading one plugin went. `error` is one line, `details` the traceback; both empty when all is well."""

    name: str
    origin: str
    version: str = ""
    registered: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    details: str = ""


class Plugins:
    """The loaded plugins: one catalogue per kind and the health of each plugin."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("tsbench")
        self.manager.add_hookspecs(hookspecs)
        self.catalogs = {kind: Catalog(kind) for kind in KINDS}
        self.health: dict[str, Health] = {}

    def __getitem__(self, kind: str) -> Catalog:
        return self.catalogs[kind]

    def load_entry_points(self) -> None:
        """Load what the core brings, and every installed plugin of the group "tsbench"."""
        if GROUP not in self.health:
            self.health[GROUP] = Health(GROUP, CORE)
            self._register(importlib.import_module(CORE), self.health[GROUP])
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            if point.name in self.health:
                continue
            health = Health(point.name, point.value)
            self.health[point.name] = health
            try:
                health.version = point.dist.version if point.dist else ""
                self._register(point.load(), health)
            except CODE_OF_OTHERS_FAILS as error:
                _record(health, error)

    def load_file(self, path: Path) -> None:
        """Load a plugin from one Python file; raises UsageError when it is broken, since it was asked for by name."""
        name = f"tsbench_file_{path.stem}"
        health = Health(path.name, str(path))
        self.health[path.name] = health
        try:
            module = _import_file(name, path)
            self._register(module, health)
        except CODE_OF_OTHERS_FAILS as error:
            _record(health, error)
        if health.error:
            raise UsageError(f"plugin file {path}: {health.error}")

    def files(self) -> tuple[Path, ...]:
        """Return the single files that plugins were loaded from, for other processes to load them too."""
        origins = (Path(health.origin) for health in self.health.values())
        return tuple(file.resolve() for file in origins if file.suffix == ".py")

    def packages(self) -> set[str]:
        """Return the names of the top-level packages that hold the core and the plugins."""
        return {"tsbench", *(module.__name__.partition(".")[0] for module in self.manager.get_plugins())}

    def _register(self, module: ModuleType, health: Health) -> None:
        """Collect everything the module registers, then add all of it or nothing."""
        self.manager.register(module, name=health.name)
        try:
            self.manager.check_pending()
            collected = self._collect(health.name)
            for kind, entries in collected.items():
                self.catalogs[kind].check_free(entries)
        except CODE_OF_OTHERS_FAILS:
            self.manager.unregister(name=health.name)
            raise
        for kind, entries in collected.items():
            self.catalogs[kind].add(entries)
            if entries:
                health.registered[kind] = [entry.name for entry in entries]

    def _collect(self, plugin: str) -> dict[str, list[Entry]]:
        collected: dict[str, list[Entry]] = {}
        for kind in KINDS:
            caller = getattr(self.manager.hook, f"tsbench_{kind}")
            entries: dict[str, Entry] = {}
            for implementation in caller.get_hookimpls():
                if implementation.plugin_name == plugin:
                    implementation.function(_registrar(kind, plugin, entries))
            collected[kind] = list(entries.values())
        return collected


def _registrar(kind: str, plugin: str, entries: dict[str, Entry]) -> hookspecs.Register:
    def register(
        name: str,
        target: str | Any,
        *,
        summary: str = "",
        paper: str = "",
        tags: tuple[str, ...] = (),
        options: dict[str, Any] | None = None,
        alias: str = "",
    ) -> None:
        if not name.removesuffix(":") or any(character in name.removesuffix(":") for character in " ,:/=\\"):
            raise ValueError(f"{kind[:-1]} name {name!r}: use letters, digits, '-', '_' and '.' only")
        if kind == "corruptions" and (name in RESERVED or any(character in name for character in "+@:")):
            raise ValueError(f"corruption name {name!r}: a protocol's name could not say it; take another")
        if isinstance(target, str) and ":" not in target:
            raise ValueError(f"{kind[:-1]} '{name}': target {target!r} must be 'module:attribute' or the class itself")
        if name in entries:
            raise ValueError(f"{kind[:-1]} '{name}' is registered twice")
        text = summary or _first_line(target)
        entries[name] = Entry(name, target, plugin, text, paper, tuple(tags), options or {}, alias)

    return register


def _first_line(target: Any) -> str:
    document = "" if isinstance(target, str) else (target.__doc__ or "")
    return str(document.strip().split("\n")[0])


def _import_file(name: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no such file: {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file; give a path that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _record(health: Health, error: BaseException) -> None:
    health.error = described(error).splitlines()[0]
    health.details = "".join(traceback.format_exception(error))
    health.registered.clear()


@cache
def plugins() -> Plugins:
    """Return the plugins of this process, loading the installed ones on first use."""
    found = Plugins()
    found.load_entry_points()
    return found


def plugins_with(files: Iterable[Path]) -> Plugins:
    """Return the installed plugins together with those of single files, which no other caller gets to see."""
    found = Plugins()
    found.load_entry_points()
    for path in files:
        found.load_file(path)
    return found
