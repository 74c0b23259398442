import secrets

import pytest

from tsbench.errors import StoreError, UsageError
from tsbench.store import artifacts


@pytest.fixture(params=["folder", "file://", "memory://"])
def folder(request, tmp_path):
    if request.param == "folder":
        return tmp_path / "new"
    return artifacts.folder_of(f"{request.param}{tmp_path}/{secrets.token_hex(4)}", None)


def test_files_are_written_whole_listed_and_removed(folder):
    assert artifacts.listing(folder) == {}
    assert artifacts.read(folder, "a") is None
    artifacts.write(folder, "a", b"old")
    artifacts.write(folder, "a", b"new!")
    assert artifacts.read(folder, "a") == b"new!"
    assert {name: file.size for name, file in artifacts.listing(folder).items()} == {"a": 4}
    assert artifacts.listing(folder)["a"].modified > 1e9
    artifacts.delete(folder, "a")
    artifacts.delete(folder, "a")
    assert artifacts.listing(folder) == {}


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_other(folder, monkeypatch):
    artifacts.write(folder, "a", b"old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    monkeypatch.setattr("fsspec.spec.AbstractFileSystem.mv", fail)
    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.mv", fail)
    with pytest.raises(StoreError, match="a cannot be written to .*: No space left on device; make room"):
        artifacts.write(folder, "a", b"new")
    assert artifacts.read(folder, "a") == b"old"
    assert list(artifacts.listing(folder)) == ["a"]


def test_where_artefacts_are(tmp_path):
    assert artifacts.folder_of("", tmp_path / "s.db") == tmp_path / "tsbench-artifacts" / "s.db"
    (tmp_path / "s.db-artifacts").mkdir()  # as earlier versions named it
    assert artifacts.folder_of("", tmp_path / "s.db") == tmp_path / "s.db-artifacts"
    assert str(artifacts.folder_of("", None)) == "tsbench-artifacts"
    assert artifacts.folder_of("s3://bucket/x/", None) == "s3://bucket/x"
    assert artifacts.join("memory://x", "checkpoints") == "memory://x/checkpoints"


def test_a_url_that_cannot_be_opened_is_refused_without_its_password():
    with pytest.raises(UsageError, match="--artifacts nothing://[*]{3}@host/x: Protocol not known") as error:
        artifacts.join("nothing://me:hush@host/x", "checkpoints")
    assert "hush" not in str(error.value)
