"""The bake-off's results; the network is a function that writes a file."""

import hashlib

import pytest

from tsbench.errors import InvalidDataError, MissingDataError, UsageError
from tsbench.fetch.web import UnreachableError, Web
from tsbench.papers import bakeoff
from tsbench.papers.named import results

CONTENT = b"folds:,0,1\nItalyPowerDemand,0.9625,0.5\nGunPoint,1.0,0.5\n"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def served(monkeypatch):
    """What the site serves, and which addresses were asked for."""
    asked, content = [], [CONTENT]

    def download(self, url, path, checksum, report):
        asked.append(url)
        if isinstance(content[0], Exception):
            raise content[0]
        path.write_bytes(content[0])

    monkeypatch.setattr(Web, "download", download)
    return asked, content


def test_what_is_fetched_is_told_with_size_and_sha256_and_read_by_aeon(served, registry, cache):
    fetched = bakeoff.fetch("hivecotev2")
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    url = f"{bakeoff.SITE}/classification/accuracy/HC2_accuracy.csv"
    assert served[0] == [url]
    assert str(fetched) == f"bakeoff/HC2: {len(CONTENT)} bytes, sha256 {sha256}, from {url}"
    found = results("bakeoff/hc2", "accuracy", registry)
    assert found.name == "bakeoff/HC2" and found.protocol == "own"
    assert {name: number.mean for name, number in found.numbers.items()} == {
        "ItalyPowerDemand": 0.9625,
        "GunPoint": 1.0,
    }
    assert sha256[:12] in found.rows[0].source
    assert bakeoff.here() == ["HC2"]
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["HC2_accuracy.csv"]


def test_what_is_not_here_says_how_to_get_it(registry):
    with pytest.raises(MissingDataError, match="bakeoff/HC2 is not on this machine; --fetch gets it from https://"):
        results("bakeoff/HC2", "accuracy", registry)


def test_offline_is_one_line_and_asks_nobody(served, monkeypatch):
    monkeypatch.setenv("TSBENCH_OFFLINE", "1")
    with pytest.raises(MissingDataError, match=r"offline .* bakeoff/HC2 was not fetched; get https://\S+ on a machine"):
        bakeoff.fetch("HC2")
    assert served[0] == []


def test_an_unreachable_site_is_one_line(served, cache):
    served[1][0] = UnreachableError("no connection")
    with pytest.raises(MissingDataError, match=r"bakeoff/HC2 was not fetched: https://\S+: no connection"):
        bakeoff.fetch("HC2")
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_a_cache_that_cannot_be_written_is_one_line(served, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(MissingDataError, match="bakeoff/HC2 was not fetched: .* cannot be written: Not a directory"):
        bakeoff.fetch("HC2")


@pytest.mark.parametrize("content", [b"<html>gone</html>", b"folds:,0\nGunPoint,\n", b"", b"folds:,0\nGunPoint,high\n"])
def test_what_cannot_be_read_does_not_land(served, cache, content):
    bakeoff.fetch("HC2")
    served[1][0] = content
    with pytest.raises(InvalidDataError, match=r"HC2_accuracy\.csv: not results of a classifier"):
        bakeoff.fetch("HC2")
    assert len(bakeoff.rows("HC2")) == 2


def test_an_unknown_classifier_is_refused():
    with pytest.raises(UsageError, match="bakeoff/HC3: aeon knows no such classifier; did you mean 'HC2'"):
        bakeoff.fetch("HC3")
