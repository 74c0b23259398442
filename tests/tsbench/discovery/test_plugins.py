import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tsbench.discovery.plugins import Plugins
from tsbench.errors import UsageError

PLUGIN = """
from tsbench import hookimpl
from tsbench import Transform

class Half(Transform):
    "Halves."
    def __call__(self, x, rng=None):
        return x / 2

@hookimpl
def tsbench_transforms(register):
    register("half", Half)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the example plugin and its broken twin installed, as pip would for a user."""
    target = tmp_path_factory.mktemp("site")
    for plugin in ("example_plugin", "broken_plugin"):
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target"]
        subprocess.run([*command, str(target), str(ROOT / "tests" / plugin)], check=True, capture_output=True)
    return target


def outside(site, cwd, *arguments):
    """Run tsbench in a fresh process that sees the installed plugins."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", "from tsbench.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_an_installed_plugin_runs_and_its_broken_twin_is_reported(site, tmp_path):
    health = outside(site, tmp_path, "plugin", "list")
    assert health.returncode == 1
    assert "BROKEN  tsbench_broken 0.1: RuntimeError: this plugin is broken on purpose" in health.stdout
    assert "ok      tsbench_example 0.1: 1 datasets, 1 transforms, 1 methods" in health.stdout
    arguments = ["--method", "mine", "--dataset", "two-waves", "--protocol", "linear", "--set", "max_steps=3"]
    run = outside(site, tmp_path, "run", *arguments, "--floors")
    assert run.returncode == 0, run.stderr
    assert "4 runs: 4 succeeded" in run.stdout
    board = outside(site, tmp_path, "leaderboard", "two-waves", "--protocol", "linear")
    assert "random:mine" in board.stdout


def test_a_plugin_of_one_file_may_register_the_class_itself(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    found = Plugins()
    found.load_file(path)
    assert found["transforms"].get("half").__name__ == "Half"
    assert found["transforms"].entry("half").summary == "Halves."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("def oops(:", "SyntaxError"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye"),
        (PLUGIN.replace("tsbench_transforms", "tsbench_transform"), "unknown hook 'tsbench_transform'"),
        (PLUGIN.replace('"half", Half', '"half", "Half"'), "must be 'module:attribute' or the class itself"),
        (PLUGIN.replace('"half"', '"a,b"'), "use letters, digits"),
    ],
)
def test_a_broken_file_is_refused_with_its_error(tmp_path, content, message):
    path = tmp_path / "mine.py"
    path.write_text(content)
    found = Plugins()
    with pytest.raises(UsageError, match=message):
        found.load_file(path)
    assert found["transforms"].names() == []


def test_a_hook_that_raises_registers_nothing(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN + "    raise KeyError('late')\n")
    found = Plugins()
    with pytest.raises(UsageError, match="late"):
        found.load_file(path)
    assert found["transforms"].names() == []
    assert "Traceback" in found.health["mine.py"].details


def test_a_name_belongs_to_who_registered_it_first(tmp_path):
    found = Plugins()
    for number in (1, 2):
        (tmp_path / f"m{number}.py").write_text(PLUGIN)
    found.load_file(tmp_path / "m1.py")
    with pytest.raises(UsageError, match="'half' is already registered by m1.py"):
        found.load_file(tmp_path / "m2.py")
    assert found["transforms"].entry("half").plugin == "m1.py"


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match="there is no such file"):
        Plugins().load_file(tmp_path / "none.py")
