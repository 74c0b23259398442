"""A corruption of a plugin, through the command line."""

import csv
import json

import pytest

PLUGIN = """
import numpy as np
from tsbench import Corruption, Levels, each_case, hookimpl

class Mine(Corruption):
    "Every value goes with a probability, of each case but one."

    levels = Levels(0, 0.9, "share of the values that go")
    uses_labels = READS

    def __call__(self, panel, draws):
        def change(x, rng):
            gone = rng.random(x.shape) < self.level
            gone[:, 0] = False
            return np.where(gone, np.float32(np.nan), x)
        return each_case(panel, draws, change)

class Empties(Mine):
    "Nothing is left."
    def __call__(self, panel, draws):
        return np.full_like(panel.X, np.nan)

@hookimpl
def tsbench_corruptions(register):
    register("mine", Mine)
    register("empties", Empties)
"""
RUN = ("run", "--method", "minirocket-features", "--dataset", "UnitTest", "--store", "s.db")


@pytest.fixture
def mine(tsbench, tmp_path):
    """Run a command with the plugin; reads : whether it says that it reads labels."""

    def call(*arguments, reads=False):
        (tmp_path / "mine.py").write_text(PLUGIN.replace("READS", str(reads)))
        return tsbench("--plugin", "mine.py", *arguments)

    return call


def test_it_is_listed_and_shown(mine, tsbench):
    code, out, err = mine("list", "corruptions")
    assert code == 0, err
    own = "dropout", "mnar", "mnar-severity", "noise", "samples", "samples-block", "samples-time", "sensors"
    assert {line.split()[0] for line in out.splitlines()} == {*own, "sensors-random", "empties", "mine"}
    code, out, err = mine("show", "corruption", "mine", reads=True)
    assert code == 0, err
    assert "mine (version 1, plugin mine.py)" in out and "LEVEL in [0, 0.9]: share of the values that go" in out
    assert "It takes values away, of the values as the dataset has them; it reads labels, those of the test" in out
    out = tsbench("show", "corruption", "noise")[1]
    assert "LEVEL in [-300, 300]: signal-to-noise ratio in dB" in out and "labels" not in out
    assert "did you mean 'noise'" in tsbench("show", "corruption", "noize")[2]
    assert "ok      tsbench: 9 corruptions" in tsbench("plugin", "list")[1]


@pytest.mark.parametrize("reads", [False, True])
def test_its_rows_say_what_it_reads(mine, reads):
    code, out, err = mine(*RUN, "--protocol", "svm-rbf+mine=0.3@all,svm-rbf", reads=reads)
    assert code == 0, err
    assert "2 runs: 2 succeeded" in out
    code, out, err = mine("results", "--format", "csv", "--store", "s.db", reads=reads)
    said = "mine=0.3@all" + ", reads labels" * reads
    assert code == 0 and sum(said in line for line in out.splitlines()) == 1, err
    assert ("reads labels" in mine("results", "--store", "s.db", reads=reads)[1]) == reads
    board = mine("leaderboard", "UnitTest", "--protocol", "svm-rbf+mine=0.3@all", "--store", "s.db", reads=reads)[1]
    assert ("protocol svm-rbf+mine=0.3@all, mine reads labels (" in board) == reads
    key = next(line for line in out.splitlines() if "mine=" in line).split(",")[0]
    shown = mine("show", "run", key, "--store", "s.db", reads=reads)[1]
    assert f"corruption      {said}\n" in shown
    found = json.loads(mine("show", "run", key, "--json", "--store", "s.db", reads=reads)[1])
    assert found["spec"]["protocol"]["condition"]["uses_labels"] == reads
    assert found["notes"] == []


@pytest.mark.parametrize(
    ("condition", "code", "message"),
    [
        ("mine=0.95", 2, "condition 'mine=0.95@test': level 0.95 is not in [0, 0.9]: share of the values that go"),
        ("mien=0.3", 2, "unknown corruption 'mien'; did you mean 'mine'?"),
        ("empties=0.3", 1, "corruption empties=0.3@test left no value of case 0 and 41 more of 42"),
    ],
)
def test_what_cannot_be_is_refused_by_name(mine, condition, code, message):
    found, out, err = mine(*RUN, "--protocol", f"svm-rbf+{condition}")
    assert found == code and message in out + err


@pytest.mark.parametrize("name", ["labels", "split", "static", "none", "a+b", "a@b"])
def test_a_name_that_no_protocol_could_say_is_refused(mine, tmp_path, tsbench, name):
    (tmp_path / "odd.py").write_text(PLUGIN.replace("READS", "False").replace('"mine"', repr(name)))
    code, _, err = tsbench("--plugin", "odd.py", "list", "corruptions")
    assert code == 2 and f"corruption name '{name}': a protocol's name could not say it" in err


def test_one_mask_for_all_methods_stands_in_every_row(tsbench):
    run = ("run", "--dataset", "BasicMotions", "--store", "s.db", "--set", "epochs=1", "--seeds", "2")
    protocol = "svm-rbf+sensors-random=0.5,svm-rbf+sensors-random=0.5@all,svm-rbf+mnar=0.5"
    code, _out, err = tsbench(*run, "--method", "minirocket-features,random:tnc,majority", "--protocol", protocol)
    assert code == 0, err
    found = list(csv.DictReader(tsbench("results", "--format", "csv", "--store", "s.db")[1].splitlines()))
    masks = {}
    for row in found:
        shown = json.loads(tsbench("show", "run", row["key"], "--json", "--store", "s.db")[1])
        masks.setdefault(row["corruption"].partition("@")[0], set()).add(shown["attempts"][-1]["facts"]["test_mask"])
    assert {name: len(digests) for name, digests in masks.items()} == {"sensors-random=0.5": 1, "mnar=0.5": 1}
    assert len(set.union(*masks.values())) == 2
    assert {row["corruption"] for row in found} >= {"mnar=0.5@test, reads labels"}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("sensors=0.3", "UnitTest: corruption sensors=0.3@test: a share of 0.3 is none of its 1 sensor"),
        ("sensors-random=0.9@all", "UnitTest: corruption sensors-random=0.9@all: a share of 0.9 is all of its 1"),
        ("sensors=1", "level 1 is not in [0, 1): share of the sensors that are left out"),
        ("samples=-0.1", "level -0.1 is not in [0, 1)"),
    ],
)
def test_what_makes_no_sense_of_a_dataset_is_refused_before_any_work(tsbench, condition, message):
    code, out, err = tsbench(*RUN, "--protocol", f"svm-rbf+{condition}")
    assert code != 0 and message in err and " failed" not in out + err


def test_labels_that_are_numbers_are_refused_by_mnar_alone(tsbench):
    run = ("run", "--method", "minirocket-features", "--dataset", "Covid3Month", "--store", "s.db")
    code, _, err = tsbench(*run, "--protocol", "ridge+mnar=0.5")
    assert code != 0 and "Covid3Month: corruption mnar=0.5@test: it goes by one class per case" in err
    assert tsbench(*run, "--protocol", "ridge+mnar-severity=0.5")[0] == 0
