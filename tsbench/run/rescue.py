"""Where finished results go when the store cannot take them: a file of their own, to be merged later."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsbench.errors import StoreError
from tsbench.run.spec import Result
from tsbench.run.store import Store
from tsbench.text import command_line


class Rescue:
    """A store in the working folder, else in the folder for temporary files, made when the first result comes."""

    def __init__(self, owner: str) -> None:
        self.name, self.count = f"tsbench-rescued-{owner}.db", 0
        self.file: Path | None = None

    def keep(self, result: Result, environment: dict[str, Any]) -> None:
        """Write a result; raises StoreError where no folder can take it."""
        last: StoreError | None = None
        for file in [self.file] if self.file else [folder / self.name for folder in _folders()]:
            try:
                store = Store(str(file))
                try:
                    # The weights stay where they are: without them a run is trained anew.
                    store.record(replace(result, checkpoint=None), environment)
                finally:
                    store.close()
            except StoreError as error:
                last = error
                if file != self.file:
                    _remove(file)
                continue
            self.file, self.count = file, self.count + 1
            return
        assert last is not None
        raise last

    def told(self, trouble: StoreError, store: str) -> StoreError:
        """Return the trouble with the way back to what was kept."""
        if self.file is None:
            return trouble
        back = command_line(["tsbench", "store", "merge", str(self.file), "--store", store])
        return StoreError(f"{trouble}; {self.count} results are kept in {self.file}, bring them in by: {back}")


def _folders() -> list[Path]:
    return [Path.cwd(), Path(tempfile.gettempdir())]


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
