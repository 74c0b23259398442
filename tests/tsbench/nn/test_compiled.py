"""Functions compiled for the CPU."""

import pytest

from tsbench.nn.compiled import compiled


def test_a_function_that_cannot_be_kept_on_disk_is_compiled_all_the_same():
    names = {}
    exec("def twice(x):\n    return 2 * x", names)  # in no file, so that numba has no place for it
    with pytest.raises(RuntimeError, match="cannot cache"):
        __import__("numba").njit(cache=True)(names["twice"])
    assert compiled(names["twice"])(3) == 6
