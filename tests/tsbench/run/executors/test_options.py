"""The options of `tsbench run` that say where runs are done."""

import pytest

from tests.tsbench.run.executors.conftest import TROUBLE
from tsbench.run.store import Store


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--workers 0", 2, "--workers"),
        ("--time-limit 0", 2, "--time-limit 0: give seconds above 0"),
        ("--time-limit nan", 2, "--time-limit nan: give seconds above 0"),
        ("--time-limit soon", 2, "--time-limit"),
        ("--memory-limit much", 2, "--memory-limit much: give a size above 0 such as 512M"),
        ("--memory-limit 9999T", 2, "this machine has"),
        ("--executor slurm", 2, "--executor"),
        ("--address 127.0.0.1:1", 2, "--address is for --executor ray"),
        ("--device cpu,cuda:99 --workers 2", 2, "CUDA devices"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(tsbench, options, code, message):
    got, _, err = tsbench("run", "--method", "majority", "--dataset", "UnitTest", *options.split())
    assert got == code
    assert message in err
    assert "Traceback" not in err


def test_without_ray_or_a_cluster_the_answer_is_one_line(tsbench):
    pytest.importorskip("ray")
    run = ("run", "--method", "majority", "--dataset", "UnitTest", "--executor", "ray")
    code, _, err = tsbench(*run, "--address", "127.0.0.1:1")
    assert code == 1
    assert "nothing answers there" in err.splitlines()[-1]


def test_workers_share_a_pretraining_and_load_a_plugin_file(tsbench, tmp_path):
    run = ("run", "--method", "trls", "--dataset", "UnitTest", "--protocol", "svm-rbf,knn,linear", "--workers", "2")
    code, out, err = tsbench(*run, "--set", "max_steps=2", "--set", "min_steps=0")
    assert code == 0 and "3 succeeded" in out, err
    store = Store(str(tmp_path / "tsbench.db"))
    assert sorted(row["facts"]["reused_pretraining"] for row in store.results()) == [0, 1, 1]
    store.close()
    run = ("run", "--plugin", TROUBLE, "--method", "trouble", "--dataset", "tiny", "--time-limit", "6000")
    assert tsbench(*run)[0] == 0
