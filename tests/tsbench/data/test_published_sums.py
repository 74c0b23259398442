import hashlib

import pytest

from tsbench.data.published_sums import SUMS, differing
from tsbench.errors import InvalidDataError


@pytest.fixture
def project(tmp_path):
    """A folder of two files with the checksums of both, and a third that is not listed."""
    contents = {"table.csv": b"a,b\n", "records/00/1.dat": b"\0\1"}
    (tmp_path / "records" / "00").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    lines = [f"{hashlib.sha256(content).hexdigest()} {name}" for name, content in contents.items()]
    (tmp_path / SUMS).write_text("\n".join([*lines, "0" * 64 + " not/here.dat"]) + "\n")
    (tmp_path / "own.csv").write_bytes(b"?")
    return tmp_path


def files(project):
    return [project / "table.csv", project / "records" / "00" / "1.dat", project / "own.csv"]


def test_files_as_published_differ_in_nothing_and_others_are_named(project):
    assert differing(files(project)) == []
    (project / "records" / "00" / "1.dat").write_bytes(b"\0\2")
    assert differing(files(project)) == [project / "records" / "00" / "1.dat"]
    (project / SUMS).unlink()
    assert differing(files(project)) == []


@pytest.mark.parametrize("form", ["{} *{}", "{}  {}", "{} ./{}"])
def test_other_ways_of_writing_a_line(project, form):
    sums = form.format(hashlib.sha256(b"a,b\n").hexdigest().upper(), "table.csv")
    (project / SUMS).write_text(f"{sums}\r\n\r\n")
    assert differing(files(project)) == []
    (project / "table.csv").write_bytes(b"b,a\n")
    assert differing(files(project)) == [project / "table.csv"]


def test_the_nearest_list_counts(project):
    (project / "records" / SUMS).write_text(f"{'1' * 64} 00/1.dat\n")
    assert differing(files(project)) == [project / "records" / "00" / "1.dat"]


def test_a_list_that_is_none_and_a_file_that_is_gone_are_refused(project):
    (project / "table.csv").unlink()
    with pytest.raises(InvalidDataError, match=r"table.csv: cannot be read"):
        differing(files(project))
    (project / SUMS).write_text("<html>\n")
    with pytest.raises(InvalidDataError, match=rf"{SUMS}, line 1: is no checksum"):
        differing(files(project))
