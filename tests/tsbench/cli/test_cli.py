import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tsbench.cli.options import split_commas

HEAVY = ("torch", "numpy", "pandas", "sklearn", "numba", "scipy", "aeon", "sqlalchemy")
QUICK = ("--set", "max_steps=2", "--set", "min_steps=0")


def modules_after(*arguments):
    """Return the modules a command leaves imported, run in a fresh process."""
    code = (
        "import sys\nfrom tsbench.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print('MODULES', *sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["list", "methods"], ["list", "datasets"], ["run", "--help"]])
def test_light_start(arguments):
    assert not modules_after(*arguments) & set(HEAVY)


def test_importing_tsbench_imports_nothing_heavy():
    code = "import sys, tsbench; tsbench.hookimpl; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(output.split()) & set(HEAVY)


def test_a_reader_of_a_pipe_that_has_gone_is_no_failure():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tsbench", "list", "datasets"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_loses_no_file_and_no_run(tmp_path, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    job = ["run", "--method", "majority,1nn-ed", "--dataset", "UnitTest"]
    for arguments in (job, ["leaderboard", "UnitTest", "--out", "q.csv"], ["results", "--out", "r.csv"]):
        command = [sys.executable, "-m", "tsbench", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=writer, stderr=writer)
        assert done.returncode == 0
    os.close(writer)
    assert len((tmp_path / "q.csv").read_text().splitlines()) == 3
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 3


def test_every_public_name_resolves():
    import tsbench

    for name in tsbench.__all__:
        assert getattr(tsbench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tsbench.nothing  # noqa: B018


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            [name]
            for name in ("run", "leaderboard", "reproduce", "results", "list", "show", "status", "tune", "dashboard")
        ),
        *([["data", "list"], ["data", "info"], ["plugin", "list"], ["store", "info"]]),
    ],
)
def test_each_help_has_an_example_and_takes_a_store(tsbench, arguments):
    code, out, _ = tsbench(*arguments, "--help")
    assert code == 0
    assert f"tsbench {' '.join(arguments)}" in out.split("Options:")[0].split("Example", 1)[1]
    assert "--store" in out


def test_the_main_job(tsbench, tmp_path):
    job = ("run", "--method", "trls", "--dataset", "uea", "--offline", "--available", "--floors", *QUICK)
    code, out, err = tsbench(*job)
    assert code == 0, err
    assert "8 runs: 8 succeeded" in out
    assert "28 datasets are not on this machine" in err
    code, out, _ = tsbench(*job)
    assert code == 0 and "8 already in the store" in out
    code, out, _ = tsbench("leaderboard", "uea", "--out", "boards/uea.csv")
    assert code == 0
    for name in ("trls[", "random:trls", "majority", "1nn-ed", "BasicMotions", "JapaneseVowels", "2/30"):
        assert name in out
    frame = pd.read_csv(tmp_path / "boards" / "uea.csv", index_col="method")
    assert len(frame) == 4
    assert frame.loc["majority", "BasicMotions"] == 0.25
    assert frame["Epilepsy"].isna().all()


def test_what_no_method_reads_is_said_once_per_command(tsbench, tmp_path):
    static, y = np.arange(30.0).reshape(10, 3), np.arange(10) % 2
    np.savez(tmp_path / "ward.npz", X=np.ones((10, 1, 3)) * y[:, None, None], y=y, static=static)
    code, _, err = tsbench("run", "--method", "majority,1nn-ed", "--dataset", "ward.npz", "--seeds", 2)
    assert code == 0, err
    assert err.count("static") == 1
    assert "note: ward has 3 static values, which none of the chosen methods reads\n" in err


def test_results_as_csv_and_parquet(tsbench, tmp_path):
    tsbench("run", "--method", "majority", "--dataset", "GunPoint,UnitTest")
    code, out, _ = tsbench("results", "--format", "csv")
    columns = (
        "key method dataset protocol fold seed status accuracy f1_macro balanced_accuracy auroc auprc n_train n_test"
    )
    columns += " fit_seconds probe_seconds peak_memory_bytes params"
    assert code == 0
    assert set(columns.split()) <= set(out.splitlines()[0].split(","))
    assert len(out.splitlines()) == 3
    tsbench("results", "--format", "parquet", "--out", "r.parquet")
    frame = pd.read_parquet(tmp_path / "r.parquet")
    assert frame["n_test"].tolist() == [150, 22]
    assert tsbench("results", "--format", "parquet")[0] == 2
    assert "GunPoint" in tsbench("results")[1]


