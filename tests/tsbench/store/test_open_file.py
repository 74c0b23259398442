"""A store whose file is taken away, or replaced, while a driver has it open."""

import contextlib
import shlex
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.tsbench.execute.test_driver import Silent, Slots
from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.errors import StoreError
from tsbench.execute.driver import choose, execute
from tsbench.execute.executors.inline import Inline
from tsbench.execute.rescue import Rescue
from tsbench.plan.request import Plan
from tsbench.store.merge import merge
from tsbench.store.rows import file_name
from tsbench.store.schema import checkpoints
from tsbench.store.store import Store


def copy_of(file, target):
    """Copy a store as a backup does, whole and without a log."""
    with contextlib.closing(sqlite3.connect(file)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.backup(other)


def remove():
    for file in Path().glob("s.db*"):
        file.unlink() if file.is_file() else None


def remove_file_alone():
    Path("s.db").unlink()


def remove_log():
    Path("s.db-wal").unlink()


def remove_index_of_log():
    Path("s.db-shm").unlink()


def move():
    Path("o").mkdir()
    for file in Path().glob("s.db*"):
        file.rename(Path("o") / file.name)


def replace_by_copy():
    copy_of("s.db", "copy.db")
    Path("copy.db").replace("s.db")


def replace_by_older():
    Path("older.db").replace("s.db")


def restore_in_place():
    """Write the older content into the same file, as `cp` does, with no log left."""
    Path("s.db-wal").write_bytes(b"")
    Path("s.db").write_bytes(Path("older.db").read_bytes())


def truncate():
    Path("s.db-wal").write_bytes(b"")
    Path("s.db").write_bytes(b"")


def garbage():
    Path("s.db-wal").write_bytes(b"")
    Path("s.db").write_bytes(b"not a database" * 10_000)


def point_elsewhere():
    Path("real.db").rename("was.db")
    shutil.copy("older.db", "real.db")


def restore_through_sqlite():
    """Put the older content in by SQLite's own means: same file, a log, nothing damaged."""
    copy_of("older.db", "s.db")


AWAY = [
    remove,
    remove_file_alone,
    remove_log,
    remove_index_of_log,
    move,
    replace_by_copy,
    replace_by_older,
    restore_in_place,
    truncate,
    garbage,
    point_elsewhere,
    restore_through_sqlite,
]


@pytest.fixture
def opened(tmp_path, monkeypatch, request):
    """Give a store in use and an older copy of it."""
    monkeypatch.chdir(tmp_path)
    if request.param is point_elsewhere:
        Path("s.db").symlink_to("real.db")
    store = Store("s.db")
    copy_of("s.db", "older.db")
    yield store
    store.close()


def found(folder):
    """Return the seeds of all results in the store and in rescued files of a folder."""
    seeds = set()
    for file in [*folder.glob("s.db"), *folder.glob("tsbench-rescued-*.db")]:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file)) as connection:
            seeds |= {seed for (seed,) in connection.execute("SELECT seed FROM runs WHERE status = 'succeeded'")}
    return seeds


class Worker:
    """Does something before the result of a seed is given back."""

    def __init__(self, seed, action):
        self.seed, self.action = seed, action

    def run(self, spec):
        if spec.seed == self.seed:
            self.action()
        return make_result(spec, finished=2.0)


@pytest.mark.parametrize(("opened", "away"), [(away, away) for away in AWAY], indirect=["opened"])
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_nothing_that_a_driver_did_is_lost_with_the_file(opened, away, seed, tmp_path):
    todo, outcome = choose(Plan([make_spec(n) for n in range(5)]), opened, retry=False, force=False)
    try:
        execute(todo, outcome, Inline(Worker(seed, away)), opened, Silent())
    except StoreError as error:
        assert found(tmp_path) >= set(range(seed + 1)), str(error)
        words = shlex.split(str(error).partition("by: ")[2])
        with (
            contextlib.closing(Store("new.db")) as new,
            contextlib.closing(Store(words[3], must_exist=True)) as rescued,
        ):
            merge(new, rescued)
            assert words[:3] == ["tsbench", "store", "merge"] and len(new.results()) == seed + 1
    else:  # nothing of this driver's was lost
        opened.close()
        assert found(tmp_path) == set(range(5))
        with contextlib.closing(sqlite3.connect("s.db")) as again:
            assert again.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(("opened", "away"), [(away, away) for away in AWAY], indirect=["opened"])
def test_a_file_that_goes_when_all_is_done_is_noticed_at_the_end(opened, away, tmp_path):
    class Last(Silent):
        def finished(self, result):
            if result.spec.seed == 2:
                away()

    todo, outcome = choose(Plan([make_spec(n) for n in range(3)]), opened, retry=False, force=False)
    with pytest.raises(StoreError, match="3 results, all that this driver had recorded, are kept in"):
        execute(todo, outcome, Inline(Worker(-1, None)), opened, Last())
    assert found(tmp_path) == {0, 1, 2}


