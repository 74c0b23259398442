"""Results opened by their name: a store, or evidence as a store for as long as it is open."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tsbench.discovery.plugins import Plugins
from tsbench.evidence import is_evidence
from tsbench.evidence.bring import bring
from tsbench.evidence.shard import find
from tsbench.evidence.verify import Verifier
from tsbench.registry import Registry
from tsbench.store.store import Store


@contextlib.contextmanager
def open_results(name: str, plugins: Plugins, registry: Registry, told: Callable[[str], None]) -> Iterator[Store]:
    """Open a store, or verified evidence, for reading; `told` gets a line for what of the evidence does not count."""
    if not is_evidence(name):
        with contextlib.closing(Store(name, must_exist=True, artifacts="")) as store:
            yield store
        return
    with (
        tempfile.TemporaryDirectory(prefix="tsbench-evidence-") as folder,
        contextlib.closing(Store(str(Path(folder) / "evidence.db"))) as store,
    ):
        for found in Verifier(plugins, registry).files(find(Path(name))):
            bring(store, found.runs)
            for line in found.refused:
                told(f"refused: {line}")
            for line in found.conflicts:
                told(f"conflict, left out: {line}")
        yield store
