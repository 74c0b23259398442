"""Every command over names and rows that try to steer the terminal: what is printed is plain."""

import contextlib
import json
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest

from tsbench.plugins import plugins
from tsbench.run.store import Store

EVIL = "\x1b]0;P\x07\x1b[31m\r\x08\x7f\x9b\u202e\u2066\u200b\u2028[red]x[/red][link=http://x] $x_1$ %s {} {0}\nnext"
NAME = EVIL.replace("/", "|")  # of a file
KEYS = {"key", "attempt", "id", "environment", "pretrain_key", "protocol_hash", "fingerprint", "sha256", "version_num"}
FRAMES = [["results", "--format", "csv"], ["results", "--out", "r.csv"], ["store", "export", "--out", "r.jsonl"]]


@pytest.fixture
def plain(tsbench, tmp_path):
    """Run a command; what it prints, and writes for people to read, has nothing but letters and line ends."""

    def call(*arguments, codes=(0,)):
        code, out, err = tsbench(*arguments)
        assert "should not happen" not in err, err
        assert code in codes, (arguments, code, out, err)
        for text in (out, err):
            assert text.replace("\n", "").isprintable(), (arguments, text)
            assert "\nnext" not in text or arguments[0] == "results", (arguments, text)
        for path in tmp_path.iterdir():
            if path.suffix in (".md", ".csv", ".jsonl", ".svg") and path.name.isprintable():
                assert path.read_text().replace("\n", "").isprintable(), (arguments, path)
        return out + err

    return call


def file_of(folder, form):
    """Write a file of 24 cases, two classes, two channels and a column beside, all with hostile names."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 2, 8)), np.array([f"b{NAME}", f"a{NAME}"] * 12)
    path = folder / f"d{NAME}.{form}"
    if form == "csv":
        rows = pd.DataFrame({"case": np.repeat(np.arange(24), 8), "time": np.tile(np.arange(8), 24)})
        rows["label"] = np.repeat(y, 8)
        for channel in range(2):
            rows[f"c{channel}{EVIL}"] = X[:, channel].ravel()
        rows.to_csv(path, index=False)
    else:
        np.savez(path, X=X, y=y, **{f"meta_{NAME}": np.arange(24)})
    return path


@pytest.mark.parametrize("form", ["csv", "npz"])
def test_a_dataset(plain, tmp_path, form):
    folder = tmp_path / f"folder{NAME}"
    folder.mkdir()
    path = file_of(folder, form)
    shown = plain("data", "info", path, "--plot", "p.svg")
    assert "\\x1b]0;P\\x07\\x1b[31m" in shown and "[red]x" in shown
    plain("show", "dataset", path)
    plain("data", "path", path)
    plain("data", "verify", path)
    plain("show", "transform", "gasf", "--dataset", path, "--set", "image_size=8", "--out", f"t{NAME}.png")
    plain("run", "--method", "majority", "--dataset", path)
    plain("run", "--method", "majority", "--dataset", path, "--force", "--json")
    plain("leaderboard", path, "--out", "b.csv", codes=(0, 2))
    plain("leaderboard", path, "--out", "b.md", codes=(0, 2))
    for arguments in FRAMES:
        plain(*arguments)
    key = plain("results").splitlines()[3].split()[1]
    repeat = plain("show", "run", key, "--plot", "r.svg")
    assert "repeat: tsbench run" in repeat and "$'" in repeat
    plain("show", "run", key, "--json")


def test_files_that_cannot_be_read(plain, tmp_path):
    for form in ("csv", "npz", "ts", "tsv", "arff", "parquet", "xyz"):
        path = tmp_path / f"bad{NAME}.{form}"
        path.write_text(f"@problemName {EVIL}\n@data\n{EVIL}:{EVIL}\n")
        plain("data", "info", path, codes=(1, 2, 3))
        plain("run", "--method", "majority", "--dataset", path, codes=(1, 2, 3))
        plain("data", "verify", path, codes=(1, 2, 3))
    plain("data", "info", f"nothing{EVIL}", codes=(2, 3))
    plain("data", "list", f"nothing{EVIL}", codes=(2, 3))
    plain("data", "fetch", f"nothing{EVIL}", "--offline", codes=(2, 3))


def test_names_that_are_not_known(plain, tmp_path):
    wrong = {"codes": (1, 2, 3)}
    for kind in ("method", "transform", "dataset", "run"):
        plain("show", kind, EVIL, **wrong)
    plain("run", "--method", EVIL, "--dataset", "UnitTest", **wrong)
    plain("run", "--method", "majority", "--dataset", "UnitTest", "--protocol", EVIL, **wrong)
    plain("run", "--method", "majority", "--dataset", "UnitTest", "--set", f"{EVIL}=1", **wrong)
    plain("run", "--suite", EVIL, **wrong)
    plain("tune", "--method", EVIL, "--dataset", "UnitTest", **wrong)
    plain("tune", "--method", "majority", "--dataset", "UnitTest", "--metric", EVIL, **wrong)
    plain("reproduce", EVIL, **wrong)
    plain("leaderboard", EVIL, **wrong)
    plain("dashboard", "--store", f"{NAME}.db", **wrong)
    for command in (["results"], ["status"], ["store", "info"], ["store", "check"], ["store", "merge", f"o{NAME}.db"]):
        plain(*command, "--store", f"{NAME}.db", **wrong)
    plain("list", "protocols", "--registry", EVIL, **wrong)
    plain("list", "methods", "--plugin", EVIL, **wrong)


def test_the_store_of_a_hostile_name(plain, tmp_path):
    with contextlib.closing(Store(str(tmp_path / f"{NAME}.db"))):
        pass
    store = ("--store", f"{NAME}.db", "--artifacts", f"a{NAME}")
    for command in (["results"], ["status"], ["store", "info"], ["store", "check"], ["store", "prune"]):
        plain(*command, *store)
    plain("store", "merge", f"{NAME}.db", "--store", "new.db")
    plain("dashboard", "--host", EVIL, *store, codes=(2,))


PLUGIN = f"""
from tsbench import SSLMethod, hookimpl
from tsbench.interfaces import Transform