def test_show(tsbench):
    tsbench("run", "--method", "random:trls", "--dataset", "UnitTest", "--set", "encoder.cell=gru", "--seeds", "2,")
    key = tsbench("results", "--format", "csv")[1].splitlines()[1].split(",")[0]
    code, out, _ = tsbench("show", "run", key[:10])
    assert code == 0
    repeat = "tsbench run --method random:trls --dataset UnitTest --protocol svm-rbf --seeds 2, --set encoder.cell=gru"
    assert f"{repeat} --fold 0 " in out
    assert "accuracy" in out and "torch" in out
    arguments = out.split("repeat: tsbench ")[1].split()
    assert "1 runs: 1 succeeded" in tsbench(*arguments)[1]
    code, out, _ = tsbench("show", "method", "trls")
    assert code == 0 and "encoder.cell = 'lstm'" in out and "not specified in the paper" in out
    code, out, _ = tsbench("show", "dataset", "JapaneseVowels")
    assert code == 0 and "7 to 29" in out and "fingerprint" in out


def test_lists(tsbench):
    for kind, name in [
        ("methods", "random:<method>"),
        ("datasets", "GunPoint"),
        ("encoders", "tfr"),
        ("transforms", "stft"),
        ("probes", "svm-rbf"),
        ("protocols", "linear-cv5"),
        ("suites", "uea"),
        ("collections", "bundled"),
    ]:
        code, out, _ = tsbench("list", kind)
        assert code == 0 and name in out
    code, out, err = tsbench("data", "list", "bundled")
    assert code == 0 and "here     GunPoint" in out and "12 of 12" in err
    assert "missing" not in tsbench("data", "list", "uea", "--available")[1]
    assert "not on this machine" in tsbench("data", "info", "Epilepsy")[1]


def test_json(tsbench):
    code, out, err = tsbench("run", "--method", "majority", "--dataset", "GunPoint,Adiac", "--json")
    content = json.loads(out)
    assert code == content["exit_code"] == 3
    assert content["results"][0]["metrics"]["accuracy"] == pytest.approx(74 / 150)
    assert "Adiac" in content["missing"] and "Adiac" in err


def test_a_suite(tsbench, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "collections:\n  two: {datasets: [GunPoint, UnitTest], protocol: knn}\n"
        "suites:\n  s: {collection: two, methods: [1nn-ed], protocols: [knn], seeds: 1, floors: true}\n"
    )
    code, out, err = tsbench("run", "--suite", "s", "--registry", "mine.yaml")
    assert code == 0, err
    assert "4 runs: 4 succeeded" in out
    assert "1nn-ed" in tsbench("leaderboard", "s", "--registry", "mine.yaml")[1]
    assert tsbench("run", "--suite", "s", "--method", "majority", "--registry", "mine.yaml")[0] == 2


