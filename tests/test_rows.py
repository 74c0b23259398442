"""Rows of earlier code stay rows: what is planned now has the keys that the store of then holds."""

import re
import shutil
from pathlib import Path

import pytest

from tests.rows.commands import DEV_DATA, RUNS

pytest.importorskip("optuna")
ROWS = Path(__file__).parent / "rows" / "rows.db"


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS.keys())
def test_every_row_is_found_again_by_its_key(tsbench, tmp_path, monkeypatch, command):
    if "SmoothSubspace" in command:
        if not (DEV_DATA / "ucr").is_dir():
            pytest.skip("needs the development data (TSBENCH_DEV_DATA)")
        monkeypatch.setenv("TSBENCH_DATA", str(DEV_DATA))
    shutil.copy(ROWS, tmp_path / "rows.db")
    code, out, err = tsbench(*command, "--store", "rows.db", "--offline", "--device", "cpu")
    assert code == 0, err
    counts = re.search(r"^(\d+) runs: 0 succeeded, (\d+) already in the store\.", out, re.MULTILINE)
    assert counts and counts[1] == counts[2], out
