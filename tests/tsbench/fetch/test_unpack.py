"""Archives that nobody vouches for: the wanted files come out, and nothing else happens."""

import stat
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tsbench.fetch.server import zipped
from tsbench.fetch import unpack as module
from tsbench.fetch.unpack import unpack
from tsbench.fetch.web import UnusableError

WANTED = ("a.ts", "b.ts")
MEMBERS = {"a.ts": b"1", "b.ts": b"2"}


def member(name, mode=stat.S_IFREG | 0o644, system=3):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = system
    return info


def unpacked(folder, page):
    """Unpack in a folder of its own; return what is there, above it as well."""
    inner = folder / "inner"
    inner.mkdir()
    (folder / "archive.zip").write_bytes(page)
    try:
        unpack(folder / "archive.zip", inner, WANTED)
    finally:
        found = {path.relative_to(inner.parent).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found - {"archive.zip"}


def test_wanted_files_only(tmp_path):
    page = zipped({member("X/", stat.S_IFDIR | 0o755): b"", "X/a.ts": b"1", "X/b.ts": b"2", "X/c.ts": b"3"})
    assert unpacked(tmp_path, page) == {"inner/a.ts", "inner/b.ts"}
    assert (tmp_path / "inner" / "b.ts").read_bytes() == b"2"


UNSAFE = {
    "up": "../evil",
    "up inside": "X/../../evil",
    "absolute": "/evil",
    "windows": "..\\evil",
    "drive": "C:\\evil",
    "share": "\\\\host\\evil",
    "wanted name above": "../a.ts",
}


@pytest.mark.parametrize("what", UNSAFE)
def test_a_member_that_leaves_the_folder(tmp_path, what):
    with pytest.raises(UnusableError, match="unsafe: its member .* leaves the folder; nothing was unpacked"):
        unpacked(tmp_path, zipped({**MEMBERS, member(UNSAFE[what]): b"x"}))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["archive.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
@pytest.mark.parametrize("name", ["c", "a.ts"])
def test_a_link_or_device(tmp_path, kind, name):
    members = {key: text for key, text in MEMBERS.items() if key != name}
    with pytest.raises(UnusableError, match=f"unsafe: its member '{name}' is a link or device"):
        unpacked(tmp_path, zipped({**members, member(name, kind | 0o777): b"/etc/passwd"}))


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RATIO_FREE_BYTES", 1000)
    bomb = zipped({**MEMBERS, "c": bytes(1 << 20)})
    with pytest.raises(UnusableError, match=rf"unsafe: {len(bomb)} bytes unpack to {(1 << 20) + 2}"):
        unpacked(tmp_path, bomb)
    monkeypatch.setattr(module, "RATIO_FREE_BYTES", 1 << 30)
    monkeypatch.setattr(module, "MAX_UNPACKED_BYTES", 1 << 19)
    with pytest.raises(UnusableError, match="unsafe"):
        unpack(tmp_path / "archive.zip", tmp_path / "inner", WANTED)


def test_a_member_longer_than_it_says(tmp_path):
    """The declared size is what is checked, so more than it must not come out."""
    page = zipped({**MEMBERS, "a.ts": bytes(50_000)})
    declared = (50_000).to_bytes(4, "little")
    assert page.count(declared) == 2
    with pytest.raises(UnusableError, match="a damaged zip archive"):
        unpacked(tmp_path, page.replace(declared, (10).to_bytes(4, "little")))
    assert not (tmp_path / "inner" / "a.ts").exists() or (tmp_path / "inner" / "a.ts").stat().st_size <= 10


def test_encrypted_and_unknown_methods(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.ts", b"1")
    with pytest.raises(UnusableError, match="encrypted or compressed by an unknown method"):
        unpack(tmp_path / "x.zip", tmp_path, WANTED)
    page = bytearray(zipped())
    page[page.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnusableError, match="encrypted"):
        unpacked(tmp_path, bytes(page))


def test_a_file_twice(tmp_path):
    with pytest.raises(UnusableError, match=r"holds a\.ts 2 times where it should once"):
        unpacked(tmp_path, zipped({**MEMBERS, "X/a.ts": b"3"}))


GOOD = zipped({"a.ts": b"1,2,3\n" * 40, "b.ts": b"4,5,6\n" * 40})


@settings(deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_archive_raises_nothing_else(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("damaged", numbered=True)
    page = bytearray(GOOD)
    for position, value in changes:
        page[position] = value
    try:
        found = unpacked(folder, bytes(page))
    except UnusableError:
        found = {path.relative_to(folder).as_posix() for path in (folder / "inner").iterdir()}
    assert found <= {"inner/a.ts", "inner/b.ts"}