def test_a_plugin_file(tsbench, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from tsbench import hookimpl\nfrom tsbench import Classifier\n"
        "import numpy as np\n\nclass Zero(Classifier):\n    'Always the first class.'\n"
        "    def fit(self, train, validation, rng):\n        self.k = len(train.classes)\n"
        "    def predict_scores(self, panel):\n        return np.eye(self.k)[np.zeros(len(panel), int)]\n\n"
        "@hookimpl\ndef tsbench_methods(register):\n    register('zero', Zero)\n"
    )
    code, _, err = tsbench("--plugin", "mine.py", "run", "--method", "zero", "--dataset", "UnitTest")
    assert code == 0, err
    assert tsbench("plugin", "list", "--plugin", "none.py")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("run --method trsl --dataset uea", 2, "unknown method 'trsl'; did you mean 'trls'?"),
        ("run --method trls --dataset uaa", 2, "did you mean 'uea'?"),
        ("run --method majority --dataset Adiac", 3, "Adiac"),
        ("run --method majority --dataset ./none.csv", 2, "no such file"),
        ("run --method majority --dataset bad.csv", 1, "bad.csv"),
        ("run --method majority --dataset bad.ts", 1, "bad.ts"),
        ("run --method trls --dataset GunPoint --set lr=fast", 2, "'lr' = 'fast'"),
        ("run --method trls --dataset GunPoint --set tau=2", 2, "less than or equal to 1"),
        ("run --method trls --dataset GunPoint --set lrr=1", 2, "did you mean 'lr'?"),
        ("run --method majority --dataset GunPoint --device tpu", 2, "choose auto, cpu, cuda"),
        ("run --method majority --dataset GunPoint --seeds x", 2, "--seeds x"),
        ("run --method majority --dataset GunPoint --threads 0", 2, "threads"),
        ("run --method majority", 2, "--dataset"),
        ("runn", 2, "did you mean 'run'?"),
        ("leaderboard uea", 2, "there is no store"),
        ("leaderboard uea --metric acc", 2, "choose one of accuracy"),
        ("show run abc", 2, "there is no store"),
        ("results --store bad.csv", 1, "bad.csv"),
        ("run --method majority --dataset GunPoint --store no/such/folder/s.db", 1, "cannot be opened"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(tsbench, tmp_path, arguments, code, message):
    (tmp_path / "bad.csv").write_text("label,t0\na,x\n")
    (tmp_path / "bad.ts").write_bytes(b"\x00\xff\x00 rubbish \n" * 20)
    got, _, err = tsbench(*arguments.split())
    assert got == code
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("reproduce trls/table2 --dataset UnitTest --out bad.csv", "bad.csv is a file, not a folder"),
        ("reproduce trls/table2 --dataset UnitTest --out bad.csv/below", "bad.csv is a file, not a folder"),
        ("leaderboard UnitTest --out board.xlsx", "choose a file that ends in .csv, .md, .tex, .parquet or .json"),
        ("leaderboard UnitTest --out bad.csv/board.md", "bad.csv is a file, not a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_any_work(tsbench, tmp_path, arguments, message):
    (tmp_path / "bad.csv").touch()
    code, out, err = tsbench(*arguments.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "tsbench.db").exists()


def test_commas_part_names_but_not_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = "odd, dir/my,rec.csv"
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).touch()
    assert split_commas(None, None, (path,)) == [path]
    assert split_commas(None, None, (f"UnitTest, {path} ,GunPoint,", "a")) == ["UnitTest", path, "GunPoint", "a"]


def test_a_file_name_that_is_not_utf8_is_one_line(tsbench, tmp_path):
    name = os.fsdecode(b"\xff.csv")
    (tmp_path / name).write_text("label,t0\na,1\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_text("label,t0\na,1\n")
    for given in (f"./{name}", "folder/"):
        code, out, err = tsbench("run", "--method", "majority", "--dataset", given)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is not UTF-8; rename the file or folder" in err


def test_debug_shows_the_traceback(tsbench):
    assert "Traceback" in tsbench("--debug", "run", "--method", "trsl", "--dataset", "uea")[2]


def test_earlier_results_survive_a_failing_command(tsbench, tmp_path):
    tsbench("run", "--method", "majority", "--dataset", "GunPoint")
    (tmp_path / "one_TRAIN.csv").write_text("label,t0,t1\na,,\nb,,\n")
    (tmp_path / "one_TEST.csv").write_text("label,t0,t1\na,1,2\nb,2,1\n")
    code, _, err = tsbench("run", "--method", "majority", "--dataset", "./one_TRAIN.csv,UnitTest")
    assert code == 1
    assert "channel 0 has no observed value in the 2 training cases" in err
    statuses = pd.read_csv(__import__("io").StringIO(tsbench("results", "--format", "csv")[1]))["status"].tolist()
    assert sorted(statuses) == ["failed", "succeeded", "succeeded"]
    code, out, _ = tsbench("run", "--method", "majority", "--dataset", "./one_TRAIN.csv,UnitTest")
    assert code == 1 and "1 failed earlier (--retry runs them again)" in out


def test_ctrl_c_keeps_what_is_done_and_exits_130(tmp_path):
    command = [sys.executable, "-c", "from tsbench.cli import main; main()", "run", "--method", "majority,trls"]
    command += ["--dataset", "UnitTest", "--set", "min_steps=1000000"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True, env=dict(os.environ))
    assert "majority UnitTest" in process.stderr.readline()  # the next run has begun
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "failed" not in out and "2 runs: 1 succeeded, 1 " in out  # interrupted, or not yet started
    assert "Traceback" not in err
    from tsbench.store.store import Store

    rows = {row["method"]: row["status"] for row in Store(str(tmp_path / "tsbench.db")).results()}
    assert rows["majority"] == "succeeded"
    assert rows.get("trls", "interrupted") == "interrupted"


def test_a_board_of_some_rows(tsbench):
    assert tsbench("run", "--method", "majority,1nn-ed", "--dataset", "UnitTest,GunPoint")[0] == 0
    assert tsbench("run", "--method", "noop", "--dataset", "UnitTest")[0] == 0
    code, out, _ = tsbench("leaderboard", "UnitTest,GunPoint", "--method", "majority,noop", "--shared")
    assert code == 0 and "over the datasets that all methods have: 1" in out and "1nn-ed" not in out
    code, _, err = tsbench("leaderboard", "UnitTest,GunPoint", "--method", "majorty")
    assert code == 2 and "majorty" in err and "majority" in err


def test_the_rows_of_a_board_may_be_named_by_their_labels(tsbench):
    labels = ["ts2vec[encoder.depth=1,max_steps=1]", "ts2vec[max_steps=1]"]
    job = ("run", "--method", "ts2vec", "--dataset", "UnitTest", "--set", "max_steps=1", "--set", "min_steps=0")
    assert tsbench(*job)[0] == tsbench(*job, "--set", "encoder.depth=1")[0] == tsbench(*FLOORS)[0] == 0
    out = tsbench("leaderboard", "UnitTest", "--method", ",".join(labels))[1]
    assert all(f" {label} " in out for label in labels) and "majority" not in out


FLOORS = ("run", "--method", "majority", "--dataset", "UnitTest")
ODD = ["my,rec.v2.csv", "a b[red].csv", "=1+1|x.csv", "*_y_*`.csv"]


def test_the_board_of_a_run_is_told_and_takes_paths_of_any_name(tsbench, tmp_path):
    for number, name in enumerate(ODD):
        (tmp_path / name).write_text("label,t0\n" + "".join(f"{i % 2},{i * i + number}\n" for i in range(12)))
    (tmp_path / "ward.v1").mkdir()
    for part in ("TRAIN", "TEST"):
        (tmp_path / "ward.v1" / f"w.x_{part}.csv").write_text("label,t0\na,1\nb,2\n")
    paths = [f"./{name}" for name in ODD]
    code, out, err = tsbench("run", "--method", "majority,1nn-ed", "--dataset", ",".join(paths), "--dataset", "ward.v1")
    assert code == 0, err
    commands = [line.removeprefix("Board: ") for line in out.splitlines() if line.startswith("Board: ")]
    assert [shlex.split(command)[-1] for command in commands] == ["svm-rbf", "svm-rbf-cv5"]
    boards = [tsbench(*shlex.split(command)[1:], "--out", "b.csv") for command in commands]
    assert [code for code, _, _ in boards] == [0, 0]
    assert "w.x" in boards[0][1] and all(f" {name.removesuffix('.csv')} " in boards[1][1] for name in ODD)
    heads = ["my,rec.v2", "a b[red]", "'=1+1|x", "*_y_*`"]
    assert sorted(pd.read_csv(tmp_path / "b.csv").columns[-4:]) == sorted(heads)
    for given in ([",".join(paths)], paths):
        assert tsbench("leaderboard", *given)[0] == 0
    code, out, _ = tsbench("run", "--method", "majority", "--dataset", "./ward.v1/")
    assert code == 0 and "Board: tsbench leaderboard ./ward.v1/ --protocol svm-rbf\n" in out
    code, _, err = tsbench("leaderboard", "./my,rec.v2.csv", "--protocol", "svm-rbf")
    assert code == 2 and "make some: tsbench run --dataset ./my,rec.v2.csv --protocol svm-rbf --method ..." in err


ABSENT = """
from tsbench import Card, Dataset, hookimpl
from tsbench.errors import MissingDataError

class Absent(Dataset):
    card = Card("")
    def __init__(self, name): self.card = Card(name)
    def available(self): return False
    def load(self): raise MissingDataError(f"{self.card.name} lies in the clinic")

@hookimpl
def tsbench_datasets(register):
    for name in ("ward", "lab"):
        register(name, Absent, options={"name": name})
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "run --method majority --dataset ward",
        "run --method majority --dataset ward,lab,UnitTest",
        "run --method ts2vec --dataset UnitTest --set max_steps=1 --set min_steps=0 --pretrain-on ward,lab,GunPoint",
        "reproduce trls/table2 --dataset ward,lab",
        "tune --method ts2vec --dataset ward,lab",
        "data info ward",
        "data verify ward lab",
        "data path ward",
    ],
)
def test_nobody_is_told_to_fetch_what_cannot_be_fetched(tsbench, tmp_path, arguments):
    (tmp_path / "absent.py").write_text(ABSENT)
    code, out, err = tsbench(*arguments.split(), "--plugin", "absent.py")
    assert code == (0 if "info" in arguments else 3)
    assert "data fetch" not in out + err
    assert "ward" in out + err


def test_the_fetch_of_some_is_advised(tsbench, tmp_path):
    (tmp_path / "absent.py").write_text(ABSENT)
    _, _, err = tsbench("run", "--method", "majority", "--dataset", "ward,Meat,Wine", "--plugin", "absent.py")
    assert "2 datasets are not on this machine: Meat, Wine. Get them with 'tsbench data fetch NAME...'" in err
    assert "ward lies in the clinic\n" in err


def test_a_file_asked_for_is_written_before_anything_is_printed(tsbench, tmp_path, monkeypatch):
    assert tsbench("run", "--method", "majority", "--dataset", "UnitTest")[0] == 0
    key = tsbench("results", "--format", "csv")[1].splitlines()[1][:10]

    def full(*arguments, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr("click.echo", full)
    for arguments, file in (
        (("leaderboard", "UnitTest", "--out", "b.md"), "b.md"),
        (("show", "run", key, "--plot", "r.svg"), "r.svg"),
        (("data", "info", "UnitTest", "--plot", "d.svg"), "d.svg"),
    ):
        with pytest.raises(OSError, match="No space"):
            tsbench(*arguments)
        assert (tmp_path / file).stat().st_size


def test_some_folds_alone(tsbench, tmp_path):
    (tmp_path / "own.csv").write_text("label,t0\n" + "".join(f"{i % 2},{i}\n" for i in range(20)))
    job = ("run", "--method", "majority", "--dataset", "./own.csv")
    assert "2 runs: 2 succeeded" in tsbench(*job, "--fold", "3,0")[1]
    assert "5 runs: 3 succeeded, 2 already in the store" in tsbench(*job)[1]
    assert "1 runs: 0 succeeded, 1 already in the store" in tsbench(*job, "--fold", 4, "--fold", 4)[1]
    for given, message in (("5", "--fold 5: there are folds 0 to 4"), ("-1", "--fold -1: give the number of a fold")):
        code, _, err = tsbench(*job, "--fold", given)
        assert code == 2 and message in err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0", "a number of seeds is 1 to 1000; seed 0 alone is --seeds 0,"),
        ("20240101", "seed 20240101 alone is --seeds 20240101,"),
        ("-1", "--seeds -1: a number of seeds is 1 to 1000"),
        ("1", ""),
        ("0,", ""),
        ("1,3", ""),
    ],
)
def test_a_number_that_may_be_meant_as_a_seed(tsbench, given, message):
    code, _, err = tsbench("run", "--method", "majority", "--dataset", "UnitTest", "--seeds", given)
    assert code == (2 if given in ("0", "-1", "20240101") else 0)
    assert message in err if message else "--seeds" not in err


def test_a_board_says_what_it_leaves_out(tsbench, tmp_path):
    assert tsbench("run", "--method", "majority", "--dataset", "UnitTest,GunPoint")[0] == 0
    assert "Left out" not in tsbench("leaderboard", "UnitTest,GunPoint")[1]
    with sqlite3.connect(tmp_path / "tsbench.db") as connection:
        connection.execute("UPDATE runs SET method_version = 0 WHERE dataset = 'GunPoint'")
    code, out, _ = tsbench("leaderboard", "UnitTest,GunPoint")
    assert code == 0 and "Left out: 1 results of older versions, data or splits; 'tsbench run' makes them anew." in out


def cells(tsbench, tmp_path, *names):
    """Return {method: cell} of the boards of single datasets, each a mapping."""
    found = []
    for name in names:
        code, _, err = tsbench("leaderboard", name, "--out", tmp_path / "board.csv")
        assert code == 0, err
        found.append(pd.read_csv(tmp_path / "board.csv", index_col=0).iloc[:, -1].to_dict())
    return found


def wards(path, subject, flip=False):
    """Write 60 cases, three in a row alike: a subject column that parts them leaks."""
    rows = [f"{'ab'[(i // 3 + flip) % 2]},{i // 3 * 37 % 61},{i // 3 * 11 % 17},{subject(i)}" for i in range(60)]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["label,x,y,subject", *rows]) + "\n")


def test_corrected_subjects_have_every_method_measured_anew(tsbench, tmp_path):
    run = ("run", "--method", "1nn-ed", "--dataset", "ward.csv")
    wards(tmp_path / "ward.csv", lambda i: i)
    assert "5 succeeded" in tsbench(*run)[1]
    (leaking,) = cells(tsbench, tmp_path, "ward.csv")
    wards(tmp_path / "ward.csv", lambda i: i // 3)
    code, _, err = tsbench("leaderboard", "ward.csv")
    assert code == 2 and "5 results are of older versions, data or splits" in err
    assert "5 succeeded" in tsbench(*run)[1] and "5 already in the store" in tsbench(*run)[1]
    (right,) = cells(tsbench, tmp_path, "ward.csv")
    assert leaking["1nn-ed"] > 0.9 and right["1nn-ed"] < 0.8
    assert tsbench(*run, "--store", "fresh.db")[0] == 0
    assert cells(lambda *words: tsbench(*words, "--store", "fresh.db"), tmp_path, "ward.csv") == [right]


def test_two_files_of_one_name_do_not_displace_each_other(tsbench, tmp_path):
    for folder, flip in (("a", False), ("b", True)):
        wards(tmp_path / folder / "ward.csv", lambda i: i // 3, flip)
        assert tsbench("run", "--method", "1nn-ed", "--dataset", f"./{folder}/ward.csv")[0] == 0
    before = cells(tsbench, tmp_path, "./a/ward.csv", "./b/ward.csv")
    assert tsbench("run", "--method", "1nn-ed,majority", "--dataset", "./a/ward.csv")[0] == 0
    after = cells(tsbench, tmp_path, "./a/ward.csv", "./b/ward.csv")
    assert [one["1nn-ed"] for one in after] == [one["1nn-ed"] for one in before]
    assert "majority" in after[0] and "majority" not in after[1]


def test_a_copy_by_the_name_of_a_registered_dataset_leaves_its_board_alone(tsbench, tmp_path):
    assert tsbench("run", "--method", "majority", "--dataset", "UnitTest")[0] == 0
    wards(tmp_path / "trial" / "UnitTest.csv", lambda i: i // 3)
    board = cells(tsbench, tmp_path, "UnitTest")
    assert (
        tsbench("run", "--method", "majority", "--dataset", "trial/UnitTest.csv", "--protocol", "svm-rbf-cv5")[0] == 0
    )
    assert cells(tsbench, tmp_path, "UnitTest") == board


@pytest.mark.parametrize("name", ["", ",", " , "])
def test_a_board_of_nothing_is_refused(tsbench, name):
    code, _, err = tsbench("leaderboard", name)
    assert code == 2 and "name a collection, a dataset or a path" in err


def test_a_folder_that_the_search_path_would_part_is_refused(tsbench, tmp_path):
    (tmp_path / f"a{os.pathsep}b").mkdir()
    code, _, err = tsbench("data", "list", "--data-dir", tmp_path / f"a{os.pathsep}b")
    assert code == 2 and "parts the folders of TSBENCH_DATA; rename the folder" in err


def test_a_board_without_its_data_says_which_results_it_takes(tsbench, tmp_path):
    write = "".join(f"{'ab'[i % 2]}\t{i}\t{i * i}\n" for i in range(20))
    (folder := tmp_path / "data" / "BME").mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        (folder / f"BME_{part}.tsv").write_text(write)
    data = ("--offline", "--data-dir", tmp_path / "data")
    assert tsbench("run", "--method", "majority", "--dataset", "BME", *data)[0] == 0
    note = "Not on this machine, or not readable: BME. There the data that was run last counts."
    assert note not in tsbench("leaderboard", "BME", *data)[1]
    shutil.rmtree(folder)
    code, out, _ = tsbench("leaderboard", "BME", "--offline", "--data-dir", tmp_path)
    assert code == 0 and note in out and "majority" in out


def test_planning_reads_no_more_than_the_memory_limit(tsbench, tmp_path):
    """Sixty-four megabytes of zeros in a file of a few kilobytes."""
    np.savez_compressed(tmp_path / "x.npz", X=np.zeros((2, 1, 1 << 22)), y=[0, 1])
    code, _, err = tsbench("run", "--method", "majority", "--dataset", tmp_path / "x.npz", "--memory-limit", "100M")
    assert code != 0
    assert "takes 128.0 MiB of memory to read, more than the 100.0 MiB of --memory-limit" in err
    code, out, _ = tsbench("data", "info", tmp_path / "x.npz")
    assert code == 0 and "4194304" in out


def test_a_warning_about_data_is_one_line_without_a_place_in_the_code(tmp_path):
    rows = [f"{label},{','.join(str(level + i % 3) for i in range(9))}" for label, level in (("a", 0), ("b", 10**10))]
    (tmp_path / "x.csv").write_text("label," + ",".join(f"t{i}" for i in range(9)) + "\n" + "\n".join(rows) + "\n")
    command = [sys.executable, "-m", "tsbench", "data", "info", str(tmp_path / "x.csv")]
    err = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert err.startswith("warning: channel 0: float32 cannot hold the variation within 1 of 2 cases")
    assert err.count("\n") == 1


def test_a_rare_class_is_named_by_its_label(tsbench, tmp_path):
    rows = [f"{label},{case},{case % 3}" for case, label in enumerate([*("2", "3") * 5, "4"])]
    (tmp_path / "x.csv").write_text("label,t0,t1\n" + "\n".join(rows) + "\n")
    code, out, err = tsbench("run", "--method", "1nn-ed", "--dataset", tmp_path / "x.csv")
    assert code == 0
    assert "class '4' has 1 case for 5 folds" in " ".join((out + err).split())


def test_what_a_method_can_do_is_shown(tsbench, tmp_path):
    lines = {line.split()[0]: line for line in tsbench("list", "methods")[1].splitlines()}
    assert lines["supervised"].endswith(" (represent, decide)")
    assert lines["ts2vec"].endswith(" (represent)") and lines["rocket"].endswith(" (decide)")
    assert "decide" not in lines["random:<method>"]
    out = tsbench("show", "method", "rocket")[1]
    assert "  decide       decide by a rule of its own" in out and "give features" not in out
    code, _, err = tsbench("run", "--method", "ts2vec", "--dataset", "UnitTest", "--protocol", "own")
    assert (code, err.count("\n")) == (2, 1)
    assert err == "error: ts2vec has no decision rule of its own: take a protocol with a probe, such as svm-rbf\n"


def test_a_run_by_the_own_rule_says_how_to_repeat_it(tsbench):
    asked = ["--method", "supervised", "--dataset", "UnitTest", "--protocol", "own", "--set", "max_steps=1"]
    code, _, err = tsbench("run", *asked)
    assert code == 0, err
    _, csv, _ = tsbench("results", "--format", "csv")
    out = tsbench("show", "run", csv.splitlines()[1][:10])[1]
    (command,) = re.findall(r"^repeat: tsbench (.*)$", out, re.MULTILINE)
    assert "--protocol own" in command and "--set max_steps=1" in command and "probe=" not in command
    assert "1 succeeded" in tsbench(*shlex.split(command))[1]
