"""What the functions of encoders and transforms are given: a Series where they declare it, else bare values.

Callers pass either. What was written for version 0.1 declares nothing, and so gets a tensor, as it did.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Literal

from torch import Tensor

from tsbench.data.series import Series, values

Takes = Literal["tensor", "series"]


def declare(cls: type[Any], functions: Iterable[str]) -> None:
    """Have the functions (self, x, ...) that a class itself writes given what it declares that they take."""
    written = [name for name in functions if callable(vars(cls).get(name))]
    if written and "takes" not in vars(cls):  # what it inherits is declared by the class that wrote it
        cls.takes = "tensor"
    for name in written:
        setattr(cls, name, _given(vars(cls)[name], cls.takes))


def _given(function: Callable[..., Any], takes: Takes) -> Callable[..., Any]:
    if takes == "tensor":

        @functools.wraps(function)
        def on_values(self: Any, *args: Any, **kwargs: Any) -> Any:
            return function(self, *map(values, args), **{name: values(value) for name, value in kwargs.items()})

        return on_values

    if function.__name__ in ("forward", "forward_sequence"):

        @functools.wraps(function)
        def on_cases(self: Any, x: Tensor | Series, lengths: Tensor | None = None) -> Any:
            return function(self, Series.of(x, lengths))

        return on_cases

    @functools.wraps(function)
    def on_series(self: Any, x: Tensor | Series, *args: Any, **kwargs: Any) -> Any:
        found = function(self, Series.of(x), *args, **kwargs)
        return found if isinstance(x, Series) else values(found)

    return on_series
