"""What may be read: what is free, and what --memory-limit allows."""

import pytest

from tsbench import memory
from tsbench.errors import InvalidDataError


@pytest.fixture
def room(monkeypatch):
    def set_to(free, limit):
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: type("Memory", (), {"available": free}))
        monkeypatch.setattr(memory, "_limit", None)
        memory.limit_reading(limit)

    return set_to


@pytest.mark.parametrize(
    ("free", "limit", "message"),
    [
        (2 << 30, None, r"^takes 3\.0 GiB of memory to read, more than the 2\.0 GiB that are free"),
        (8 << 30, 1 << 30, r"more than the 1\.0 GiB of --memory-limit; use a machine"),
        (5 << 20, 1 << 30, r"more than the 5\.0 MiB that are free"),
    ],
)
def test_what_does_not_fit_is_refused(room, free, limit, message):
    room(free, limit)
    with pytest.raises(InvalidDataError, match=message):
        memory.check_room(3 << 30)
    memory.check_room(min(free, limit or free))


def test_a_limit_ends_with_its_command(room):
    room(8 << 30, 1 << 30)
    memory.limit_reading(None)
    memory.check_room(2 << 30)
