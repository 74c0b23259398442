"""Imports point down and never in a circle, lazy ones and those for type checkers included."""

import ast
import re
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.conftest import ROOT

# From the ground up; what stands in one line takes nothing from its neighbours.
LAYERS = (
    ("errors", "text", "urls", "cleanup", "identity", "variables"),
    ("output", "terminal"),
    ("discovery",),
    ("data", "statistics"),
    ("tasks",),
    ("corruptions",),
    ("data_check", "condition"),
    ("methods", "protocol", "fetch"),
    ("nn", "registry", "learning"),
    ("plan",),
    ("store",),
    ("measure",),
    ("execute", "leaderboard"),
    ("evidence", "plots"),
    ("tune", "papers"),
    ("compare",),
    ("reading",),
    ("testing",),
    ("api",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules(folder, package):
    """Return {module: path} of the Python files of a folder that is on the path of imports."""
    files = sorted((folder / package).rglob("*.py"))
    return {".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(text, known):
    """Return the modules among `known` that a source file names in its imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole module"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if names <= known else {*names, node.module}
    return found & known


def imports():
    """Return {module: the modules it imports} of the core and the plugins."""
    files = modules(ROOT, "tsbench")
    for plugin in sorted((ROOT / "plugins").iterdir()):
        files |= modules(plugin.parent, plugin.name)
    return {name: imported(path.read_text(), files.keys()) - {name} for name, path in files.items()}


def layer(module):
    return module.split(".")[1]


def rising(graph):
    """Return (module, imported module) of each import in the core that does not point down."""
    return {
        (module, target)
        for module, targets in graph.items()
        for target in targets
        if module.startswith("tsbench.") and "." in target and layer(module) != layer(target)
        if LEVEL[layer(module)] <= LEVEL[layer(target)]
    }


GRAPH = imports()


def test_every_module_of_the_core_has_a_layer():
    assert {layer(module) for module in GRAPH if module.startswith("tsbench.")} <= LEVEL.keys()


def test_the_page_of_the_architecture_has_this_order():
    page = (ROOT / "docs" / "architecture.md").read_text().partition("\n## Layers\n")[2].partition("\n## ")[0]
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    there = {layer(module) for module in GRAPH if module.startswith("tsbench.")} - {"__main__"}
    layers = [[name for name in names if name in there] for names in reversed(LAYERS)]
    assert rows == [names for names in layers if names]


def test_imports_point_down():
    assert not rising(GRAPH)


def test_no_file_imports_itself_by_way_of_others():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_core_imports_no_plugin_and_a_plugin_only_building_blocks():
    blocks = {"tsbench", "tsbench_encoders", "tsbench_formats", "tsbench_imaging", "tsbench_probes", "tsbench_spectral"}
    for module, targets in GRAPH.items():
        home = module.split(".")[0]
        allowed = {"tsbench"} if home in blocks else blocks
        assert {target.split(".")[0] for target in targets} <= {*allowed, home}, module


def test_lazy_imports_and_those_for_types_count():
    known = {"a", "a.b", "a.c", "d"}
    lazy = "def f():\n    from a import b, name\n"
    typed = "if TYPE_CHECKING:\n    import a.c\n"
    assert imported(lazy, known) == {"a", "a.b"} and imported(typed, known) == {"a.c"}
    assert rising({"tsbench.data.panel": {"tsbench.plan.spec"}}) == {("tsbench.data.panel", "tsbench.plan.spec")}
