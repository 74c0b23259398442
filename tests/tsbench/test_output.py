"""Where a command may write is known before any work."""

import os
import re
import sys
from pathlib import Path

import pytest

from tsbench.errors import UsageError
from tsbench.output import check_file, check_folder


def test_nothing_is_made(tmp_path):
    check_folder(tmp_path / "a" / "b")
    check_file(tmp_path / "a" / "b.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match="this is a folder; name a file"):
        check_file(tmp_path)
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / 'x'} is a file, not a folder")):
        check_folder(tmp_path / "x" / "y", "--to")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_where_rights_do_not_tell_it():
    with pytest.raises(UsageError, match=r"^--out /proc/none: /proc cannot be written to \("):
        check_folder(Path("/proc/none"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_without_the_right_to_write(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be written to"):
        check_folder(tmp_path / "x")
