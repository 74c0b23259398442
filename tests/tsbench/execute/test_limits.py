import signal

import pytest

from tsbench.errors import UsageError
from tsbench.execute.limits import Limits, check_memory, ending, in_words, parse_limits, parse_size
from tsbench.execute.where import Where


@pytest.mark.parametrize(
    ("text", "size"), [("512M", 512 * 2**20), ("1.5GiB", 3 * 2**29), ("4g", 2**32), ("2 KB", 2048), ("100", 100)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "4X", "G", "nan", "1e9"])
def test_nonsense_sizes_are_refused(text):
    with pytest.raises(UsageError, match="--memory-limit"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "memory", "message"),
    [
        (0, None, "above 0"),
        (float("nan"), None, "above 0"),
        (float("inf"), None, "above 0"),
        (1, "much", "give a size above 0"),
    ],
)
def test_limits_that_are_none_are_refused(seconds, memory, message):
    with pytest.raises(UsageError, match=message):
        parse_limits(seconds, memory)


def test_limits():
    assert not parse_limits(None, None)
    assert parse_limits(5, "1M") == Limits(5, 2**20)


def test_memory_that_a_machine_does_not_have_is_refused():
    check_memory(Limits(5, 2**20))
    check_memory(Limits(5))
    with pytest.raises(UsageError, match=r"--memory-limit: node n has .* in all, 1048576\.0 GiB were asked for"):
        check_memory(Limits(None, 2**50), "node n")


def test_a_cluster_may_have_more_memory_than_the_driver():
    assert Where(executor="ray", memory_limit="9999T").check().memory == 9999 * 2**40
    with pytest.raises(UsageError, match="this machine has"):
        Where(memory_limit="9999T").check()


def test_how_a_process_ended():
    assert ending(-signal.SIGSEGV) == "was ended by SIGSEGV"
    assert ending(-signal.SIGRTMIN - 1) == f"was ended by signal {signal.SIGRTMIN + 1}"
    assert ending(3) == "left with exit code 3"
    assert "without" in ending(None)


def test_sizes_in_words():
    assert [in_words(size) for size in (5, 2**11, 3 * 2**19, 2**31)] == ["5 bytes", "2.0 KiB", "1.5 MiB", "2.0 GiB"]
