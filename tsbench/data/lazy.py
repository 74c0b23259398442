"""LazyTensor: values of streamed cases as methods see them, a tensor that is read by case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from tsbench.data.stream import REMEDY
from tsbench.errors import MethodError

Read = Callable[[Tensor | slice], Tensor]
aten = torch.ops.aten


class LazyTensor(Tensor):
    """A tensor (n_cases, ...) without values, of which cases are read: `x[3]`, `x[2:5]`, `x[index]`, `x[index, 0]`.

    Shape, type and device are known. Whatever else needs its values needs all cases, and is refused (MethodError).
    """

    read: Read
    source: str

    @staticmethod
    def __new__(
        cls, read: Read, shape: Sequence[int], dtype: torch.dtype, device: torch.device | str, source: str
    ) -> LazyTensor:
        """Make one; read : gives the cases of an index or a slice. source : the file, for errors."""
        size = torch.Size(shape)
        made: LazyTensor = Tensor._make_wrapper_subclass(cls, size, dtype=dtype, device=torch.device(device))
        made.read, made.source = read, source
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Read the cases that an indexing operation asks for; refuse any other operation."""
        lazy, *rest = args if args and isinstance(args[0], LazyTensor) else (None,)
        if lazy is not None and not any(isinstance(one, LazyTensor) for one in rest):
            if func is aten.detach.default or func is aten.alias.default:
                return LazyTensor(lazy.read, lazy.shape, lazy.dtype, lazy.device, lazy.source)  # torch wants another
            if func is aten.select.int and rest[0] == 0:
                case = rest[1] + len(lazy) * (rest[1] < 0)
                return lazy.read(slice(case, case + 1))[0]
            if func is aten.slice.Tensor and (not rest or rest[0] == 0):
                return lazy.read(slice(*rest[1:]))
            if func is aten.index_select.default and rest[0] == 0:
                return lazy.read(rest[1])
            if func is aten.index.Tensor and rest[0][0] is not None and rest[0][0].dtype == torch.int64:
                cases, places = rest[0][0].unique(return_inverse=True)
                return aten.index.Tensor(lazy.read(cases), [places, *rest[0][1:]])
        source = next(one.source for one in tree_leaves((args, kwargs)) if isinstance(one, LazyTensor))
        raise MethodError(f"all cases at once are needed here ({func}), but they are streamed from {source}; {REMEDY}")
