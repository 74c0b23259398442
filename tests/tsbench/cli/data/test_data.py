"""tsbench data fetch, verify, path: what the user sees, from a server on this machine."""

import os
import signal
import sys

import pytest
from rich.filesize import decimal

from tests.tsbench.fetch.server import FILES, FINGERPRINT, NAME, quick, reply, serving, zipped
from tsbench.cli.data import fetch as data_fetch
from tsbench.data.places import fetched_folder
from tsbench.fetch import fetcher
from tsbench.fetch.locations import ZipArchive
from tsbench.fetch.web import Web
from tsbench_archives import archive, fetch


@pytest.fixture
def homes(monkeypatch, tmp_path):
    """Give every dataset the homes /NAME.zip and /mirror/NAME.zip of a server, and no other source."""
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetcher, "Web", quick)
    monkeypatch.setattr(archive, "_bundles", lambda: [])
    with serving(monkeypatch) as server:
        urls = [server.url("/{}.zip"), server.url("/mirror/{}.zip")]
        monkeypatch.setattr(fetch, "locations", lambda row: tuple(ZipArchive(url.format(row.name)) for url in urls))
        server.pages[f"/{NAME}.zip"] = zipped()
        yield server


def test_what_was_fetched_is_found_by_every_command(homes, tsbench):
    assert tsbench("data", "path", NAME)[0] == 3
    code, out, err = tsbench("data", "fetch", NAME)
    assert code == 0, err
    folder = fetched_folder() / NAME
    assert f"fetched {NAME} into {folder}: content as known" in out
    size = decimal(len(homes.pages[f"/{NAME}.zip"]))
    assert f"1 to fetch, {size} in all, into {fetched_folder()}" in err
    assert f"{size}  licence not stated  {homes.url(f'/{NAME}.zip')}" in err
    assert f"here     {NAME}" in tsbench("data", "list")[1]
    assert FINGERPRINT in tsbench("data", "info", NAME)[1]
    assert tsbench("data", "path", NAME)[1].split() == [str(folder / name) for name in FILES]
    code, out, err = tsbench("run", "--method", "majority", "--dataset", NAME, "--offline")
    assert code == 0 and "1 succeeded" in out, err


def test_what_is_here_is_not_asked_for(homes, tsbench):
    tsbench("data", "fetch", NAME)
    homes.seen.clear()
    code, _, err = tsbench("data", "fetch", NAME)
    assert code == 0 and "1 of 1 datasets are here already" in err
    assert homes.seen == []
    assert tsbench("data", "fetch", NAME, "--force")[0] == 0
    assert homes.seen


@pytest.mark.parametrize("where", ["before", "after"])
def test_data_dir_is_where_it_goes(homes, tsbench, tmp_path, monkeypatch, where):
    (tmp_path / "mine").mkdir()
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path / "shared"))
    option = ["--data-dir", tmp_path / "mine"]
    arguments = [*option, "data", "fetch", NAME] if where == "before" else ["data", "fetch", NAME, *option]
    assert tsbench(*arguments)[0] == 0
    assert (tmp_path / "mine" / NAME / f"{NAME}_TEST.ts").is_file()
    assert not fetched_folder().exists() and not any((tmp_path / "shared").iterdir())


def test_without_data_dir_it_goes_to_the_cache(homes, tsbench, tmp_path, monkeypatch):
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path / "shared"))
    assert tsbench("data", "fetch", NAME)[0] == 0
    assert (tmp_path / "cache" / "data" / NAME).is_dir()
    assert tsbench("data", "path")[1].strip() == str(tmp_path / "cache" / "data")


def test_the_second_home_and_a_set_that_nobody_has(homes, tsbench):
    homes.pages[f"/mirror/{NAME}.zip"] = homes.pages.pop(f"/{NAME}.zip")
    code, out, err = tsbench("data", "fetch", "Beef", NAME)
    assert code == 3
    assert f"fetched {NAME}" in out
    assert f"error: Beef was not fetched: {homes.url('/Beef.zip')}: HTTP 404 Not Found; " in err
    assert f"put Beef_TRAIN.ts and Beef_TEST.ts into {fetched_folder() / 'Beef'}" in err


def test_another_version_is_kept_and_said(homes, tsbench):
    changed = {name: text.replace(b"@data\n", b"@data\n9", 1) for name, text in FILES.items()}
    assert changed != FILES
    homes.pages[f"/{NAME}.zip"] = zipped(changed)
    code, out, err = tsbench("data", "fetch", NAME)
    assert code == 1
    assert f"{NAME}: CONTENT DIFFERS" in out.replace(f"{fetched_folder() / NAME}", NAME)
    assert f"content differs from the known: {NAME}" in err
    assert tsbench("data", "verify")[0] == 1


