"""The documents: their commands and code run as printed, every name is documented, every link leads somewhere."""

import contextlib
import inspect
import io
import itertools
import logging
import re
import runpy
import shlex
import sys
import tomllib
from dataclasses import dataclass

import click
import pytest

from tests.conftest import ROOT
from tsbench.cli.group import cli
from tsbench.discovery import hookspecs
from tsbench.discovery.plugins import KINDS, plugins
from tsbench.errors import UsageError
from tsbench.methods.params import declarations
from tsbench.plan.plan import make_plan
from tsbench.plan.request import Request, parse_overrides
from tsbench.tasks import metric_for

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WRITTEN = "\n".join(page.read_text() for page in PAGES)
QUICK = ("--set", "max_steps=2", "--set", "min_steps=0")
TRAINED = {"ts2vec", "denoise"}


@pytest.fixture
def reference(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs_build")
    import reference

    return reference


# --- pages whose blocks run in order, in one folder


@dataclass
class Block:
    language: str
    title: str
    text: str


def blocks_of(page):
    found = re.findall(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', page.read_text(), re.DOTALL | re.MULTILINE)
    return [Block(*parts) for parts in found]


def command_words(line):
    words = shlex.split(line, comments=True)[1:]
    methods = set(words[words.index("--method") + 1].split(",")) if words[0] == "run" else set()
    return [*words, *(QUICK if methods & TRAINED else ())]


class Reader:
    """Does what a page says: writes its files, runs its scripts and commands, compares what they print."""

    def __init__(self, tsbench, folder):
        self.tsbench, self.folder, self.printed, self.names = tsbench, folder, "", {}

    def read(self, block):
        if block.language == "bash":
            lines = [line for line in block.text.splitlines() if line.startswith("tsbench ")]
            self.printed = "".join(self.command(line) for line in lines)
        elif block.language == "text":
            for line in block.text.splitlines():
                assert line in self.printed, f"not printed: {line!r}\n{self.printed}"
        elif block.language == "python" and not block.title:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(block.text, self.names)
            self.printed = printed.getvalue()
        elif re.fullmatch(r"\w+\.py", block.title):
            runpy.run_path(str(self.folder / block.title))
        elif block.title.startswith("tests/"):
            tests = [v for k, v in runpy.run_path(str(self.folder / block.title)).items() if k.startswith("test_")]
            assert tests
            for test in tests:
                test()

    def command(self, line):
        if "KEY" in line:
            _, csv, _ = self.tsbench("results", "--format", "csv")
            line = line.replace("KEY", csv.splitlines()[1][:10])
        stated = re.search(r"# exits (\d+)", line)
        code, out, err = self.tsbench(*command_words(line))
        assert code == (int(stated[1]) if stated else 0), f"{line}\n{out}\n{err}"
        return out + err


def write_files(page, folder):
    for block in blocks_of(page):
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)


@pytest.fixture
def install(monkeypatch):
    """Make a folder with a plugin and its pyproject.toml look installed; returns the entry points."""
    before = set(sys.modules)

    def call(folder):
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        points = project["entry-points"]["tsbench"]
        info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        (info / "entry_points.txt").write_text("[tsbench]\n" + "\n".join(f"{k} = {v}" for k, v in points.items()))
        monkeypatch.syspath_prepend(folder)
        plugins.cache_clear()
        return points

    yield call
    for name in set(sys.modules) - before:
        if name.startswith("tsbench_mine"):
            del sys.modules[name]
    plugins.cache_clear()


@pytest.mark.parametrize("name", ["getting-started.md", "own-data.md", "large-data.md", "python.md", "plots.md"])
def test_a_page_runs_as_printed(name, tsbench, tmp_path):
    page, reader = DOCS / name, Reader(tsbench, tmp_path)
    write_files(page, tmp_path)
    for block in blocks_of(page):
        reader.read(block)
    assert reader.printed


def test_the_plugins_of_the_page_run_as_printed(tsbench, tmp_path, install):
    page, reader = DOCS / "writing-a-plugin.md", Reader(tsbench, tmp_path)
    write_files(page, tmp_path)
    assert set(install(tmp_path)) == {"tsbench_mine"}
    assert {kind: len(names) for kind, names in plugins().health["tsbench_mine"].registered.items()} == {
        kind: 2 if kind == "methods" else 1 for kind in KINDS
    }
    for block in blocks_of(page):
        reader.read(block)


# --- every command that a document mentions exists and takes these options


def mentioned(text):
    """Yield (command line, whether it must be complete) of code blocks and of `code` in sentences."""
    text = text.replace("\\\n", " ")
    fenced = r"^```.*?^```$"
    code = "\n".join(re.findall(fenced, text, re.DOTALL | re.MULTILINE))
    rest = re.sub(fenced, "", text, flags=re.DOTALL | re.MULTILINE)
    for line in re.findall(r"^ *(tsbench .*)$", code, re.MULTILINE) + re.findall(
        r"^ {4}(tsbench .*)$", rest, re.MULTILINE
    ):
        yield line, True
    for line in re.findall(r"`(tsbench [^`]+)`", rest):
        yield " ".join(line.split()), False


def parse(line, complete):
    """Parse a command line without running it; return the options of a whole one; click.UsageError as click."""
    words = shlex.split(re.split(r" [|>] ", line)[0], comments=True)
    arguments = [b for a, b in itertools.pairwise(words) if b != "..." or a.startswith("--")]
    command, context = cli, None
    while arguments or complete:
        context = click.Context(command, parent=context, info_name=command.name)
        try:
            rest = click.Command.parse_args(command, context, list(arguments))
        except click.exceptions.Exit:  # --help, --version
            return {}
        except click.MissingParameter:
            if complete:
                raise
            return {}
        except click.BadParameter as error:  # a folder of the reader's
            if not isinstance(getattr(error.param, "type", None), click.Path):
                raise
            return {}
        if not isinstance(command, click.Group) or not rest:
            return context.params
        _, command, arguments = command.resolve_command(context, rest)
    return {}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_of_a_document_is_one(page):
    wrong = []
    for line, complete in mentioned(page.read_text()):
        try:
            parse(line, complete)
        except click.UsageError as error:
            wrong.append(f"{line}: {error.format_message()}")
    assert not wrong


OF_THE_PAGE = {"mine", "M", "denoise", "levels", "uniform"}  # methods that a page writes, or leaves to the reader


def unknown(options, installed, registry):
    """Say which metric, method, parameter or protocol of a command is none, as the command would; else ""."""
    try:
        metric_for({}, options.get("metric"), derived=True)
        if "pairs" in options and (methods := set(options.get("methods", ())) - OF_THE_PAGE):
            protocols = [name.partition("+")[0] for name in options["protocols"]]
            overrides = parse_overrides(options["pairs"])
            make_plan(Request(sorted(methods), ["UnitTest"], protocols, overrides=overrides), installed, registry)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_name_in_a_command_is_known(page, installed, registry):
    wrong = {}
    for line, _ in mentioned(page.read_text()):
        with contextlib.suppress(click.UsageError):
            if said := unknown(parse(line, False), installed, registry):
                wrong[line] = said
    assert not wrong


def test_a_name_that_is_unknown_is_noticed(installed, registry):
    for line in (
        "tsbench tune --method trls --dataset GunPoint --metric macro_f1",
        "tsbench run --method trsl --dataset GunPoint",
        "tsbench run --method trls --dataset GunPoint --set encoder.cells=gru",
        "tsbench run --method trls --dataset GunPoint --protocol linaer+labels=0.1",
    ):
        assert unknown(parse(line, True), installed, registry)


def test_a_command_that_is_none_is_noticed():
    for line in ("tsbench runs", "tsbench run --methods trls", "tsbench show methods trls", "tsbench list"):
        with pytest.raises(click.UsageError):
            parse(line, complete=True)


# --- every path that a document names is there

# Folders and files of the reader's own.
OF_THE_READER = {"ucr/", "uea/", "p12/", "afdb/", "cinc2021/", "cpsc2018/", "mitdb/", "panels/", "ptb-xl/", "mine.py"}


def paths_in(text):
    """Return the paths of folders (`a/`) and of Python files that a document names in `code`."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    words = {word for code in re.findall(r"`([^`]+)`", prose) for word in code.split()}
    return {word for word in words if re.fullmatch(r"[\w./-]+(\.py|/)", word)}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_path_of_a_document_is_there(page):
    homes = (ROOT, ROOT / "tsbench", ROOT / "plugins")
    named = paths_in(page.read_text()) - OF_THE_READER
    assert not {path for path in named if not any((home / path).exists() for home in homes)}


def test_a_path_that_is_not_there_is_noticed():
    assert paths_in("`run/gone.py` and `python benchmarks/x.py`, in `run/`; `a.b`") == {
        "run/gone.py",
        "benchmarks/x.py",
        "run/",
    }


# --- every name is documented


def test_every_hook_is_on_the_page_of_plugins():
    hooks = [name for name, value in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("tsbench_")]
    assert len(hooks) == len(KINDS)
    page = (DOCS / "writing-a-plugin.md").read_text()
    for hook in hooks:
        assert f"`{hook}`" in page
        assert f"def {hook}(" in page


def test_every_method_is_on_a_page_of_methods(installed):
    pages = {page.stem: page.read_text() for page in (DOCS / "methods").glob("*.md") if page.stem != "index"}
    for name in installed["methods"].names():
        assert name in pages or re.search(rf"`{name}(NAME)?`", "\n".join(pages.values())), name


def test_every_page_of_a_method_is_in_the_list_of_methods():
    index = (DOCS / "methods" / "index.md").read_text()
    for page in (DOCS / "methods").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name}" in index, page.name


@pytest.mark.parametrize("section", ["protocols", "suites", "collections"])
def test_every_entry_of_the_registry_is_written_about(section, registry):
    for name in getattr(registry, section):
        assert f"`{name}`" in WRITTEN, name


def test_every_variable_of_the_environment_is_documented():
    sources = [*(ROOT / "tsbench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    names = {name for path in sources for name in re.findall(r'["\'](TSBENCH_[A-Z]+)["\']', path.read_text())}
    assert "TSBENCH_DATA" in names
    page = (DOCS / "reference" / "commands.md").read_text()
    assert not {name for name in names if f"`{name}`" not in page}


def walk(command, path=("tsbench",)):
    if path != ("tsbench",):
        yield path, command
    for name in getattr(command, "list_commands", lambda context: [])(None):
        yield from walk(command.get_command(None, name), (*path, name))


def test_the_reference_has_every_command_and_option(reference):
    sections = re.split(r"^## ", reference.commands(), flags=re.MULTILINE)
    by_title = {section.split("\n", 1)[0]: section for section in sections}
    common = by_title["Options of every command"]
    commands = list(walk(cli))
    assert {"run", "data fetch", "store merge"} <= {" ".join(path[1:]) for path, _ in commands}
    for path, command in commands:
        section = by_title[" ".join(path)]
        assert command.help.split()[0] in section
        for option in (p for p in command.params if isinstance(p, click.Option)):
            assert f"`{option.opts[0]}" in section or f"`{option.opts[0]}" in common, (path, option.opts)


def test_the_reference_has_every_parameter(reference, installed):
    sections = re.split(r"^### ", reference.parameters(), flags=re.MULTILINE)
    by_anchor = {re.search(r"\{ #(\S+) \}", section)[1]: section for section in sections[1:]}
    for kind in reference.WITH_PARAMETERS:
        for entry in installed[kind]:
            section = by_anchor[f"{kind[:-1]}-{entry.name.rstrip(':')}"]
            if not entry.name.endswith(":"):
                for declared in declarations(installed[kind].get(entry.name).Params):
                    row = re.search(rf"^\| `{declared.name}` \| .*$", section, re.MULTILINE)
                    assert row and reference.prose(declared.doc) in row[0], (entry.name, declared.name)
                    assert all(f"{bound:g}" in row[0] for bound in (declared.low, declared.high) if bound is not None)


# --- the site


def test_the_site_builds_in_strict_mode_and_loads_nothing_from_elsewhere(tmp_path, caplog, monkeypatch):
    """Strict: a link or an anchor that leads nowhere is an error."""
    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path))
    config.plugins.run_event("startup", command="build", dirty=False)
    with caplog.at_level(logging.WARNING, logger="mkdocs"):
        try:
            build(config)
        except Abort:
            pytest.fail("\n".join(record.message for record in caplog.records))
    html = {path: path.read_text() for path in tmp_path.rglob("*.html")}
    assert len(html) > len(PAGES)
    for path, text in html.items():
        assert not re.search(r'(?:<script[^>]* src|<link[^>]* href|<img[^>]* src)="?https?:', text), path
        assert not re.search(r"\{\{ \w+ \}\}", text), path
