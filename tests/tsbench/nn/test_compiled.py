"""Functions compiled for the CPU."""

import os
import subprocess
import sys

import pytest

from tsbench.nn.compiled import compiled


def test_a_function_that_cannot_be_kept_on_disk_is_compiled_all_the_same():
    names = {}
    exec("def twice(x):\n    return 2 * x", names)  # in no file, so that numba has no place for it
    with pytest.raises(RuntimeError, match="cannot cache"):
        __import__("numba").njit(cache=True)(names["twice"])
    assert compiled(names["twice"])(3) == 6


def test_importing_nets_neither_imports_nor_runs_the_compiler():
    code = "import sys, tsbench.nn, tsbench.nn.recurrence; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
