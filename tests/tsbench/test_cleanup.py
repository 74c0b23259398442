import pytest

from tsbench.cleanup import afterwards


def fail():
    raise OSError("cleaning up failed")


def test_what_went_wrong_first_is_told():
    with pytest.raises(KeyError, match="first"), afterwards(fail):
        raise KeyError("first")
    with pytest.raises(KeyboardInterrupt), afterwards(fail):
        raise KeyboardInterrupt


def test_a_clean_up_that_fails_alone_is_told_and_each_is_done_once():
    with pytest.raises(OSError, match="cleaning up failed"), afterwards(fail):
        pass
    done = []
    with afterwards(lambda: done.append("outer")), afterwards(lambda: done.append("inner")):
        assert done == []
    assert done == ["inner", "outer"]
