"""A store that others wrote, or damaged: no command follows it out of its folder, hangs or fails without a name."""

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import sqlite3
import zipfile

import numpy as np
import pytest

from tsbench.store.rows import file_name
from tsbench.store.store import Store

KEY = "a" * 64


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return a store with 60 runs of two methods."""
    from tsbench.cli import main

    path = tmp_path_factory.mktemp("sound") / "s.db"
    with pytest.raises(SystemExit) as stop:
        main(["run", "--method", "majority,noop", "--dataset", "UnitTest", "--seeds", "30", "--store", str(path)])
    assert stop.value.code == 0
    return path


@pytest.fixture
def theirs(sound, tmp_path):
    """Give a function that copies the store and does something to it, past all its rules."""

    def make(*statements):
        shutil.copy(sound, tmp_path / "theirs.db")
        with contextlib.closing(sqlite3.connect(tmp_path / "theirs.db")) as connection:
            for statement in statements:
                connection.execute(*([statement] if isinstance(statement, str) else statement))
            connection.commit()
        return tmp_path / "theirs.db"

    return make


@pytest.fixture(autouse=True)
def said(monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "tsbench.store")
    return caplog


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def bomb():
    """Headers that speak of 2 TB in a few hundred bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("cases", "y_true", "y_pred", "scores", "classes"):
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                header, {"descr": "<i4", "fortran_order": False, "shape": (500_000_000_000,)}
            )
            archive.writestr(f"{name}.npy", header.getvalue())
    return buffer.getvalue()


def many_zeros():
    """A gigabyte and more of zeros in a megabyte, as its sizes say."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("cases", "y_true", "y_pred", "classes"):
            archive.writestr(f"{name}.npy", b"")
        archive.writestr("scores.npy", b"")
    content = bytearray(buffer.getvalue())
    place = content.rfind(b"PK\x01\x02")  # the last entry of the directory: its size once unpacked
    content[place + 24 : place + 28] = (2**31).to_bytes(4, "little")
    return bytes(content)


OBJECTS = np.array([{"a": 1}], dtype=object)
INTS, FLOATS = np.zeros(3, np.int32), np.zeros((3, 2), np.float32)
PREDICTIONS = {
    "rubbish": b"not a zip",
    "nothing": b"",
    "a text": "text",
    "a bomb": bomb(),
    "a large one": many_zeros(),
    "other arrays": npz(x=INTS),
    "objects": npz(cases=OBJECTS, y_true=INTS, y_pred=INTS, scores=FLOATS, classes=np.array(["a", "b"])),
    "other shapes": npz(cases=INTS, y_true=INTS, y_pred=INTS[:2], scores=FLOATS, classes=np.array(["a", "b"])),
    "other classes": npz(cases=INTS, y_true=INTS, y_pred=INTS, scores=FLOATS, classes=np.array(["a"])),
    "no classes": npz(cases=INTS, y_true=INTS, y_pred=INTS, scores=FLOATS[:, :0], classes=np.array([], dtype="U1")),
}
DEEP = "[" * 100_000
# (table, column, value): no value of the column's kind.
VALUES = [
    *(("runs", "spec", value) for value in ("[]", "3", "null", "{", DEEP, '"x"', "{}")),
    *(("runs", "versions", value) for value in ("x", "[]", '{"probe:x": "y"}', DEEP, 7, b"\x00")),
    *(("runs", column, b"\x01\x02") for column in ("label", "dataset", "status", "fingerprint", "normalisation")),
    *(("runs", column, "x") for column in ("fold", "seed", "method_version")),
    *(("attempts", "facts", value) for value in ("[]", '{"n_train": []}', "x", "null")),
    *(("attempts", "durations", value) for value in ("[]", '{"fit": "x"}', "{")),
    *(("attempts", "curve", value) for value in ('"text"', "[[1]]", "[1, 2]", '[["a", "b"]]', '{"a": [1]}')),
    *(("attempts", "warnings", value) for value in ("{}", "[3]")),
    *(("attempts", column, value) for column in ("started", "finished") for value in ("x", 1e300, -1.0)),
    ("attempts", "peak_memory_bytes", "x"),
    ("attempts", "pretrain_key", "../../x"),
    ("metrics", "value", "x"),
    ("metrics", "name", b"\x01"),
]
SPECS = [
    ("params", "x"),
    ("params", {"lr": float("nan")}),
    ("overrides", None),
    ("overrides", {"tuned": [1]}),
    ("versions", "x"),
    ("protocol", []),
    ("protocol", {"name": 3}),
    ("sources", [1]),
    ("sources", [{"dataset": "a", "fingerprint": "b", "dataset_ref": "c"}]),
    ("method", 3),
    ("dataset_ref", ["--plugin", "x.py"]),
    ("threads", "x"),
    ("seed", {}),
]
COMMANDS = [
    ("results",),
    ("results", "--out", "r.csv"),
    ("store", "export", "--out", "r.parquet"),
    ("store", "export", "--out", "r.jsonl"),
    ("leaderboard", "UnitTest", "--protocol", "linear"),
    ("status",),
    ("store", "info"),
    ("store", "prune", "--checkpoints", "all", "--attempts", "superseded"),
    ("store", "prune", "--checkpoints", "damaged"),
]


def walk(tsbench, path, count):
    """Call every command that reads a store; each ends with a code of its own, also on each of the first runs."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM runs ORDER BY key LIMIT ?", (count,))]
    commands = [*COMMANDS, *(("show", "run", key[:16]) for key in keys), ("store", "check")]
    outcomes = {}
    for command in [*commands, ("store", "merge", str(path), "--store", "mine.db")]:
        store = () if "merge" in command else ("--store", str(path))
        code, out, err = tsbench(*command, *store)
        assert code in (0, 1, 2), command
        assert "This should not happen" not in err and "Traceback" not in out + err, (command, err)
        outcomes[command[:2]] = (code, out, err)
    return outcomes


