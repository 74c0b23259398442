"""Rows that a temporary file of the cache takes, for what no memory holds; it goes with the last who has it open."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from tsbench.data.panel import Panel
from tsbench.data.places import cache_folder
from tsbench.data.stream import CaseFile, Streamed, blocks
from tsbench.errors import InvalidDataError, TsbenchError

Array = npt.NDArray[np.float32]


class Rows:
    """A file of rows, float32 by default, written one block after the other: `with Rows() as rows: rows.add(block)`.

    It has no name in its folder (of the cache, TSBENCH_CACHE moves it), so that nothing is left of it, however the
    process ends. Raises TsbenchError where it cannot be made or written.
    """

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype = np.dtype(dtype)
        self.folder = cache_folder() / "scratch"
        self.shape: tuple[int, ...] = ()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file: BinaryIO = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise self._failed(error) from None

    def add(self, block: npt.NDArray[Any]) -> None:
        """Write rows (n, ...) behind those that are there."""
        n_before = self.shape[0] if self.shape else 0
        view = memoryview(np.ascontiguousarray(block, dtype=self.dtype).reshape(-1).view(np.uint8).data)
        try:
            while view:
                view = view[self.file.write(view) :]
        except OSError as error:
            raise self._failed(error) from None
        self.shape = (n_before + len(block), *block.shape[1:])

    def mapped(self) -> Array:
        """Return all rows as a memory map that is only read."""
        return np.memmap(self.file, dtype=self.dtype, mode="r", shape=self.shape)

    def cases(self, ends: npt.NDArray[Any] | None = None) -> Streamed:
        """Return rows that are cases (n_channels, n_timepoints); ends : as `Streamed.of` has them."""
        file = CaseFile.of("a temporary file", os.dup(self.file.fileno()), 0, self.dtype, self.shape)
        return Streamed.of(file, ends)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.file.close()

    def _failed(self, error: OSError) -> TsbenchError:
        return TsbenchError(
            f"a temporary file cannot be written in {self.folder}: {error.strerror}; make room there, or name another "
            "folder by TSBENCH_CACHE"
        )


def on_disk(parts: Iterable[Array]) -> Array:
    """Return rows that come in parts (n, ...) as one memory map."""
    with Rows() as rows:
        for part in parts:
            rows.add(part)
        return rows.mapped()


def in_blocks(panel: Panel, step: Callable[[Panel], Panel]) -> Panel:
    """Return what a step (Panel -> Panel) makes of a panel: of a streamed one block by block in the order of its cases.

    A block differs from the whole in its number of cases alone; what comes of it is kept in a temporary file.
    """
    if not isinstance(panel.X, Streamed):
        return step(panel)
    lengths: list[npt.NDArray[np.int32]] = []
    times: list[Any] = []
    with Rows() as rows:
        for block in blocks(panel.X):
            part = step(panel.select(np.arange(block.start, block.stop)).loaded())
            if rows.shape and part.X.shape[1:] != rows.shape[1:]:
                raise InvalidDataError(
                    "cases that are read by block come out of different lengths: let them be read into memory"
                )
            rows.add(part.X[:])
            lengths.append(part.lengths)
            times.append(part.times)
        X = rows.cases()
    return replace(
        panel,
        X=X,
        lengths=np.concatenate(lengths),
        times=None if part.times is None else np.concatenate(times),
        channel_names=part.channel_names,
        sampling_rate=part.sampling_rate,
    )
