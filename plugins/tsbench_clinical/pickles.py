"""NumPy files of Python objects, read without running anything that they name.

`.npy` files of object arrays are pickles. Only what plain arrays, numbers, texts and containers are pickled as is
accepted, and the arrays are built here from their bytes: no function or class that a file names is ever called.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from tsbench.errors import InvalidDataError

KINDS = "biufUSO"
MAX_DEPTH = 20


def read_npy(content: bytes, where: str) -> Any:
    """Return the array of a .npy file; of an object array, arrays, lists and dicts of plain values.

    Raises InvalidDataError naming `where` for a damaged file, or one that holds anything else.
    """
    file = io.BytesIO(content)
    try:
        form: Any = np.lib.format
        version = form.read_magic(file)
        read_header = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, _, dtype = read_header(file)
        if dtype.kind != "O":
            file.seek(0)
            return form.read_array(file, allow_pickle=False)
        found = _resolve(_Unpickler(file).load(), 0)
    except InvalidDataError as error:
        raise InvalidDataError(f"{where}: {error}") from error
    except Exception as error:  # pickle and numpy raise whatever damaged bytes lead to
        raise InvalidDataError(
            f"{where}: is no .npy file that can be read ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise InvalidDataError(f"{where}: what it holds is not the array of shape {shape} that its header states")
    return found


class _Dtype:
    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code
        self.order: Any = "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        text = self.code.decode("ascii") if isinstance(self.code, bytes) else self.code
        if not isinstance(text, str) or text[:1] not in KINDS or not (text[1:].isdigit() or text == "O"):
            raise InvalidDataError(f"holds values of the unknown type {text!r}")
        return (
            np.dtype(object)
            if text[0] == "O"
            else np.dtype(text).newbyteorder("<" if self.order == "|" else self.order)
        )


class _Array:
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self, depth: int) -> np.ndarray[Any, Any]:
        _, shape, kind, fortran, content = self.state
        dtype = kind.dtype()
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise InvalidDataError(f"holds an array of the impossible shape {shape}")
        if dtype.kind == "O":
            if not isinstance(content, list) or len(content) != math.prod(shape):
                raise InvalidDataError("holds an array whose size and content disagree")
            flat = np.empty(len(content), dtype=object)
            flat[:] = [_resolve(value, depth + 1) for value in content] if content else []
        else:
            data = content.encode("latin-1") if isinstance(content, str) else content
            if dtype.itemsize == 0 or len(data) != math.prod(shape) * dtype.itemsize:
                raise InvalidDataError("holds an array whose size and content disagree")
            flat = np.frombuffer(data, dtype).copy()
        return flat.reshape(shape, order="F" if fortran else "C")


class _Scalar:
    def __init__(self, kind: Any, content: Any) -> None:
        self.kind, self.content = kind, content

    def value(self) -> Any:
        data = self.content.encode("latin-1") if isinstance(self.content, str) else self.content
        return np.frombuffer(data, self.kind.dtype())[0].item()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise InvalidDataError(f"holds bytes of the unknown encoding {encoding}")
    return text.encode("latin-1")


# "numpy" and "multiarray" are named numpy.core.multiarray before NumPy 2 and numpy._core.multiarray since
_STANDS_FOR = {
    ("multiarray", "_reconstruct"): lambda *_: _Array(),
    ("multiarray", "scalar"): _Scalar,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        short = "multiarray" if module in ("numpy.core.multiarray", "numpy._core.multiarray") else module
        if (short, name) not in _STANDS_FOR:
            raise InvalidDataError(
                f"holds {module}.{name}, which is not plain data; the file is unsafe and was not read"
            )
        return _STANDS_FOR[(short, name)]

    def persistent_load(self, pid: Any) -> Any:
        raise InvalidDataError("refers to data outside of it")


def _resolve(value: Any, depth: int) -> Any:
    """Return the value with the stand-ins replaced by arrays and numbers."""
    if depth > MAX_DEPTH:
        raise InvalidDataError("is nested too deeply")
    if isinstance(value, _Array):
        return value.array(depth)
    if isinstance(value, _Scalar):
        return value.value()
    if isinstance(value, dict):
        return {_resolve(key, depth + 1): _resolve(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(item, depth + 1) for item in value]
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    raise InvalidDataError(f"holds a {type(value).__name__}, which is not plain data")
