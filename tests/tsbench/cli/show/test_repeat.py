"""The command that `show run` prints gives, in an empty store, the same key and the same predictions."""

import contextlib
import io
import json
import os
import shlex
import sqlite3
from functools import cache

import click
import numpy as np
import pandas as pd
import pytest

from tests.tsbench.tune.conftest import plugins  # noqa: F401
from tsbench.cli import options
from tsbench.cli.show.repeat import repeat_command
from tsbench.discovery import plugins as loaded
from tsbench.errors import TsbenchWarning
from tsbench.store.store import Store

NOTED = """
import numpy as np
from tsbench import Classifier, hookimpl, param

class Noted(Classifier):
    "Says what its note says."
    class Params(Classifier.Params):
        note: str = param("", doc="any text")
    def fit(self, train, validation, rng):
        self.draw = rng.normal(size=len(train.classes))
    def predict_scores(self, panel):
        return np.tile(self.draw + len(self.params.note), (len(panel), 1))

@hookimpl
def tsbench_methods(register):
    register("noted", Noted)
"""
REGISTRY = "protocols:\n  mine: {probe: knn, split: {scheme: cv, folds: 3}}\n"
NOTE = """it's "quoted", $HOME; a=b  c"""
TS2VEC = ("--method", "ts2vec", "--set", "max_steps=1", "--set", "min_steps=0", "--set", "encoder.depth=1")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "it's mine, too"
    folder.mkdir()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 6)), columns=[f"t{i}" for i in range(6)])
    frame.insert(0, "label", np.arange(20) % 2)
    frame.to_csv(folder / "some data.csv", index=False)
    (tmp_path / "noted.py").write_text(NOTED)
    (tmp_path / "mine.yaml").write_text(REGISTRY)


def keys_of(tsbench):
    return pd.read_csv(io.StringIO(tsbench("results", "--format", "csv")[1]))["key"].tolist()


def repeat(tsbench, key, *options):
    """Run what `show run` says in a fresh store; returns the commands."""
    loaded.plugins.cache_clear()  # as in a process of its own: a file is loaded once
    code, out, err = tsbench("show", "run", key[:12], *options)
    assert code == 0, err
    assert "note:" not in out
    commands = [line.removeprefix("repeat: tsbench ") for line in out.splitlines() if line.startswith("repeat: ")]
    for command in commands:
        loaded.plugins.cache_clear()
        code, _, err = tsbench(*shlex.split(command), "--store", "fresh.db", "--artifacts", "fresh")
        assert code == 0, f"{command}\n{err}"
    return commands


