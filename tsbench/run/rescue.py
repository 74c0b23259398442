"""Where results go when the store cannot take them, or loses them: a file of their own, to be merged later."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsbench.errors import StoreError, UsageError
from tsbench.run.spec import Result
from tsbench.run.store import Store
from tsbench.text import command_line


class Rescue:
    """A copy of all that a driver recorded, and the store that it is brought to when the driver's own fails.

    That store lies in the working folder, else in the folder for temporary files, and is made when it is needed. The
    copy is in an unnamed temporary file, in memory where there is no room for one.
    """

    def __init__(self, owner: str) -> None:
        self.name, self.count = rescue_name(owner), 0
        self.file: Path | None = None
        self._store: Store | None = None
        self._first: int | None = None
        self._lost = False
        self._notes = _Notes()

    def note(self, result: Result, environment: dict[str, Any]) -> None:
        """Copy a result that was, or is to be, recorded; one noted after `begin` is for `keep` to bring away."""
        # The weights stay where they are: without them a run is trained anew.
        self._notes.add((replace(result, checkpoint=None), environment))

    def begin(self, lost: bool) -> None:
        """Have what is noted from now on kept; lost : with all that was noted before, which the store has lost."""
        self._first, self._lost = 0 if lost else len(self._notes), lost

    def keep(self) -> None:
        """Bring to the file what is not there yet; raises StoreError where no folder can take it."""
        if self._first is None or self._first + self.count == len(self._notes):
            return
        last: Exception | None = None
        for file in dict.fromkeys(
            [*([self.file] if self.file else []), *(folder / self.name for folder in rescue_folders())]
        ):
            try:
                self._fill(file)
                return
            except (StoreError, UsageError) as error:
                last = error
                self.close()
                if file != self.file:
                    _remove(file)
        raise StoreError(f"no folder takes {self.name}: {last}")

    def told(self, trouble: StoreError, store: str) -> StoreError:
        """Return the trouble with the way back to what was kept."""
        if self.file is None:
            return trouble
        whose = ", all that this driver had recorded," if self._lost else ""
        return StoreError(
            f"{trouble}; {self.count} results{whose} are kept in {self.file}, {way_back(self.file, store)}"
        )

    def close(self) -> None:
        """Close the file."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _fill(self, file: Path) -> None:
        assert self._first is not None
        done = self.count if file == self.file else 0
        if self._store is None:
            self._store = Store(str(file), must_exist=done > 0)
        for result, environment in self._notes.since(self._first + done):
            self._store.record(result, environment)
            done += 1
        self.file, self.count = file, done


class _Notes:
    """Objects in the order they were added, pickled, in a file that vanishes with this process."""

    def __init__(self) -> None:
        self._file: Any = None
        self._places: list[tuple[int, int] | bytes] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(self, one: Any) -> None:
        content = zlib.compress(pickle.dumps(one), 1)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the driver lives
            place = self._file.seek(0, 2)
            if self._file.write(content) == len(content):
                self._places.append((place, len(content)))
                return
        except OSError:
            pass
        self._places.append(content)

    def since(self, first: int) -> Iterator[Any]:
        for place in self._places[first:]:
            if isinstance(place, bytes):
                content = place
            else:
                self._file.seek(place[0])
                content = self._file.read(place[1])
            yield pickle.loads(zlib.decompress(content))  # noqa: S301 - what this process wrote


def rescue_name(owner: str) -> str:
    """Return the name of the file for what a driver recorded."""
    return f"tsbench-rescued-{owner}.db"


def way_back(file: Path, store: str) -> str:
    """Return the words that say how what was kept comes into the store."""
    return f"bring them in by: {command_line(['tsbench', 'store', 'merge', str(file), '--store', store])}"


def rescue_folders() -> Iterator[Path]:
    """Yield the folders that may take such a file: the working one, and that for temporary files."""
    for folder in (Path.cwd, tempfile.gettempdir):
        with contextlib.suppress(OSError):  # the working folder may be gone
            yield Path(folder())


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