def put(table, column, value, number):
    """Return the statement that puts a value into what belongs to a run, by its number."""
    run = f"(SELECT key FROM runs ORDER BY key LIMIT 1 OFFSET {number})"
    only = "AND name = 'accuracy'" if table == "metrics" else ""
    return f"UPDATE {table} SET {column} = ? WHERE key = {run} {only}", (value,)


def check_costs(tsbench, path, count, said, tmp_path):
    """Check that so many of the 60 runs cannot be used, are named, and do no harm to the others."""
    outcomes = walk(tsbench, path, count)
    code, out, _ = outcomes["store", "check"]
    assert code == 1 and out.count("remedy") == count
    _, out, err = outcomes["store", "merge"]
    assert f"{60 - count} runs" in out and err.count("cannot be used") == count
    with contextlib.closing(Store(str(tmp_path / "mine.db"))) as mine:
        assert len(mine.results()) == 60 - count
    code, out, _ = tsbench("store", "check", "--store", "mine.db")
    assert code == 0, out
    return outcomes


def test_a_value_of_another_kind_costs_one_run_and_is_named(tsbench, theirs, said, tmp_path):
    path = theirs(*(put(*one, number) for number, one in enumerate(VALUES)))
    check_costs(tsbench, path, len(VALUES), said, tmp_path)
    assert any("runs of theirs.db" in record.getMessage().replace(f"{tmp_path}/", "") for record in said.records)


def test_a_specification_that_cannot_be_used_costs_one_run(tsbench, theirs, sound, said, tmp_path):
    with contextlib.closing(sqlite3.connect(sound)) as connection:
        spec = json.loads(connection.execute("SELECT spec FROM runs").fetchone()[0])
    specs = [json.dumps({**spec, name: value}) for name, value in SPECS]
    path = theirs(*(put("runs", "spec", text, number) for number, text in enumerate(specs)))
    check_costs(tsbench, path, len(SPECS), said, tmp_path)


def test_predictions_that_are_none_are_never_unpacked(tsbench, theirs, said, tmp_path):
    path = theirs(*(put("predictions", "content", one, number) for number, one in enumerate(PREDICTIONS.values())))
    check_costs(tsbench, path, len(PREDICTIONS), said, tmp_path)