def assert_same(tmp_path, key):
    first, again = (Store(str(tmp_path / name), must_exist=True) for name in ("tsbench.db", "fresh.db"))
    ours, theirs = first.predictions(key), again.predictions(key)
    assert theirs is not None, "another key"
    for name in ("cases", "y_true", "y_pred", "scores"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert first.find(key)["label"] == again.find(key)["label"]
    first.close()
    again.close()


@pytest.mark.parametrize(
    ("asked", "shown_with"),
    [
        (("--method", "random:trls", "--dataset", "UnitTest", "--set", "encoder.cell=gru", "--seeds", "2,"), ()),
        (("--method", "1nn-ed", "--dataset", "./it's mine, too/some data.csv", "--seeds", "3,"), ()),
        (("--method", "random:trls", "--dataset", "UnitTest", "--protocol", "knn+labels=0.7654321"), ()),
        (("--method", "random:trls", "--dataset", "UnitTest", "--protocol", "linear-cv5+noise=10.25@downstream"), ()),
        (("--method", "noted", "--dataset", "UnitTest", "--set", f"note={NOTE}"), ("--plugin", "noted.py")),
        (("--method", "majority", "--dataset", "UnitTest", "--protocol", "mine"), ("--registry", "mine.yaml")),
        ((*TS2VEC, "--dataset", "UnitTest", "--threads", "2"), ()),
        ((*TS2VEC, "--dataset", "UnitTest", "--pretrain-on", "GunPoint"), ()),
        ((*TS2VEC, "--dataset", "UnitTest", "--pretrain-on", "UnitTest,GunPoint", "--exclude-target"), ()),
    ],
    ids=["set", "file", "labels", "noise-cv", "quotes", "registry", "threads", "pretrain", "exclude"],
)
def test_the_printed_command_repeats_the_run(tsbench, tmp_path, files, asked, shown_with):
    code, _, err = tsbench("run", *asked, *shown_with)
    assert code == 0, err
    keys = keys_of(tsbench)
    (command,) = repeat(tsbench, keys[-1], *shown_with)
    assert command.endswith("--force")
    assert_same(tmp_path, keys[-1])
    assert [row["key"] for row in stored(tmp_path / "fresh.db")] == keys[-1:]  # of its fold alone


def stored(path):
    with contextlib.closing(Store(str(path), must_exist=True)) as store:
        return list(store.results())


@pytest.mark.parametrize("variable", [False, True])
def test_the_folder_of_the_data_is_part_of_the_command(tsbench, tmp_path, monkeypatch, variable):
    for folder, value in (("empty", None), ("it's here", 1), ("other", 2)):
        (tmp_path / folder / "Coffee").mkdir(parents=True)
        for part in ("TRAIN", "TEST") if value else ():
            (tmp_path / folder / "Coffee" / f"Coffee_{part}.tsv").write_text(f"0\t1\t{value}\n1\t3\t{value}\n")
    job = ("run", "--method", "majority", "--dataset", "Coffee")
    if variable:
        monkeypatch.setenv("TSBENCH_DATA", f"empty{os.pathsep}it's here")
        assert tsbench(*job)[0] == 0
    else:
        assert tsbench(*job, "--data-dir", "empty", "--data-dir", "it's here")[0] == 0
    monkeypatch.setenv("TSBENCH_DATA", "other")  # where there is another set of the same name
    (key,) = keys_of(tsbench)
    with pytest.warns(TsbenchWarning, match="differs from it"):
        (command,) = repeat(tsbench, key)
    assert command.count("--data-dir") == 1
    assert_same(tmp_path, key)
    folder = tmp_path / "it's here"
    folder.rename(tmp_path / "moved")
    out = tsbench("show", "run", key)[1]
    assert f"note: its data was in {folder}, which is not there" in out
    assert "--data-dir" not in out.partition("repeat: ")[2]
    out = tsbench("show", "run", key, "--data-dir", "moved")[1]
    assert "note: " not in out and f"--data-dir {tmp_path / 'moved'} --force" in out


def test_a_tuned_row_is_repeated_with_its_study(tsbench, tmp_path, plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "plugins", cache(lambda: plugins))
    target = ("--method", "threshold", "--dataset", "toy", "--protocol", "knn")
    tuning = ("--space", "threshold=0.1:0.7000000001", "--metric", "f1_macro", "--seeds", "1,")
    assert tsbench("tune", *target, *tuning, "--trials", 3)[0] == 0
    assert tsbench("run", *target, "--tuned", "f1_macro", "--seeds", "2,")[0] == 0
    (key,) = keys_of(tsbench)
    commands = repeat(tsbench, key)
    assert [command.split()[0] for command in commands] == ["tune", "run"]
    assert "--space threshold=0.1:0.7000000001" in commands[0] and "--space sign" not in commands[0]
    assert_same(tmp_path, key)
    assert tsbench("tune", *target, *tuning, "--trials", 4)[0] == 0
    assert "note: its study has gone on from 3 to 4 trials" in tsbench("show", "run", key)[1]
    with monkeypatch.context() as patch:
        patch.setattr("tsbench.tune.source.study_names", lambda store: [])
        code, out, _ = tsbench("show", "run", key)
        assert code == 0 and "note: its study is not in this store" in out and out.count("repeat: ") == 1
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        code, out, _ = tsbench("show", "run", key)
        assert code == 0 and "note: its study cannot be looked up: this needs optuna" in out


TOY = ("--method", "threshold", "--dataset", "toy", "--protocol", "knn")


def commands_of(tsbench, key):
    return [line for line in tsbench("show", "run", key)[1].splitlines() if line.startswith("repeat: ")]


def test_a_parameter_fixed_to_its_default_is_fixed_again(tsbench, tmp_path, plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "plugins", cache(lambda: plugins))
    assert tsbench("tune", *TOY, "--trials", 2, "--set", "sign=true")[0] == 0
    assert tsbench("run", *TOY, "--tuned", "--set", "sign=true")[0] == 0
    (key,) = keys_of(tsbench)
    assert all("--set sign=True" in command for command in repeat(tsbench, key))
    assert_same(tmp_path, key)


def test_the_study_of_a_tuned_row_is_that_of_its_fixed_parameters(tsbench, plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "plugins", cache(lambda: plugins))
    seeds = {"1,": ("--set", "sign=true"), "2,": ("--set", "sign=true", "--set", "shift=1")}
    for number, fixed in seeds.items():
        assert tsbench("tune", *TOY, "--trials", 1, "--seeds", number, *fixed)[0] == 0
        assert tsbench("run", *TOY, "--tuned", "--seeds", number, *fixed)[0] == 0
    for key in keys_of(tsbench):
        tune, run = commands_of(tsbench, key)
        assert tune.partition("--seeds ")[2].split()[0] == run.partition("--seeds ")[2].split()[0]


def test_a_tuned_row_of_an_older_version_is_repeated_alike(tsbench, tmp_path, plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "plugins", cache(lambda: plugins))
    assert tsbench("tune", *TOY, "--trials", 1)[0] == 0
    assert tsbench("run", *TOY, "--tuned")[0] == 0
    (key,) = keys_of(tsbench)
    commands = commands_of(tsbench, key)
    with contextlib.closing(sqlite3.connect(tmp_path / "tsbench.db")) as store:
        store.execute("UPDATE runs SET spec = json_set(spec, '$.overrides.tuned', 1)")
        store.commit()
    assert commands_of(tsbench, key) == commands
    assert "--tuned accuracy" in commands[1] and "tuned=1" not in commands[1]


def test_a_study_that_ended_early_is_said(tsbench, plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "plugins", cache(lambda: plugins))
    assert tsbench("tune", *TOY, "--trials", 5, "--timeout", 1e-9)[0] == 0
    assert tsbench("run", *TOY, "--tuned")[0] == 0
    (key,) = keys_of(tsbench)
    out = tsbench("show", "run", key)[1]
    assert "note: its study had 1 of 5 trials" in out and "gone on" not in out
    assert "--trials 1 " in commands_of(tsbench, key)[0]
    assert tsbench("tune", *TOY, "--trials", 5)[0] == 0
    out = tsbench("show", "run", key)[1]
    assert "note: its study had 1 of 5 trials" in out and "note: its study has gone on from 1of5 to 5 trials" in out


def test_a_study_that_several_worked_on_is_said(tsbench, tmp_path, plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "plugins", cache(lambda: plugins))
    assert tsbench("tune", *TOY, "--trials", 2)[0] == 0
    assert tsbench("run", *TOY, "--tuned")[0] == 0
    (key,) = keys_of(tsbench)
    assert "note: " not in tsbench("show", "run", key)[1]
    with contextlib.closing(sqlite3.connect(tmp_path / "tsbench.db")) as store:
        store.execute("UPDATE trials SET datetime_start = (SELECT min(datetime_start) FROM trials)")
        store.commit()
    assert "note: several workers or processes shared its study" in tsbench("show", "run", key)[1]


def test_what_keeps_the_command_from_repeating_the_run_is_said(tsbench, files):
    assert tsbench("run", "--method", "noted", "--dataset", "UnitTest", "--plugin", "noted.py")[0] == 0
    mine = ("--registry", "mine.yaml", "--protocol", "mine", "--dataset", "UnitTest", "--method", "majority")
    assert tsbench("run", *mine)[0] == 0
    frame = pd.read_csv(io.StringIO(tsbench("results", "--format", "csv")[1]))
    key = frame.loc[frame["protocol"] == "mine", "key"].iloc[0]
    out = tsbench("show", "run", key)[1]
    assert "note: protocol mine is not what it was" in out and "--registry" in out
    assert json.loads(tsbench("show", "run", key, "--json")[1])["notes"]


def test_a_url_that_may_hold_a_password_is_not_repeated():
    spec = {
        "method": "m",
        "dataset": "D",
        "dataset_ref": "",
        "protocol": {"name": "p"},
        "fold": 0,
        "seed": 0,
        "threads": 1,
        "overrides": {},
        "sources": [],
    }
    command = options.common_options(click.Command("show"))
    given = ["--store", "postgresql://me:hush@host/db", "--registry", "mine.yaml"]
    with command.make_context("show", given):
        assert repeat_command({"spec": spec}, "cpu").endswith("--device cpu --registry mine.yaml --force")
