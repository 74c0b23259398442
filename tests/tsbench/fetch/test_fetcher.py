"""Fetching from homes that fail in every way: all files land, or none, and the message says why."""

import dataclasses
import errno
import hashlib
import io
import multiprocessing
import re
import socket
import threading

import pytest
import requests
import urllib3

from tests.tsbench.fetch.server import (
    FILES,
    FINGERPRINT,
    NAME,
    PATIENCE,
    download,
    lying,
    quick,
    redirect,
    reply,
    silence,
    status,
    zipped,
)
from tsbench.errors import MissingDataError
from tsbench.fetch.fetcher import Fetchable, Fetcher, FetchStoppedError
from tsbench.fetch.locations import PlainFiles, ZipArchive
from tsbench.fetch.web import UnreachableError, UnusableError, Web
from tsbench_archives.archive import ArchiveDataset

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def silent(done, total):
    pass


def fetch(root, *locations, web=None, force=False, report=silent):
    return Fetcher(web or quick()).fetch(download(*locations), root, report, force)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def nothing_left(root):
    return not [path for path in root.rglob("*") if path.suffix != ".lock"] if root.exists() else True


def closed_port():
    """Return the address of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/a.zip"


# --- what works


def test_an_archive(server, tmp_path):
    assert fetch(tmp_path / "new", server.archive()) == FINGERPRINT
    assert content(tmp_path / "new" / NAME) == FILES
    assert sorted(path.name for path in (tmp_path / "new").iterdir() if path.suffix != ".lock") == [NAME]


def test_an_archive_with_folders_and_other_files(server, tmp_path):
    members = {f"inner/{name}": text for name, text in FILES.items()}
    page = zipped({**members, "inner/readme.txt": b"?", f"__MACOSX/._{NAME}_TRAIN.ts": b"?"})
    assert fetch(tmp_path, server.archive(page)) == FINGERPRINT
    assert content(tmp_path / NAME) == FILES


def plain(server, **checksums):
    """Serve the files one by one, each under a name of its own there."""
    server.pages |= {f"/there/{name}.bin": text for name, text in FILES.items()}
    files = tuple((name, f"{name}.bin", checksums.get(name[-5:-3], "")) for name in FILES)
    return PlainFiles(server.url("/there/"), files, "ODC-By 1.0")


def test_plain_files_with_and_without_checksums(server, tmp_path):
    sums = {name[-5:-3]: f"sha256:{hashlib.sha256(text).hexdigest()}" for name, text in FILES.items()}
    for number, checksums in enumerate(({}, sums)):
        location = plain(server, **checksums)
        offer = Fetcher(quick()).offer(download(location), tmp_path)
        assert (offer.size, offer.licence) == (sum(map(len, FILES.values())), "ODC-By 1.0")
        root = tmp_path / str(number)
        assert fetch(root, location) == FINGERPRINT
        assert content(root / NAME) == FILES


def test_plain_files_of_another_checksum_are_refused(server, tmp_path):
    wrong = dict.fromkeys((name[-5:-3] for name in FILES), "sha256:" + "0" * 64)
    with pytest.raises(MissingDataError, match="checksum"):
        fetch(tmp_path, plain(server, **wrong))
    assert nothing_left(tmp_path)


def test_a_record_with_checksums_sizes_and_licence(server, tmp_path):
    location = server.record()
    fetcher = Fetcher(quick())
    offer = fetcher.offer(download(location), tmp_path)
    assert (offer.size, offer.licence) == (sum(map(len, FILES.values())), "cc-by-4.0")
    assert fetcher.fetch(download(location), tmp_path, silent) == FINGERPRINT
    assert content(tmp_path / NAME) == FILES
    assert server.seen.count(("GET", "/record")) == 1


def test_progress_ends_at_the_size(server, tmp_path):
    for location in (server.archive(), server.record()):
        seen = []
        fetch(tmp_path, location, force=True, report=lambda *call, seen=seen: seen.append(call))
        done, total = zip(*seen, strict=True)
        assert done[-1] == total[-1] == max(done) > 0


def test_a_redirect_that_stays_safe_is_followed(server, tmp_path):
    server.archive()
    assert fetch(tmp_path, server.archive(redirect(server.url("/a.zip")), "/moved.zip")) == FINGERPRINT


def test_a_server_that_does_not_tell_sizes(server, tmp_path):
    location = server.archive()
    server.pages["/a.zip"] = lambda handler: reply(handler, GOOD, code=405 if handler.command == "HEAD" else 200)
    fetcher = Fetcher(quick())
    assert fetcher.offer(download(location), tmp_path).size is None
    assert fetcher.fetch(download(location), tmp_path, silent) == FINGERPRINT


@pytest.mark.parametrize("kind", ["archive", "record"])
def test_others_may_read_what_was_fetched(server, tmp_path, kind):
    fetch(tmp_path, getattr(server, kind)())
    assert {path.stat().st_mode & 0o444 for path in (tmp_path / NAME).iterdir()} == {0o444}


def test_files_of_the_user_in_the_folder_stay(server, tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "notes.txt").write_text("mine")
    (tmp_path / NAME / f"{NAME}_TRAIN.ts").write_text("damaged")
    assert fetch(tmp_path, server.archive()) == FINGERPRINT
    assert content(tmp_path / NAME) == {**FILES, "notes.txt": b"mine"}


def test_what_is_there_is_not_fetched_again_unless_forced(server, tmp_path):
    location = server.archive()
    fetch(tmp_path, location)
    before = len(server.seen)
    assert fetch(tmp_path, location) == FINGERPRINT
    assert len(server.seen) == before
    fetch(tmp_path, location, force=True)
    assert len(server.seen) > before


def test_what_a_killed_process_left_is_cleared(server, tmp_path):
    (tmp_path / f".{NAME}.part").mkdir()
    (tmp_path / f".{NAME}.part" / "archive.zip").write_bytes(b"half")
    fetch(tmp_path, server.archive())
    assert not (tmp_path / f".{NAME}.part").exists()


# --- what one location may do wrong: the reason is named, and the next location is tried

TRAIN = f"{NAME}_TRAIN.ts"
GOOD = zipped()
BOMB = zipped({**FILES, "bomb.txt": bytes(65 << 20)})
FAILURES = {
    "404": (status(404), "HTTP 404 Not Found"),
    "500": (status(500), "HTTP 500 Internal Server Error"),
    "truncated": (lying(GOOD[:500], len(GOOD)), "the transfer broke off"),
    "shorter length": (lying(GOOD, 500), "a damaged zip archive|instead of a zip archive"),
    "length no number": (lying(GOOD, "many"), "makes no sense"),
    "html": (b"<!DOCTYPE html><html>Sign in</html>", "an HTML page instead of a zip archive"),
    "empty": (b"", "an empty file instead of a zip archive"),
    "to http": (redirect("http://example.invalid/a.zip"), "redirects to http://example.invalid/a.zip, .* not https"),
    "to a file": (redirect("file:///etc/passwd"), "redirects to file:///etc/passwd, which is not https"),
    "traversal": (zipped({**FILES, "../evil": b"x"}), r"unsafe: its member '\.\./evil' leaves the folder"),
    "bomb": (BOMB, "unsafe: .* bytes unpack to .*, more than 200 times"),
    "other files": (zipped({"readme.txt": b"x"}), f"holds {TRAIN} 0 times where it should once; it holds readme.txt"),
    "no series": (zipped(dict.fromkeys(FILES, b"@data\n1,x:a\n")), r"cannot be read: .*TRAIN\.ts:2: .*not a number"),
    "half": (zipped({TRAIN: FILES[TRAIN]}), f"holds {NAME}_TEST.ts 0 times"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_bad_home_is_named_and_leaves_nothing(server, tmp_path, what):
    page, reason = FAILURES[what]
    location = server.archive(page)
    with pytest.raises(MissingDataError, match=reason) as caught:
        fetch(tmp_path, location)
    message = str(caught.value)
    assert not isinstance(caught.value, FetchStoppedError)
    assert location.url in message
    assert f"{NAME} was not fetched" in message
    assert f"by hand and put {NAME}_TRAIN.ts and {NAME}_TEST.ts into {tmp_path / NAME}" in message
    assert nothing_left(tmp_path)
    assert not list(tmp_path.parent.rglob("evil"))


@pytest.mark.parametrize("what", FAILURES)
def test_after_a_bad_home_comes_the_next(server, tmp_path, what):
    page, reason = FAILURES[what]
    homes = download(server.archive(page), server.archive(path="/b.zip"))
    notices = []
    fetcher = Fetcher(quick(), notices.append)
    fetcher.offer(homes, tmp_path)
    assert fetcher.fetch(homes, tmp_path, silent) == FINGERPRINT
    assert content(tmp_path / NAME) == FILES
    [notice] = notices
    assert re.match(rf"{re.escape(server.url('/a.zip'))}: .*({reason}).*; took another source", notice)


def test_a_stalling_server_is_given_up(server, tmp_path, monkeypatch):
    def stream(response, *_, **__):
        yield response.read(len(GOOD) // 2)
        raise urllib3.exceptions.ReadTimeoutError(None, None, "Read timed out.")

    monkeypatch.setattr(urllib3.HTTPResponse, "stream", stream)
    with pytest.raises(MissingDataError, match="sent nothing for 0.5 s"):
        fetch(tmp_path, server.archive(), web=quick(read_timeout=0.5))
    assert nothing_left(tmp_path)


def test_an_endless_file_is_broken_off(server, tmp_path):
    page = bytes(1 << 20)
    with pytest.raises(MissingDataError, match="the file is longer than 1000 bytes"):
        fetch(tmp_path, server.archive(page), web=quick(max_bytes=1000))
    assert nothing_left(tmp_path)


RECORDS = {
    "wrong checksum": ({"checksum": f"md5:{'0' * 32}"}, "does not have the checksum that its source publishes"),
    "no checksum": ({"checksum": None}, "the record gives no checksum"),
    "no address": ({"links": None}, "the record gives no address"),
    "address over http": ({"links": {"self": "http://example.invalid/x"}}, "example.invalid/x, which is not https"),
    "no such file": ({"key": "other.ts"}, "the record has no file .*; it has other.ts"),
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_bad_record(server, tmp_path, what):
    changes, reason = RECORDS[what]
    location = server.record(**changes)
    with pytest.raises(MissingDataError, match=reason) as caught:
        fetch(tmp_path, location)
    assert location.url in str(caught.value)
    assert nothing_left(tmp_path)
    assert fetch(tmp_path, location, server.archive()) == FINGERPRINT


@pytest.mark.parametrize(
    "page", [b"<html>", b"[" * 100_000, b"[]", b"{}", b'{"files": 3}', b'{"files": [3]}', b"\xff", status(500)]
)
def test_a_record_that_is_none(server, tmp_path, page):
    location = server.record()
    server.pages["/record"] = page
    with pytest.raises(MissingDataError, match="an HTML page instead of JSON|something else|has no file|HTTP 500"):
        fetch(tmp_path, location)


def test_a_record_of_any_length_is_refused(server):
    server.pages["/long"] = b" " * (5 << 20)
    with pytest.raises(UnusableError, match="longer than"):
        quick().json(server.url("/long"))


# --- https only


def test_http_is_refused_before_any_request(server, tmp_path):
    with pytest.raises(MissingDataError, match="which is not https"):
        fetch(tmp_path, server.archive(), web=Web())
    for url in ("http://example.invalid/x", "ftp://127.0.0.1/x", "file:///etc/passwd"):
        with pytest.raises(UnusableError, match="which is not https"):
            quick().size(url)
    assert server.seen == []


def test_every_public_home_is_https():
    for location in ArchiveDataset("GunPoint").download().locations:
        assert location.url.startswith("https://")


# --- no network


def test_no_connection_stops_at_once(tmp_path):
    with pytest.raises(FetchStoppedError, match="no connection") as caught:
        fetch(tmp_path, ZipArchive(closed_port()))
    assert NAME in str(caught.value)


def test_a_host_that_cannot_be_reached_is_asked_once(server, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Web, "size", lambda self, url: asked.append(url) or unreachable())
    fetcher = Fetcher(quick())
    homes = [ZipArchive(f"https://host.invalid/{number}.zip") for number in range(3)]
    with pytest.raises(FetchStoppedError):
        fetcher.fetch(download(*homes), tmp_path, silent)
    assert asked == [homes[0].url]


def unreachable():
    raise UnreachableError("no connection")


def test_a_host_that_never_answers_is_asked_once(server, tmp_path):
    homes = [server.archive(silence(server), path) for path in ("/a.zip", "/b.zip")]
    with pytest.raises(FetchStoppedError, match=r"no answer within 0\.1 s"):
        fetch(tmp_path, *homes, web=quick(read_timeout=0.1))
    assert server.seen == [("HEAD", "/a.zip")]


def test_one_reachable_host_is_enough(server, tmp_path):
    assert fetch(tmp_path, ZipArchive(closed_port()), server.archive()) == FINGERPRINT
    with pytest.raises(MissingDataError) as caught:
        fetch(tmp_path / "other", ZipArchive(closed_port()), server.archive(status(404)))
    assert not isinstance(caught.value, FetchStoppedError)


def test_an_untrusted_certificate_is_not_a_lack_of_network(monkeypatch):
    def refuse(*_, **__):
        raise requests.exceptions.SSLError("self-signed certificate")

    monkeypatch.setattr(requests, "head", refuse)
    with pytest.raises(UnusableError, match="certificate cannot be trusted") as caught:
        Web().size("https://host.invalid/a.zip")
    assert not isinstance(caught.value, UnreachableError)


def test_no_known_home(tmp_path):
    with pytest.raises(MissingDataError, match=f"{NAME} has no known public home; fetch it by hand"):
        fetch(tmp_path)
    own = dataclasses.replace(download(), remedy="ask its owners")
    with pytest.raises(MissingDataError, match=f"^{NAME} cannot be fetched; ask its owners$"):
        Fetcher(quick()).offer(own, tmp_path)


# --- the disk, an interruption, another process


class FullDisk(io.FileIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_while_downloading(server, tmp_path, monkeypatch):
    import pooch.downloaders

    monkeypatch.setattr(pooch.downloaders, "open", lambda path, mode: FullDisk(path, "w"), raising=False)
    with pytest.raises(FetchStoppedError, match="cannot be written: No space left on device; free space") as caught:
        fetch(tmp_path, server.archive(), server.archive(path="/b.zip"))
    assert str(tmp_path) in str(caught.value)
    assert nothing_left(tmp_path)
    assert ("GET", "/b.zip") not in server.seen


def test_a_full_disk_while_unpacking(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tsbench.fetch.unpack.shutil.copyfileobj", full)
    with pytest.raises(FetchStoppedError, match="No space left on device"):
        fetch(tmp_path, server.archive())
    assert nothing_left(tmp_path)


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchStoppedError, match="cannot be written"):
        fetch(tmp_path / "file" / "root", server.archive())


@pytest.mark.parametrize("kind", ["archive", "record"])
def test_an_interruption_leaves_nothing(server, tmp_path, kind):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, getattr(server, kind)(), report=interrupt)
    assert nothing_left(tmp_path)


def test_an_interruption_between_the_files_of_a_record_leaves_nothing(server, tmp_path):
    location = server.record()

    def report(done, total):
        if done > len(FILES[f"{NAME}_TRAIN.ts"]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, location, report=report)
    assert nothing_left(tmp_path)


def fetch_elsewhere(root, location, outcome):
    outcome.put(fetch(root, location))


def test_two_processes_do_not_collide(server, tmp_path):
    """The other process holds the lock and waits for the archive; ours then takes what it fetched."""
    location = server.archive()
    asked, go_on = threading.Event(), threading.Event()

    def slow(handler):
        if handler.command == "GET":
            asked.set()
            go_on.wait(PATIENCE)
        reply(handler, GOOD)

    server.pages["/a.zip"] = slow
    context = multiprocessing.get_context("fork")
    outcome = context.Queue()
    other = context.Process(target=fetch_elsewhere, args=(tmp_path, location, outcome))
    other.start()
    assert asked.wait(PATIENCE)
    found, notices = [], []

    def notice(line):
        notices.append(line)
        go_on.set()

    fetcher = Fetcher(quick(), notice)
    ours = threading.Thread(target=lambda: found.append(fetcher.fetch(download(location), tmp_path, silent)))
    ours.start()
    ours.join(PATIENCE)
    other.join(PATIENCE)
    assert found == [outcome.get(timeout=PATIENCE)] == [FINGERPRINT]
    assert server.seen.count(("GET", "/a.zip")) == 1
    assert content(tmp_path / NAME) == FILES
    assert notices == [f"waiting for another process that fetches the same ({tmp_path / f'.{NAME}.lock'})"]


def test_the_archives_are_fetchable():
    assert isinstance(ArchiveDataset("GunPoint"), Fetchable)