@pytest.mark.parametrize("value", ["[]", "x"])
def test_an_environment_that_is_none_costs_the_runs_that_have_it(tsbench, theirs, value):
    outcomes = walk(tsbench, theirs(("UPDATE environments SET content = ?", (value,))), 1)
    assert "content of its row in environments cannot be read" in outcomes["store", "check"][1]
    assert " 0 runs" in outcomes["store", "merge"][1]


def test_a_metric_that_is_called_as_a_column_replaces_none(tsbench, theirs):
    names = ["facts", "key", "spec", "label"]
    path = theirs(*(put("metrics", "name", name, number) for number, name in enumerate(names)))
    assert walk(tsbench, path, len(names))["results", "--out"][0] == 0


@pytest.mark.parametrize("table", ["runs", "attempts", "checkpoints"])
def test_a_view_that_never_ends_is_no_table(tsbench, theirs, table):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS key FROM n"
    path = theirs("PRAGMA foreign_keys = OFF", f"DROP TABLE {table}", f"CREATE VIEW {table} AS {endless}")
    code, _, err = tsbench("store", "merge", path, "--store", "mine.db")
    assert code == 1 and f"lacks the table {table}" in err


ENDLESS = "AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"


@pytest.mark.parametrize(
    ("what", "statement"),
    [
        ("computed column environments.more", "ALTER TABLE environments ADD COLUMN more AS (zeroblob(900000000))"),
        ("trigger endless", "CREATE TRIGGER endless AFTER UPDATE ON claims BEGIN DELETE FROM runs; END"),
        ("view studies", f"CREATE VIEW studies {ENDLESS} SELECT x AS study_name FROM n"),
        ("view trials", f"CREATE VIEW trials {ENDLESS} SELECT x AS trial_id FROM n"),
    ],
)
def test_nothing_of_a_store_is_computed(tsbench, theirs, what, statement):
    for path in (theirs(statement), theirs(statement, "UPDATE tsbench_schema SET version = 3")):
        for command in (("store", "check"), ("store", "prune"), ("results",)):
            code, _, err = tsbench(*command, "--store", path)
            assert code == 1 and f"has the {what}, which no store has" in err
        code, _, err = tsbench("store", "merge", path, "--store", "mine.db")
        assert code == 1 and f"has the {what}, which no store has" in err


def test_a_view_of_the_users_own_is_left_alone(tsbench, theirs):
    assert tsbench("store", "check", "--store", theirs("CREATE VIEW best AS SELECT * FROM metrics"))[0] == 0


def test_an_earlier_schema_is_brought_up_to_date_without_following_what_is_none(tsbench, theirs, monkeypatch):
    old = [f"ALTER TABLE runs DROP COLUMN {name}" for name in ("split", "configuration", "exposure")]
    old.append("UPDATE tsbench_schema SET version = 3")
    endless = f"CREATE VIEW predictions {ENDLESS} SELECT printf('%064d', x) AS key, x'00' AS content FROM n"
    code, _, err = tsbench("store", "check", "--store", theirs(*old, "DROP TABLE predictions", endless))
    assert code == 1 and "lacks the table predictions (a view is none)" in err
    huge = npz(cases=np.zeros(10**6, np.int8), y_true=[0], y_pred=[0], scores=[[1.0]], classes=["a"])
    path = theirs(*old, ("UPDATE predictions SET content = ?", (huge,)))
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("was unpacked"))
    assert tsbench("store", "info", "--store", path)[0] == 0


