import subprocess
import sys

import pandas as pd
import pytest

from tests.tsbench.cli.test_hostile import poison, rewrite
from tests.tsbench.tune.conftest import plugins  # noqa: F401
from tsbench.measure.worker import Worker
from tsbench.tune.search import Search

TUNE = ("tune", "--method", "threshold", "--dataset", "toy", "--protocol", "knn")
RUN = ("run", *TUNE[1:])


@pytest.fixture(autouse=True)
def toy(plugins, monkeypatch):  # noqa: F811
    monkeypatch.setattr("tsbench.discovery.plugins.plugins", lambda: plugins)


def test_tune_then_run_gives_tuned_and_untuned_rows_side_by_side(tsbench, tmp_path):
    code, out, err = tsbench(*TUNE, "--trials", 4)
    assert code == 0, err
    assert "space: threshold 0:0.6; sign False,True" in out
    assert "  trial 0: " in out and "  trial 3: " in out and "best of 4: trial " in out
    (log,) = tmp_path.rglob("logs/*.jsonl")
    assert log.read_text().count('"event": "finished"') > 4
    code, out, _ = tsbench(*TUNE, "--trials", 4)
    assert code == 0 and "  trial " not in out and "best of 4" in out
    assert tsbench(*RUN)[0] == 0
    code, out, err = tsbench(*RUN, "--tuned")
    assert code == 0 and "threshold[tuned=4] toy" in err
    assert "1 already in the store" in tsbench(*RUN, "--tuned")[1]
    code, out, _ = tsbench("leaderboard", "toy", "--protocol", "knn", "--out", "board.csv")
    assert code == 0
    board = pd.read_csv(tmp_path / "board.csv", index_col="method")
    assert set(board.index) == {"threshold", "threshold[tuned=4]"}
    assert board["toy"].notna().all()


def test_show_and_plot(tsbench, tmp_path):
    code, _, err = tsbench(*TUNE, "--show")
    assert code == 2 and "there is no store" in err
    tsbench(*TUNE, "--trials", 3)
    code, out, _ = tsbench(*TUNE, "--show", "--plot", "study.svg")
    assert code == 0
    assert "best: trial" in out and "threshold" in out and "written to study.svg" in out
    assert (tmp_path / "study.svg").read_text().lstrip().startswith("<?xml")
    code, _, err = tsbench(*TUNE, "--metric", "auroc", "--show")
    assert code == 2 and "the store has no study 'threshold.toy.knn" in err


@pytest.mark.parametrize("column", ["param_name", "value_json", "distribution_json"])
def test_a_study_that_tries_to_steer_the_terminal(tsbench, tmp_path, column):
    tsbench(*TUNE, "--trials", 2)

    def change(where, value):
        table, _, name = where.partition(".")
        return poison(where, value) if name == column and table != "study_system_attributes" else value

    rewrite(tmp_path / "tsbench.db", change)
    for command in ([*TUNE, "--show"], [*TUNE, "--show", "--plot", "p.svg"], ["status"]):
        code, out, err = tsbench(*command)
        assert code in (0, 1) and "should not happen" not in err
        assert (out + err).replace("\n", "").isprintable() and "\nnext" not in out + err
    if (tmp_path / "p.svg").exists():
        assert (tmp_path / "p.svg").read_text().replace("\n", "").isprintable()


def test_show_prints_the_studies_there_are_and_names_the_others(tsbench):
    several = ("tune", "--method", "threshold", "--dataset", "toy", "--protocol", "svm-rbf-cv5,knn")
    assert tsbench(*TUNE, "--trials", 1)[0] == 0
    code, out, err = tsbench(*several, "--show")
    assert code == 1
    assert out.count("best: trial 0") == 1 and out.startswith("threshold.toy.knn.fold0.")
    assert err.count("error: the store has no study 'threshold.toy.svm-rbf-cv5.fold") == 5
    code, out, err = tsbench(*several[:-1], "svm-rbf-cv5", "--show")
    assert (code, out) == (2, "") and err.count("error: ") == 5


