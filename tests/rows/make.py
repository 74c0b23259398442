"""Add to `rows.db` the rows that the code as it is makes anew, as where a version was raised; rows of before stay.

python -m tests.rows.make
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.rows.commands import DEV_DATA, RUNS, TUNE, WARD

ROWS = Path(__file__).with_name("rows.db")


def write_ward():
    """Write 40 cases of 8 subjects, two classes."""
    rng = np.random.default_rng(7)
    lines = ["label,subject," + ",".join(f"t{i}" for i in range(12))]
    for case in range(40):
        values = rng.normal(size=12).cumsum() + case % 2
        lines.append(f"{'ab'[case % 2]},s{case // 5}," + ",".join(f"{value:.4f}" for value in values))
    Path(WARD).write_text("\n".join(lines) + "\n")


def placeless(spec):
    """Return a specification without the folders of the machine that made it."""
    return {**spec, "dataset_ref": Path(spec["dataset_ref"]).name, "data_dirs": []}


def main():
    if not Path(WARD).exists():
        write_ward()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "rows.db"
        if ROWS.exists():
            shutil.copy(ROWS, store)
        for command in [TUNE, *RUNS.values()]:
            words = [sys.executable, "-m", "tsbench", *command, "--store", store, "--offline", "--device", "cpu"]
            subprocess.run(words, check=True, env={**os.environ, "TSBENCH_DATA": str(DEV_DATA)})
        connection = sqlite3.connect(store, isolation_level=None)
        connection.execute("DELETE FROM checkpoints")
        connection.execute("UPDATE attempts SET owner = ''")
        for key, spec in connection.execute("SELECT key, spec FROM runs").fetchall():
            connection.execute("UPDATE runs SET spec = ? WHERE key = ?", (json.dumps(placeless(json.loads(spec))), key))
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA page_size=512")
        connection.execute("VACUUM")
        connection.close()
        ROWS.write_bytes(store.read_bytes())


if __name__ == "__main__":
    main()