E = {EVIL!r}

class Mine(SSLMethod):
    version = 1
    __doc__ = "Does" + E[:-5]
    def build(self, shapes):
        import warnings
        warnings.warn(E)
        raise ValueError(E)
    def training_step(self, step):
        raise NotImplementedError

class Sees(Transform):
    __doc__ = "Sees" + E[:-5]
    def __call__(self, x, rng):
        return x

@hookimpl
def tsbench_methods(register):
    register("mine", Mine, summary="s" + E, paper="p" + E)

@hookimpl
def tsbench_transforms(register):
    register("sees", Sees, summary="s" + E)
"""


def test_a_plugin(plain, tmp_path):
    path = tmp_path / f"p{NAME}.py"
    path.write_text(PLUGIN, encoding="utf-8")
    seen = {}
    for command in (
        ["list", "methods"],
        ["list", "transforms"],
        ["show", "method", "mine"],
        ["show", "transform", "sees"],
    ):
        plugins.cache_clear()
        seen[command[1]] = plain(*command, "--plugin", path)
    assert "mine" in seen["methods"] and "s\\x1b]0;P" in seen["methods"]
    assert "Does\\x1b" in seen["method"] and "Sees\\x1b" in seen["transform"]
    plugins.cache_clear()
    assert "1 methods" in plain("plugin", "list", "--plugin", path, codes=(0, 1))
    plugins.cache_clear()
    failed = plain("run", "--method", "mine", "--dataset", "UnitTest", "--plugin", path, codes=(1,))
    assert "ValueError: \\x1b" in failed
    key = plain("results").splitlines()[3].split()[1]
    assert "Traceback" in plain("show", "run", key)


def test_a_plugin_that_is_broken(plain, tmp_path):
    path = tmp_path / f"p{NAME}.py"
    path.write_text(f"raise ValueError({EVIL!r})")
    for more in ([], ["--debug"]):
        plugins.cache_clear()
        assert "ValueError" in plain("plugin", "list", "--plugin", path, *more, codes=(2,))


def test_a_registry(plain, tmp_path):
    path = tmp_path / f"r{NAME}.yaml"
    text = json.dumps(f"n{EVIL}")
    path.write_text(
        f"protocols:\n  {text}: {{probe: knn, summary: {text}}}\ncollections:\n  {text}: {{datasets: [GunPoint], "
        f"protocol: svm-rbf, summary: {text}}}\n"
    )
    for kind in ("protocols", "collections", "suites", "papers"):
        plain("list", kind, "--registry", path, codes=(0, 2))
    assert "\\x1b" in plain("list", "protocols", "--registry", path)
    plain("data", "list", f"n{EVIL}", "--registry", path)
    for wrong in (f"protocols: {{{text}: {{{text}: 1}}}}", f"{text}: 1", f'a: "{chr(27)}'):
        path.write_text(wrong)
        plain("list", "protocols", "--registry", path, codes=(2,))


# --- stores


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a success, a failure, a claim, a checkpoint and two studies."""
    import optuna

    from tests.tsbench.run.test_store import make_result, make_spec
    from tsbench.tune.storage import open_studies

    path = tmp_path_factory.mktemp("made") / "s.db"
    with contextlib.closing(Store(str(path))) as store:
        given = {
            "durations": {"fit": 1.0},
            "facts": {"n_train": 2.0},
            "warnings": ("w",),
            "curve": [[1, 0.5], [2, 0.25]],
        }
        store.record(make_result(make_spec(0), checkpoint=("c" * 64, "c.pt", "0" * 64), **given), {"python": "3"})
        failure = make_result(make_spec(1), status="failed", metrics={}, predictions=None, error="e", traceback="t\nu")
        store.record(failure, {"python": "3"})
        store.claim("d" * 64, "owner")
        with open_studies(store) as storage:
            for number in range(2):
                study = optuna.create_study(storage=storage, study_name=f"study{number}", direction="maximize")
                study.set_user_attr("metric", "accuracy")
                for value in (0.25, 0.5):
                    trial = study.ask()
                    trial.suggest_float("lr", 0.0, 1.0)
                    storage.record_heartbeat(trial._trial_id)
                    study.tell(trial, value)
                storage.record_heartbeat(study.ask()._trial_id)
    return path


