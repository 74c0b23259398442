"""What the README prints runs as printed."""

import os
import re
import subprocess
import sys

from tests.conftest import ROOT


def test_the_plugin_of_the_readme_runs_as_printed(tmp_path):
    package = tmp_path / "tsbench_mine"
    package.mkdir()
    blocks = re.findall(
        r"```python\n# tsbench_mine/(\w+\.py)[^\n]*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert [name for name, _ in blocks] == ["__init__.py", "method.py"]
    for name, code in blocks:
        (package / name).write_text(code)
    installed = tmp_path / "tsbench_mine-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: tsbench-mine\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[tsbench]\ntsbench_mine = tsbench_mine\n")
    command = [sys.executable, "-c", "from tsbench.cli import main; main()", "run", "--method", "mine"]
    command += ["--dataset", "UnitTest", "--set", "max_steps=3", "--set", "temperature=0.5", "--floors"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "4 runs: 4 succeeded" in done.stdout


def test_every_file_the_documents_name_exists():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
