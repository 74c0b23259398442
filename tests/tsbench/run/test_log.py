import json

import pytest

from tests.tsbench.run.test_store import make_spec
from tsbench.errors import StoreError
from tsbench.run.log import DriverLog


def test_events_are_lines_of_json(tmp_path):
    with DriverLog(tmp_path / "logs", "me") as log:
        log.plan(2, [make_spec(0)], force=False)
        log.started(make_spec(0), 0)
    lines = [json.loads(line) for line in (tmp_path / "logs" / "me.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["plan", "started", "end"]
    assert lines[0]["keys"] == [make_spec(0).key[:16]]


def test_a_log_on_a_full_disk_hides_no_error_and_says_nothing(tmp_path, capsys):
    (tmp_path / "me.jsonl").symlink_to("/dev/full")
    with pytest.raises(StoreError, match="2 results are kept"), DriverLog(tmp_path, "me") as log:
        log.plan(1, [make_spec(0)], force=False)
        raise StoreError("2 results are kept in FILE")
    assert capsys.readouterr().err == ""
    with DriverLog(tmp_path, "me") as log:
        log.started(make_spec(0), 0)
    with DriverLog(tmp_path / "me.jsonl" / "no folder", "me") as log:
        log.started(make_spec(0), 0)