def poisoned(value, key=""):
    """Return JSON with something hostile at the end of every text, names included."""
    if isinstance(value, dict):
        return {f"x{EVIL}": EVIL, **{name: poisoned(one, name) for name, one in value.items()}}
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return f"{value}{EVIL}" if isinstance(value, str) else value


def rewrite(path, change):
    """Put change(column, value) in place of every text and JSON of a store."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            described = connection.execute(f"PRAGMA table_info({table})")
            texts = [n for _, n, kind, *_ in described if kind.partition("(")[0] in ("VARCHAR", "TEXT", "JSON")]
            for column in [name for name in texts if name not in KEYS and not (table == "claims" and name == "key")]:
                rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
                for row, value in rows:
                    if value is not None:
                        new = change(f"{table}.{column}", value)
                        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
        connection.commit()


def poison(column, value):
    table, _, name = column.partition(".")
    if name == "status" or (table == "trials" and name == "state") or name in ("direction", "value_type"):
        return value
    if value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.dumps(poisoned(json.loads(value)))
    if name.endswith("json"):
        return json.dumps(f"{json.loads(value)}{EVIL}")
    return f"{value}{EVIL}"


def every_command(plain, studies=True):
    for arguments in (["results"], ["status"], ["status", "--json"], ["store", "info"], ["store", "check"], *FRAMES):
        plain(*arguments, "--store", "s.db", codes=(0, 1))
    plain("leaderboard", "UnitTest", "--protocol", "svm-rbf", "--store", "s.db", codes=(0, 1, 2))
    keys = sqlite3.connect("s.db").execute("select key from runs").fetchall()
    for (key,) in keys:
        plain("show", "run", key, "--store", "s.db", codes=(0, 1))
        plain("show", "run", key, "--store", "s.db", "--json", codes=(0, 1))
        plain("show", "run", key, "--store", "s.db", "--plot", "r.svg", codes=(0, 1, 2))
    for what in ("all", "failed", "damaged", "unreferenced"):
        plain("store", "prune", "--checkpoints", what, "--attempts", "superseded", "--dry-run", "--store", "s.db")
    plain("store", "merge", "s.db", "--store", "new.db", codes=(0, 1))
    plain("results", "--store", "new.db", codes=(0, 1, 2))


def test_a_store_with_hostile_texts(plain, made, tmp_path):
    shutil.copy(made, tmp_path / "s.db")
    rewrite(tmp_path / "s.db", poison)
    every_command(plain)
    status = plain("status", "--store", "s.db")
    assert "owner\\x1b]0;P" in status and "study0\\x1b]0;P" in status


def test_a_store_with_a_hostile_status(plain, made, tmp_path):
    shutil.copy(made, tmp_path / "s.db")
    rewrite(tmp_path / "s.db", lambda column, value: f"{value}{EVIL}" if column.endswith(".status") else value)
    every_command(plain)
    assert "succeeded\\x1b" in plain("store", "info", "--store", "s.db")


def test_a_board_with_hostile_names(plain, tsbench, tmp_path):
    assert tsbench("run", "--method", "majority", "--dataset", "UnitTest", "--store", "s.db")[0] == 0
    rewrite(tmp_path / "s.db", lambda column, value: f"{value}{EVIL}" if column == "runs.label" else value)
    assert "majority\\x1b]0;P" in plain("results", "--store", "s.db")
    board = plain("leaderboard", "UnitTest", "--store", "s.db", "--out", "b.csv")
    assert "majority\\x1b]0;P\\x07\\x1b[31m" in board and "[red]x[/red]" in board
    plain("leaderboard", "UnitTest", "--store", "s.db", "--out", "b.md")
    plain("leaderboard", "UnitTest", "--store", "s.db", "--method", "other", codes=(2,))
    assert pd.read_csv(tmp_path / "b.csv")["method"].str.startswith("majority\\x1b").all()


ODD = ["[]", "null", '"text"', "1e999", '[1, [2], [null, "x"], {}]', '{"fit": "x", "n_train": [], "a": 1e999}']


@pytest.mark.parametrize("odd", ODD)
def test_a_store_with_json_of_other_types(plain, made, tmp_path, odd):
    shutil.copy(made, tmp_path / "s.db")
    kinds = {"durations", "facts", "curve", "warnings", "content", "spec", "versions"}
    rewrite(tmp_path / "s.db", lambda column, value: odd if column.partition(".")[2] in kinds else value)
    every_command(plain)
    assert "cannot be read" in plain("store", "check", "--store", "s.db", codes=(1,))


@pytest.mark.parametrize("value", ["x", b"\x1b\xff", 1e300])
def test_a_store_with_values_of_other_types(plain, made, tmp_path, value):
    shutil.copy(made, tmp_path / "s.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        attempt = "started = :v, finished = :v, peak_memory_bytes = :v, device = :v, error = :v"
        connection.execute(f"update attempts set {attempt}", {"v": value})
        connection.execute("update runs set fold = :v, seed = :v, method_version = :v", {"v": value})
        connection.execute("update metrics set value = :v", {"v": value})
        connection.execute("update predictions set content = :v", {"v": value})
        connection.commit()
    every_command(plain)
