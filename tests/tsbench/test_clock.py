import importlib
import sys
from types import SimpleNamespace

import numba
import pytest

from tsbench import clock


@pytest.fixture
def hands(monkeypatch):
    """Let a test, and what it imports, move the clock on: `import hands; hands.move(100)`."""
    hands = SimpleNamespace(seconds=1000.0)
    hands.move = lambda seconds: setattr(hands, "seconds", hands.seconds + seconds)
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: hands.seconds))
    monkeypatch.setitem(sys.modules, "hands", hands)
    return hands


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """`outer` takes 100 seconds and imports `inner`, which takes 10."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "outer.py").write_text("import hands, inner\nhands.move(100)\n")
    (tmp_path / "inner.py").write_text("import hands\nhands.move(10)\n")
    importlib.invalidate_caches()
    yield
    for name in ("outer", "inner"):
        sys.modules.pop(name, None)


def test_the_clock_of_work_stands_still_while_modules_are_imported(hands, modules):
    notes = []
    with clock.watching(lambda *note: notes.append(note)):
        before = clock.work_seconds()
        importlib.import_module("outer")
        hands.move(3)
        import outer  # noqa: F401 - there already

        assert clock.work_seconds() - before == pytest.approx(3)
    assert notes == [("importing", 0.0), ("", 110.0)]
    sys.modules.pop("outer")
    importlib.import_module("outer")
    assert clock.work_seconds() - before == pytest.approx(103)
    assert len(notes) == 2


def test_an_import_that_fails_ends_as_well(hands):
    notes = []
    with clock.watching(lambda *note: notes.append(note)), pytest.raises(ImportError):
        importlib.import_module("no_such_module")
    assert [doing for doing, _ in notes] == ["importing", ""]


def test_what_numba_compiles_is_counted_apart_with_all_it_compiles_within(hands):
    @numba.njit
    def within(x):
        return x + 1

    @numba.njit
    def function(x):
        return within(x) * 2

    notes = []

    def note(doing, seconds):
        notes.append(doing)
        hands.move(50 if doing == "compiling" else 0)

    with clock.watching(note):
        work, compiled = clock.work_seconds(), clock.compile_seconds()
        assert function(1) == function(2) - 2 == 4
    assert clock.work_seconds() == pytest.approx(work)
    assert notes == ["compiling", ""] and clock.compile_seconds() - compiled == 50
