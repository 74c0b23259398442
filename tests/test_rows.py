"""Rows of earlier code stay rows: what is planned now has the keys that the store of then holds."""

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rows.commands import DEV_DATA, RUNS
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request
from tsbench.plan.spec import PADDING

pytest.importorskip("optuna")
ROWS = Path(__file__).parent / "rows" / "rows.db"
# Of commands whose rows were made anew, since they read the padding of shorter series: what they ask for.
SUPERSEDED = {"encoder": ("simclr", "JapaneseVowels", {"encoder": "gru"})}


@pytest.mark.parametrize("name", RUNS)
def test_every_row_is_found_again_by_its_key(tsbench, tmp_path, monkeypatch, name):
    if "SmoothSubspace" in RUNS[name]:
        if not (DEV_DATA / "ucr").is_dir():
            pytest.skip("needs the development data (TSBENCH_DEV_DATA)")
        monkeypatch.setenv("TSBENCH_DATA", str(DEV_DATA))
    shutil.copy(ROWS, tmp_path / "rows.db")
    code, out, err = tsbench(*RUNS[name], "--store", "rows.db", "--offline", "--device", "cpu")
    assert code == 0, err
    counts = re.search(r"^(\d+) runs: 0 succeeded, (\d+) already in the store\.", out, re.MULTILINE)
    assert counts and counts[1] == counts[2], out


@pytest.mark.parametrize("name", SUPERSEDED)
def test_a_superseded_row_differs_in_what_is_done_with_padding_alone(installed, registry, name):
    method, dataset, settings = SUPERSEDED[name]
    (spec,) = make_plan(
        Request([method], [dataset], overrides={**settings, "max_steps": "3"}), installed, registry
    ).specs
    with closing(sqlite3.connect(ROWS)) as connection:
        known = {key for (key,) in connection.execute("SELECT key FROM runs")}
    before = {part: version for part, version in spec.versions.items() if not part.startswith(PADDING)}
    assert before != spec.versions
    assert spec.key in known and replace(spec, versions=before).key in known


@pytest.mark.parametrize(("method", "version"), [("trls", 3), ("supervised", 2)])
def test_rows_of_an_earlier_version_are_not_taken_for_those_of_the_present_one(method, version):
    with closing(sqlite3.connect(ROWS)) as connection:
        rows = connection.execute("SELECT dataset, protocol, method_version FROM runs WHERE method = ?", (method,))
        versions = {}
        for dataset, protocol, one in rows:
            versions.setdefault((dataset, protocol), set()).add(one)
    assert versions["SmoothSubspace", "svm-rbf"] == {version - 1, version}
