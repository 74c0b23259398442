"""The small version of benchmarks/chaos.py."""

import importlib.util
import re
from pathlib import Path

FILE = Path(__file__).parents[4] / "benchmarks" / "chaos.py"


def test_nothing_is_lost_or_done_twice_when_workers_and_drivers_are_killed(capsys):
    spec = importlib.util.spec_from_file_location("chaos", FILE)
    chaos = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chaos)
    small = ["--runs", "20", "--kills", "4", "--seconds", "0.2", "--drivers", "1", "--pause", "0.3"]
    code, printed = chaos.main(small), capsys.readouterr().out
    assert code == 0 and re.search(r"^[1-4] kills", printed, re.MULTILINE), printed
