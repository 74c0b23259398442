import importlib
import importlib.util

import pytest

from tsbench.discovery.moved import MOVED, described


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_what_has_moved_is_where_it_is_said_to_be(old, new):
    assert importlib.util.find_spec(old) is None
    assert importlib.util.find_spec(new) is not None


def test_only_what_has_moved_has_a_new_place():
    assert described(ModuleNotFoundError("No module named 'x'", name="x")) == "ModuleNotFoundError: No module named 'x'"
    assert described(ValueError("no")) == "ValueError: no"
    assert described(ModuleNotFoundError("gone", name="tsbench.panel")).endswith("; import from tsbench.data.panel now")