def test_an_owner_leads_to_no_log_elsewhere(tsbench, theirs, tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    claim = "INSERT INTO claims VALUES (?, ?, 1e11, 1e11)"
    path = theirs((claim, (KEY, f"{'../' * 30}{tmp_path}/pipe")), (claim, ("b" * 64, b"\x01")))
    code, out, _ = tsbench("status", "--store", path)
    assert code == 0 and "running   1" in out


NAMES = [
    "./../../registry.yaml",
    "../../registry.yaml",
    "/etc/hostname",
    "/dev/zero",
    "",
    ".",
    "..",
    "a\0b",
    "registry.yaml",
    f"x/{KEY}.safetensors",
]


def test_a_checkpoint_is_called_by_its_key_or_left_where_it_is(tsbench, theirs, tmp_path):
    own = tmp_path / "registry.yaml"
    own.write_text("protocols: {}\n")
    sha256 = hashlib.sha256(own.read_bytes()).hexdigest()
    keys = [*(f"{number:064x}" for number in range(len(NAMES))), "../../x", ""]
    rows = zip(keys, [*NAMES, "../../x.safetensors", ".safetensors"], strict=True)
    path = theirs(*(("INSERT INTO checkpoints VALUES (?, ?, ?, 1.0)", (*row, sha256)) for row in rows))
    before = own.stat()
    outcomes = {}
    for command in (("merge", str(path), "--store", "mine.db"), ("check",), ("prune", "--checkpoints", "all")):
        store = () if "merge" in command else ("--store", str(path))
        outcomes[command[0]] = tsbench("store", *command, *store)
    after = own.stat()
    assert (after.st_ino, after.st_mtime_ns, own.read_text()) == (before.st_ino, before.st_mtime_ns, "protocols: {}\n")
    assert outcomes["merge"][0] == 0 and outcomes["merge"][2].count("its row cannot be used") == len(keys)
    assert outcomes["check"][0] == 1 and outcomes["check"][1].count("names no file of a checkpoint") == len(keys)
    assert outcomes["prune"][0] == 0 and "removed: 0 checkpoint files" in outcomes["prune"][1]
    assert not list(tmp_path.glob("tsbench-artifacts/mine.db/checkpoints/*"))
    assert tsbench("store", "check", "--store", path)[0] == 0


def fifo(file):
    os.mkfifo(file)


def link_to_zeros(file):
    file.symlink_to("/dev/zero")


def link_out(file):
    (file.parents[1] / "secret").write_bytes(b"weights")
    file.symlink_to(file.parents[1] / "secret")


def link_to_itself(file):
    file.symlink_to(file)


def folder(file):
    file.mkdir()


@pytest.mark.parametrize("make", [fifo, link_to_zeros, link_out, link_to_itself, folder])
def test_only_a_regular_file_of_the_folder_is_read(tsbench, theirs, tmp_path, make):
    sha256 = hashlib.sha256(b"weights").hexdigest()
    path = theirs(("INSERT INTO checkpoints VALUES (?, ?, ?, 1.0)", (KEY, file_name(KEY), sha256)))
    place = tmp_path / "theirs.db-artifacts" / "checkpoints"
    place.mkdir(parents=True)
    make(place / file_name(KEY))
    code, _, err = tsbench("store", "merge", path, "--store", "mine.db")
    assert code == 0 and "is missing or damaged in" in err
    assert not list(tmp_path.glob("tsbench-artifacts/mine.db/checkpoints/*"))
    code, out, _ = tsbench("store", "check", "--store", path)
    assert code == 1 and f"checkpoint {file_name(KEY)} is not in" in out
    assert tsbench("store", "prune", "--checkpoints", "damaged", "--store", path)[0] == 0
    assert tsbench("store", "check", "--store", path)[0] == 0


def test_a_link_within_the_folder_and_a_linked_folder_are_read(tsbench, theirs, tmp_path):
    sha256 = hashlib.sha256(b"weights").hexdigest()
    path = theirs(("INSERT INTO checkpoints VALUES (?, ?, ?, 1.0)", (KEY, file_name(KEY), sha256)))
    (tmp_path / "weights").mkdir()
    (tmp_path / "theirs.db-artifacts").mkdir()
    (tmp_path / "theirs.db-artifacts" / "checkpoints").symlink_to(tmp_path / "weights")
    (tmp_path / "weights" / "w").write_bytes(b"weights")
    (tmp_path / "weights" / file_name(KEY)).symlink_to("w")
    assert tsbench("store", "merge", path, "--store", "mine.db")[0] == 0
    assert (tmp_path / "tsbench-artifacts" / "mine.db" / "checkpoints" / file_name(KEY)).read_bytes() == b"weights"
