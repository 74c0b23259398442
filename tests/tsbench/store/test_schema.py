import json
import re
import sqlite3

import numpy as np
import pytest
import sqlalchemy as sa

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.data.splits import test_text as text_of_test
from tsbench.errors import StoreError
from tsbench.plan.spec import Source
from tsbench.store import database, schema
from tsbench.store.database import parse_url
from tsbench.store.packing import pack
from tsbench.tasks.score import Predictions

# What tsbench wrote when the schema was 1.
SCHEMA_1 = """
CREATE TABLE tsbench_schema (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE environments (id VARCHAR(64) NOT NULL, content JSON NOT NULL, PRIMARY KEY (id));
CREATE TABLE runs (key VARCHAR(64) NOT NULL, label VARCHAR NOT NULL, method VARCHAR NOT NULL,
 method_version INTEGER NOT NULL, dataset VARCHAR NOT NULL, protocol VARCHAR NOT NULL,
 protocol_hash VARCHAR(64) NOT NULL, fold INTEGER NOT NULL, seed INTEGER NOT NULL, status VARCHAR NOT NULL,
 spec JSON NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (key));
CREATE INDEX ix_runs_label ON runs (label);
CREATE INDEX ix_runs_dataset ON runs (dataset);
CREATE INDEX ix_runs_protocol_hash ON runs (protocol_hash);
CREATE INDEX ix_runs_status ON runs (status);
CREATE TABLE attempts (id INTEGER NOT NULL, key VARCHAR(64) NOT NULL, status VARCHAR NOT NULL, started FLOAT NOT NULL,
 finished FLOAT NOT NULL, durations JSON NOT NULL, facts JSON NOT NULL, curve JSON NOT NULL, warnings JSON NOT NULL,
 peak_memory_bytes BIGINT NOT NULL, device VARCHAR NOT NULL, error TEXT NOT NULL, traceback TEXT NOT NULL,
 environment VARCHAR(64) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(key) REFERENCES runs (key),
 FOREIGN KEY(environment) REFERENCES environments (id));
CREATE INDEX ix_attempts_key ON attempts (key);
CREATE TABLE metrics (key VARCHAR(64) NOT NULL, name VARCHAR NOT NULL, value FLOAT, PRIMARY KEY (key, name),
 FOREIGN KEY(key) REFERENCES runs (key));
CREATE TABLE predictions (key VARCHAR(64) NOT NULL, content BLOB NOT NULL, PRIMARY KEY (key),
 FOREIGN KEY(key) REFERENCES runs (key));
CREATE TABLE checkpoints (pretrain_key VARCHAR(64) NOT NULL, path VARCHAR NOT NULL, sha256 VARCHAR(64) NOT NULL,
 created FLOAT NOT NULL, PRIMARY KEY (pretrain_key));
INSERT INTO tsbench_schema VALUES (1);
INSERT INTO environments VALUES ('e', '{"python": "3"}');
INSERT INTO runs VALUES ('k1', 'm', 'm', 1, 'D', 'p', 'h', 0, 0, 'succeeded',
 '{"normalisation": "channel", "fingerprint": "abc", "params": {}, "versions": {"probe:knn": 3, "encoder:gru": 1}}', 1);
INSERT INTO attempts VALUES (1, 'k1', 'succeeded', 1.0, 2.0, '{"fit": 1.0}', '{}', '[]', '[]', 0, 'cpu', '', '', 'e');
INSERT INTO metrics VALUES ('k1', 'accuracy', 0.5);
"""


def make_old(url):
    statements = SCHEMA_1
    if url.startswith("postgresql"):
        statements = statements.replace("BLOB", "BYTEA").replace("(id INTEGER NOT NULL", "(id SERIAL NOT NULL")
        statements += "SELECT setval('attempts_id_seq', 1);"
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as connection:
        for statement in re.split(r";\n", statements.strip().rstrip(";")):
            connection.exec_driver_sql(statement)
    engine.dispose()


def columns(store):
    inspector = sa.inspect(store.engine)
    return {
        name: {(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)}
        for name in inspector.get_table_names()
    }