@pytest.mark.parametrize("name", ["study.xyz", "nowhere/study.svg"])
def test_a_plot_that_cannot_be_written_is_refused_before_anything_is_read(tsbench, name):
    code, out, err = tsbench(*TUNE, "--show", "--plot", name)
    assert (code, out) == (2, "") and name in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--trials", "0"), 2, "0 is not in the range"),
        (("--trials", "1", "--metric", "acc"), 2, "unknown metric 'acc'"),
        (("--plot", "a.png"), 2, "--plot goes with --show"),
        (("--space", "threshold"), 2, "write KEY=LOW:HIGH"),
        (("--space", "treshold=0:1"), 2, "did you mean 'threshold'"),
        (("--set", "threshold=0.1", "--set", "sign=true"), 2, "no parameter to tune"),
        (("--space", "shift=1:inf"), 2, "--space shift=1:inf: give two finite numbers"),
        (("--method", "majority"), 2, "majority has no parameter to tune"),
        (("--dataset", "tiny"), 1, "tiny: its training part (3 cases) is too small"),
        (("--dataset", "toyy"), 2, "did you mean 'toy'"),
        (("--set", "fail=true", "--trials", "2"), 1, "all 2 trials failed; the last: ValueError: asked to fail"),
        (("--timeout", "0"), 2, "0"),
        (("--timeout", "nan"), 2, "--timeout nan: give a number of hours above 0"),
        (("--memory-limit", "9999T"), 2, "this machine has"),
        (("--address", "127.0.0.1:1"), 2, "--address is for --executor ray"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(tsbench, arguments, code, message):
    got, out, err = tsbench(*TUNE, *arguments)
    assert got == code, err
    assert message in err
    assert "Traceback" not in err
    assert code == 1 or "  trial " not in out, "it is said before any work"


def test_studies_begun_otherwise_are_refused_before_another_is_worked_on(tsbench):
    assert tsbench(*TUNE[:-1], "svm-rbf-cv5", "--trials", 1)[0] == 0
    code, out, err = tsbench(*TUNE, "--protocol", "svm-rbf-cv5", "--trials", 1, "--seeds", 2)
    assert code == 2 and "study " not in out
    assert "was begun with other seeds: [0], now [0, 1]" in err


def test_a_dataset_too_small_does_not_keep_the_others_from_being_tuned(tsbench):
    code, out, err = tsbench(*TUNE, "--dataset", "tiny", "--trials", 1)
    assert code == 1
    assert "tiny: its training part" in err and "best of 1: trial 0" in out


def test_workers_take_a_study_each_and_keep_to_the_limits(tsbench):
    code, out, err = tsbench(*TUNE[:-1], "svm-rbf-cv5", "--trials", 2, "--workers", 2, "--memory-limit", "8G")
    assert code == 0, err
    assert "study 5/5" in out and out.count("best of 2: trial") == 5


def test_run_tuned_without_a_study_names_the_command(tsbench):
    code, _, err = tsbench(*RUN, "--tuned")
    assert code == 2 and "tsbench tune --method threshold --dataset toy" in err
    code, _, err = tsbench(*RUN, "--tuned", "acc")
    assert code == 2 and "unknown metric 'acc'; choose one of" in err


def test_run_tuned_where_the_data_is_missing_says_that(tsbench):
    untuned = tsbench("run", "--method", "threshold", "--dataset", "absent")
    tuned = tsbench("run", "--method", "threshold", "--dataset", "absent", "--tuned")
    assert tuned == untuned
    assert tuned[0] == 3 and "absent is not on this machine" in tuned[2]


def test_ctrl_c_exits_130_and_the_study_goes_on(tsbench, monkeypatch):
    def interrupt(self, spec):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "run", interrupt)
        code, _, err = tsbench(*TUNE, "--trials", 2)
        assert code == 130 and "Traceback" not in err
    code, out, _ = tsbench(*TUNE, "--trials", 2)
    assert code == 0 and "best of 2" in out
    out = tsbench(*TUNE, "--show")[1]
    assert ": interrupted" in out and "failed" not in out


def test_a_study_whose_only_trial_is_elsewhere_exits_1(tsbench, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Search, "wants", lambda *_: False)
        patch.setattr(Search, "running", lambda _: 1)
        code, out, err = tsbench(*TUNE, "--trials", 1)
    assert code == 1
    assert "1 under way in another process" in out and "no trial has ended; run this again" in err


def test_without_the_extra_the_message_says_what_to_install(tsbench, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for command in (TUNE, (*RUN, "--tuned"), ("dashboard",)):
        code, _, err = tsbench(*command)
        assert code == 2 and "install tsbench[tune]" in err


def test_help_imports_nothing_heavy():
    code = "import sys\nfrom tsbench.cli import main\n"
    code += "try: main(['tune', '--help'])\nexcept SystemExit: print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Examples:" in output
    assert not set(output.split()) & {"torch", "numpy", "optuna", "sqlalchemy"}
