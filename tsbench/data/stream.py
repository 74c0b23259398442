"""Streamed: the values of cases that stay in their file, and are read by case."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from mmap import ALLOCATIONGRANULARITY
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from tsbench.errors import InvalidDataError

Array = npt.NDArray[Any]
Step = Callable[[Array], Array]
BLOCK_BYTES = 2**24  # read at a time where all cases are gone through


@dataclass(frozen=True)
class CaseFile:
    """An open file that holds cases (n_cases, n_channels, n_timepoints) one after the other, from a byte on.

    It is read, not mapped: one that is cut short meanwhile is an error, no crash, and no page counts as memory of the
    process. size : bytes of the file when it was opened.
    """

    name: str
    descriptor: int
    start: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    size: int
    ndim: ClassVar[int] = 3

    @classmethod
    def of(cls, name: str, descriptor: int, start: int, dtype: np.dtype[Any], shape: Sequence[int]) -> CaseFile:
        """Take an open descriptor, which is closed with what is returned; a case may have one axis, of time."""
        cases, *case = map(int, shape)
        channels, points = (1, *case) if len(case) == 1 else case
        file = cls(name, descriptor, start, dtype, (cases, channels, points), os.fstat(descriptor).st_size)
        weakref.finalize(file, os.close, descriptor)
        return file

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.name} is open here: open it anew in place of a copy")

    def read(self, rows: Array) -> Array:
        """Return the values (n, n_channels, n_timepoints) of rows, as the file has them; raises InvalidDataError."""
        if os.fstat(self.descriptor).st_size != self.size:
            raise InvalidDataError(f"{self.name} has changed its size since it was opened; run the command again")
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        view, width = values.reshape(-1).view(np.uint8).data, self.dtype.itemsize * math.prod(self.shape[1:])
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for first, end in zip([0, *ends], ends, strict=False):  # of rows that lie side by side
            self._fill(view[first * width : end * width], self.start + int(rows[first]) * width)
        return values

    def _fill(self, view: memoryview, position: int) -> None:
        while view:
            try:
                n_bytes = os.preadv(self.descriptor, [view], position)
            except OSError as error:
                raise InvalidDataError(f"{self.name} cannot be read: {error.strerror}") from None
            if not n_bytes:
                raise InvalidDataError(f"{self.name} ends early: it has changed since it was opened")
            view, position = view[n_bytes:], position + n_bytes


class Streamed:
    """Values of cases, float32 (n_cases, n_channels, n_timepoints), that are read when they are indexed.

    Indexing by cases (`x[5]`, `x[10:20]`, `x[index]`, `x[index, channel]`) gives an array; `select`, `then` and
    `resized` read nothing. Whatever needs all values at once is refused (InvalidDataError); `blocks` cuts them.

    complete : bool (n_cases,), the case has a value everywhere.
    """

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(
        self, files: Sequence[CaseFile], index: Array, ends: Array | None, complete: Array, width: int, steps: Any = ()
    ) -> None:
        self.files, self.index, self.ends, self.complete = tuple(files), index, ends, complete
        self.shape = (len(index), files[0].shape[1], width)
        self.steps: tuple[Step, ...] = steps

    @classmethod
    def of(cls, file: CaseFile, ends: Array | None = None) -> Streamed:
        """Look through a file once; ends : (n_cases,) lengths, beyond which no value is read.

        Raises InvalidDataError for a file that holds no such cases, or an infinite value.
        """
        if min(file.shape) < 1:
            raise InvalidDataError(f"needs at least one case, channel and time point, got shape {file.shape}")
        if ends is not None and len(ends) != len(file):
            raise InvalidDataError(f"lengths has {len(ends)} entries for {len(file)} cases")
        found = cls([file], np.arange(len(file)), ends, np.zeros(len(file), dtype=bool), file.shape[2])
        for block in blocks(found):
            found.complete[block] = ~np.isnan(found[block]).any(axis=(1, 2))
        return found

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def name(self) -> str:
        """The file."""
        return self.files[0].name

    def __getitem__(self, key: Any) -> Array:
        cases, *rest = key if isinstance(key, tuple) else (key,)
        one = isinstance(cases, int | np.integer)
        index = np.asarray([cases]) if one else cases
        found: Array = self._read(self.index[index], index)[(0 if one else slice(None), *rest)]
        return found

    def _read(self, rows: Array, cases: Any) -> Array:
        X = self._values(rows)
        if self.ends is not None:
            X[np.broadcast_to((np.arange(X.shape[2]) >= self.ends[cases][:, None])[:, None], X.shape)] = np.nan
        for step in self.steps:
            X = step(X)
        refuse_infinite(X, rows.__getitem__)
        return X

    def _values(self, rows: Array, dtype: Any = np.float32) -> Array:
        X = np.full((len(rows), *self.shape[1:]), np.nan if np.dtype(dtype).kind == "f" else 0, dtype=dtype)
        first = 0
        for file in self.files:
            here = (rows >= first) & (rows < first + len(file))
            if here.any():
                width = min(file.shape[2], X.shape[2])
                with np.errstate(over="ignore"):  # the infinite value that results is refused
                    X[here, :, :width] = file.read(rows[here] - first)[:, :, :width]
            first += len(file)
        return X

    def raw(self, block: slice) -> Array:
        """Return the values of cases that nothing was done to, as their files, of one type, have them."""
        return self._values(self.index[block], self.files[0].dtype)

    def select(self, index: Any) -> Streamed:
        """Return the cases of an index or a slice."""
        ends = None if self.ends is None else self.ends[index]
        return Streamed(self.files, self.index[index], ends, self.complete[index], self.shape[2], self.steps)

    def then(self, step: Step) -> Streamed:
        """Return the cases with a further step, on (n, n_channels, n_timepoints), which keeps shape and what is NaN."""
        return Streamed(self.files, self.index, self.ends, self.complete, self.shape[2], (*self.steps, step))

    def resized(self, width: int) -> Streamed:
        """Return the cases on a time axis of another width, which ends no case early."""
        if width == self.shape[2]:
            return self
        complete = self.complete if width < self.shape[2] else np.zeros(len(self), dtype=bool)
        return Streamed(self.files, self.index, self.ends, complete, width, self.steps)

    @classmethod
    def joined(cls, parts: Sequence[Streamed]) -> Streamed:
        """Return the cases of several, of as many channels; one that is shorter ends in NaN."""
        if any(part.steps for part in parts):
            raise InvalidDataError("streamed cases are joined before anything is done to them")
        width = max(part.shape[2] for part in parts)
        parts = [part.resized(width) for part in parts]
        firsts = np.cumsum([0, *(sum(map(len, part.files)) for part in parts)])
        ends = [np.full(len(p), width) if p.ends is None else p.ends for p in parts]
        return cls(
            [file for part in parts for file in part.files],
            np.concatenate([part.index + first for part, first in zip(parts, firsts[:-1], strict=True)]),
            None if all(part.ends is None for part in parts) else np.concatenate(ends),
            np.concatenate([part.complete for part in parts]),
            width,
        )

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InvalidDataError(f"all values at once are needed here, but they are streamed from {self.name}; {REMEDY}")


REMEDY = "take a method that learns from batches, or give the data as one .npz file if the memory holds it"


def blocks(X: Array | Streamed, size: int = 0) -> Iterator[slice]:
    """Cut cases into slices of so many: by default all in one, or of some megabytes where they are streamed."""
    streamed_size = BLOCK_BYTES // (4 * math.prod(X.shape[1:])) if isinstance(X, Streamed) else len(X)
    size = size or max(1, streamed_size)
    return (slice(first, min(first + size, len(X))) for first in range(0, len(X), size))


def streamed(X: Any) -> Any:
    """Return a memory-mapped array as `Streamed`, any other as it is; raises InvalidDataError as `Streamed.of`."""
    file = _mapped_file(X)
    return np.asarray(X) if file is None else Streamed.of(file)


def _mapped_file(X: Any) -> CaseFile | None:
    """Return the file of a memory-mapped array that is only read or shared; None for any other array.

    Raises InvalidDataError where cases do not lie in it one after the other.
    """
    if not isinstance(X, np.memmap) or getattr(X, "mode", "") not in ("r", "r+") or not X.filename:
        return None
    path = Path(os.fsdecode(X.filename))
    if X.ndim not in (2, 3) or X.dtype.kind not in "iufb" or not X.flags.c_contiguous:
        raise InvalidDataError(
            f"{path}: cases must be numbers (cases, channels, time points) in C order, got {X.dtype} {X.shape}; "
            "save them with np.ascontiguousarray, and map the file as a whole"
        )
    base = np.frombuffer(X._mmap, dtype=np.uint8).ctypes.data  # type: ignore[attr-defined]
    start = X.ctypes.data - base + X.offset - X.offset % ALLOCATIONGRANULARITY
    return open_cases(path, start, X.dtype, X.shape)


def open_cases(path: Path, start: int, dtype: np.dtype[Any], shape: Sequence[int]) -> CaseFile:
    """Open a file of cases; raises InvalidDataError where it cannot be read or does not hold all of them."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InvalidDataError(f"{path} cannot be opened: {error.strerror}") from None
    file = CaseFile.of(str(path), descriptor, start, dtype, shape)
    if file.size < start + math.prod(shape) * dtype.itemsize:
        raise InvalidDataError(f"{path} ends early: {file.size} bytes do not hold {tuple(shape)} of {dtype}")
    return file


def refuse_infinite(X: Array, named: Callable[[int], object] = int) -> None:
    """Raise InvalidDataError naming the first infinite value of X (n, n_channels, n_timepoints).

    named : says what a case is called.
    """
    infinite = np.argwhere(np.isinf(X))
    if len(infinite):
        case, channel, time = infinite[0]
        raise InvalidDataError(
            f"case {named(case)}, channel {channel}, time point {time} is infinite or too "
            "large for float32; replace it by NaN or rescale the data"
        )