def test_a_store_of_schema_1_becomes_what_a_new_one_is(new_url, open_store):
    url = new_url()
    make_old(url)
    store = open_store(url, must_exist=True)
    (row,) = store.results()
    assert (row["accuracy"], row["normalisation"], row["fingerprint"], row["owner"]) == (0.5, "channel", "abc", "")
    assert json.loads(row["versions"]) == {"encoder:gru": 1, "probe:knn": 3}
    assert columns(store) == columns(open_store(new_url()))
    assert store.claim(make_spec().key, "a")
    store.record(make_result(), ENVIRONMENT, "a")
    assert len(open_store(url).results()) == 2
    store.write(lambda connection: connection.execute(sa.text("UPDATE runs SET versions = NULL")))  # an older driver's
    assert json.loads(store.scores("accuracy", ["h"])["versions"].item()) == {"encoder:gru": 1, "probe:knn": 3}


def test_of_an_old_result_the_test_cases_say_on_which_split_it_was(new_url, open_store, monkeypatch):
    url = new_url()
    make_old(url)
    cases = np.array([3, 5, 8], np.int32)
    made = make_result().predictions
    blob = pack(
        Predictions(cases, made.y_true[[0, 1, 0]], made.y_pred[[0, 1, 0]], made.scores[[0, 1, 0]], made.classes)
    )
    monkeypatch.setattr(schema, "MIGRATED_AT_ONCE", 2)
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as connection:
        copy = "INSERT INTO runs SELECT '{}', label, method, method_version, dataset, protocol, protocol_hash, fold, "
        copy += "seed, status, spec, attempt FROM runs WHERE key = 'k1'"
        for key in ("k2", "k3", "k4"):
            connection.execute(sa.text(copy.format(key)))
        for key, content in (("k1", blob), ("k2", b"rubbish"), ("k4", blob)):
            connection.execute(sa.text("INSERT INTO predictions VALUES (:k, :c)"), {"k": key, "c": content})
    engine.dispose()
    store = open_store(url)
    told = text_of_test(cases)
    assert store.splits(["k1", "k2", "k3", "k4"]) == {"k1": told, "k2": None, "k3": None, "k4": told}
    assert store.claim("k1", "a", split="test:0 train:0") and not store.claim("k4", "a", split=f"{told} train:0")


def test_a_migration_that_fails_changes_nothing(new_url, open_store, monkeypatch):
    url = new_url()
    make_old(url)

    def fail(connection):
        schema._from_1(connection)
        connection.execute(sa.text("INSERT INTO nowhere VALUES (1)"))

    monkeypatch.setitem(schema.MIGRATIONS, 1, fail)
    with pytest.raises(StoreError, match="cannot be .*nowhere"):
        open_store(url)
    monkeypatch.undo()
    assert len(open_store(url).results()) == 1


def test_a_store_of_schema_1_that_may_only_be_read_says_what_to_do(tmp_path, open_store, monkeypatch):
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.executescript(SCHEMA_1)
    monkeypatch.setattr(database, "_writable", lambda file: False)
    with pytest.raises(StoreError, match="has schema 1 and may only be read; open it once where it may be written"):
        open_store(str(tmp_path / "s.db"), must_exist=True)


def test_a_row_of_before_exposure_was_noted_tells_it_by_its_specification(open_store, new_url):
    store, pinned = open_store(new_url()), f"w.pt@sha256:{'0' * 64}"
    source = Source("D", "other", "none", "D")
    specs = [
        make_spec(),
        make_spec(1, params={"eye": pinned}, overrides={"eye": pinned}),
        make_spec(2, dataset="D", sources=(source,), overrides={"pretrain_on": "D"}),
        make_spec(3, exposure="exposed: noted"),
    ]
    for spec in specs:
        store.record(make_result(spec), ENVIRONMENT)
    old = sa.text("UPDATE runs SET exposure = NULL WHERE exposure = 'clean'")
    store.write(lambda connection: connection.execute(old))
    store.write(lambda connection: connection.execute(sa.text("UPDATE runs SET split = NULL WHERE seed < 3")))
    expected = {0: "clean", 1: "unknown: eye", 2: "exposed: D", 3: "exposed: noted"}
    scores = store.scores("accuracy", [specs[0].protocol.hash()])
    assert dict(zip(scores["seed"], scores["exposure"], strict=True)) == expected
    assert {row["seed"]: row["exposure"] for row in store.results()} == expected
    assert {spec.seed: store.find(spec.key)["exposure"] for spec in specs} == expected
    assert not any("sources" in row for row in store.results())