@pytest.mark.parametrize("opened", [remove], indirect=True)
def test_no_new_file_is_made_in_place_of_one_that_is_gone(opened, tmp_path):
    opened.record(make_result(), ENVIRONMENT)
    remove()
    for act in (
        lambda: opened.claim(make_spec(1).key, "me"),
        lambda: opened.heartbeat("me"),
        lambda: opened.record(make_result(make_spec(1)), ENVIRONMENT),
        lambda: opened.results(),
    ):
        with pytest.raises(
            StoreError, match="s.db was removed, moved or replaced while it was in use: there is no s.d"
        ):
            act()
        opened.engine.dispose()
    assert [file.name for file in tmp_path.iterdir()] == ["older.db"]


@pytest.mark.parametrize("opened", [move], indirect=True)
def test_a_working_folder_that_is_moved_takes_its_store_along(opened, tmp_path):
    opened.record(make_result(), ENVIRONMENT)
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    opened.record(make_result(make_spec(1)), ENVIRONMENT)
    opened.engine.dispose()
    opened.verify()
    assert len(opened.results()) == 2
    moved.rename(tmp_path)


@pytest.mark.parametrize("opened", [move], indirect=True)
def test_other_processes_may_open_close_and_prune_meanwhile(opened):
    opened.record(make_result(), ENVIRONMENT)
    for number in range(3):
        with contextlib.closing(Store("s.db")) as other:
            other.record(make_result(make_spec(number), finished=3.0), ENVIRONMENT)
            other.write(lambda connection: connection.exec_driver_sql("PRAGMA optimize"))
        with contextlib.closing(sqlite3.connect("s.db")) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        opened.verify()
        assert opened.record(make_result(make_spec(number), finished=4.0 + number), ENVIRONMENT)


@pytest.mark.parametrize("opened", [remove], indirect=True)
def test_what_ended_the_driver_is_told_with_what_became_of_its_results(opened, tmp_path):
    class Breaks(Slots):
        def wait(self, step, note=None):
            if len(opened.results()) == 2:
                remove()
                raise StoreError("the cluster is gone")
            return super().wait(step)

    todo, outcome = choose(Plan([make_spec(n) for n in range(4)]), opened, retry=False, force=False)
    with pytest.raises(StoreError, match="^the cluster is gone; store s.db was removed.*2 results, all that this"):
        execute(todo, outcome, Breaks(), opened, Silent())
    assert len(found(tmp_path)) == 2


def test_a_rescued_file_that_is_taken_away_too_is_written_anew_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    rescue = Rescue("me")
    rescue.note(make_result(make_spec(0)), ENVIRONMENT)
    rescue.keep()
    assert rescue.file is None  # nothing is wrong yet
    rescue.begin(lost=False)
    rescue.note(make_result(make_spec(1)), ENVIRONMENT)
    rescue.keep()
    assert rescue.file == tmp_path / "work" / "tsbench-rescued-me.db" and rescue.count == 1
    rescue.file.unlink()
    rescue.note(make_result(make_spec(2)), ENVIRONMENT)
    rescue.keep()
    rescue.close()
    assert rescue.file == tmp_path / "temporary" / "tsbench-rescued-me.db" and rescue.count == 2
    assert found(tmp_path / "temporary") == {1, 2}


def test_a_copy_that_no_file_takes_is_kept_in_memory(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    rescue = Rescue("me")
    rescue.note(make_result(make_spec(0)), ENVIRONMENT)
    rescue.begin(lost=True)
    rescue.keep()
    rescue.close()
    assert found(tmp_path) == {0}


@pytest.mark.parametrize("opened", [remove], indirect=True)
@pytest.mark.parametrize("pruned", [False, True])
def test_checkpoints_that_went_with_their_folder_are_told(opened, pruned):
    key = "a" * 64
    weights = Path("tsbench-artifacts/s.db/checkpoints") / file_name(key)

    class Trains(Worker):
        def run(self, spec):
            weights.parent.mkdir(parents=True, exist_ok=True)
            weights.touch()
            return make_result(spec, checkpoint=(key, weights.name, "0" * 64))

    class Last(Silent):
        def finished(self, result):
            weights.unlink()
            if pruned:
                remove_all = checkpoints.delete()
                opened.write(lambda connection: connection.execute(remove_all))

    todo, outcome = choose(Plan([make_spec(0)]), opened, retry=False, force=False)
    told = (
        contextlib.nullcontext()
        if pruned
        else pytest.raises(StoreError, match="^1 checkpoints .* are not in tsbench-artifacts")
    )
    with told:
        execute(todo, outcome, Inline(Trains(-1, None)), opened, Last())
    assert len(opened.results()) == 1