# --- no network


def test_offline_is_one_quick_refusal(homes, tsbench):
    code, _, err = tsbench("data", "fetch", "uea", "--offline")
    assert code == 3
    [line] = err.strip().splitlines()
    assert "offline" in line and "ArticularyWordRecognition" in line and "UWaveGestureLibrary" in line
    assert str(fetched_folder()) in line
    assert homes.seen == []


def test_no_network_is_one_quick_refusal(homes, tsbench, monkeypatch):
    asked = []
    homes.close()
    size = Web.size
    monkeypatch.setattr(Web, "size", lambda self, url: asked.append(url) or size(self, url))
    code, out, err = tsbench("data", "fetch", "uea")
    assert code == 3 and not out
    [line] = err.strip().splitlines()
    assert "no connection" in line and "Not fetched: ArticularyWordRecognition, " in line
    assert "UWaveGestureLibrary" in line
    assert len(asked) == 1


def test_run_says_how_to_get_what_is_missing_and_fetches_nothing(homes, tsbench):
    code, _, err = tsbench("run", "--method", "majority", "--dataset", NAME)
    assert code == 3
    assert f"get it with 'tsbench data fetch {NAME}'" in err
    assert homes.seen == []


# --- interruption


def test_ctrl_c_leaves_nothing_half(homes, tsbench):
    page = zipped()

    def half_then_ctrl_c(handler):
        reply(handler, page[: len(page) // 2], len(page))
        if handler.command == "GET":
            os.kill(os.getpid(), signal.SIGINT)
            homes.closing.wait()

    homes.pages[f"/{NAME}.zip"] = half_then_ctrl_c
    code, out, err = tsbench("data", "fetch", NAME)
    assert code == 130 and err.endswith("interrupted\n") and not out
    assert [path.name for path in fetched_folder().iterdir() if path.suffix != ".lock"] == []
    homes.pages[f"/{NAME}.zip"] = page
    assert tsbench("data", "fetch", NAME)[0] == 0


# --- the question


@pytest.mark.parametrize(
    ("terminal", "options", "answer", "fetched"),
    [(True, (), "n", False), (True, (), "y", True), (True, ("--yes",), "", True), (False, (), "", True)],
)
def test_a_large_download_is_asked_about_on_a_terminal(homes, tsbench, monkeypatch, terminal, options, answer, fetched):
    questions = []
    monkeypatch.setattr(data_fetch, "ASK_ABOVE_BYTES", 100)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: questions.append(text) or answer)
    code = tsbench("data", "fetch", NAME, *options)[0]
    assert len(questions) == bool(answer)
    assert (fetched_folder() / NAME).is_dir() == fetched
    assert code == (0 if fetched else 130)


def test_small_downloads_are_not_asked_about(homes, tsbench, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert tsbench("data", "fetch", NAME)[0] == 0


# --- refusals


def test_unknown_names_and_own_files(homes, tsbench, tmp_path):
    assert tsbench("data", "fetch", "Gunpoint")[0] == 2
    (tmp_path / "own.csv").write_text("label,t0\na,1\nb,2\n")
    code, _, err = tsbench("data", "fetch", "./own.csv", "--force")
    assert code == 2 and "cannot be fetched: own" in err


# --- verify


def test_verify(homes, tsbench, tmp_path):
    code, out, _ = tsbench("data", "verify", NAME)
    assert code == 3 and f"tsbench data fetch {NAME}" in out
    tsbench("data", "fetch", NAME)
    code, out, _ = tsbench("data", "verify")
    assert code == 0
    assert out.split() == ["same", NAME, FINGERPRINT[:12], str(fetched_folder() / NAME)]
    file = fetched_folder() / NAME / f"{NAME}_TRAIN.ts"
    file.write_bytes(file.read_bytes().replace(b":1", b":2", 1))
    code, out, err = tsbench("data", "verify", NAME)
    assert code == 1 and out.startswith("differs") and f"{1} datasets are not what is known" in err
    file.write_text("@data\n1,x:a\n")
    code, out, _ = tsbench("data", "verify", NAME)
    assert code == 1 and out.startswith("unreadable") and "not a number" in out
    assert tsbench("data", "fetch", NAME, "--force")[0] == 0
    (tmp_path / "own.csv").write_text("label,t0\na,1\nb,2\n")
    code, out, _ = tsbench("data", "verify", NAME, "./own.csv")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == ["same", "unknown"]


@pytest.mark.parametrize("command", ["fetch", "verify", "path"])
def test_help_has_an_example(tsbench, command):
    code, out, _ = tsbench("data", command, "--help")
    assert code == 0
    assert f"tsbench data {command}" in out.split("Options:")[0].split("Example", 1)[1]
