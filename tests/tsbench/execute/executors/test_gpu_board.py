"""The small version of benchmarks/gpu_board.py, on the CPU."""

import re
import signal

import pytest

from tests.conftest import ROOT
from tsbench.evidence.shard import find
from tsbench.evidence.verify import Verifier


@pytest.fixture
def board(monkeypatch, tmp_path):
    """The script's module, in an empty folder, and its arguments for two datasets that are always here."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    import gpu_board

    small = ["--data-dir", str(tmp_path), "--out", "evidence", "--device", "cpu", "--shapes", "none"]
    return gpu_board, [
        *small,
        "--dataset",
        "GunPoint,ItalyPowerDemand",
        "--method",
        "majority,1nn-ed",
        "--workers",
        "1,1",
    ]


def test_each_number_of_workers_does_a_seed_and_all_of_it_is_evidence(board, tmp_path, capsys, installed, registry):
    module, arguments = board
    assert module.main(arguments) == 0
    printed = capsys.readouterr().out
    assert len(re.findall(r"^\| 1 \| 4 \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", printed, re.MULTILINE)) == 2, printed
    found = [
        run.result.spec for one in Verifier(installed, registry).files(find(tmp_path / "evidence")) for run in one.runs
    ]
    assert {(spec.dataset, spec.seed) for spec in found} == {
        (name, seed) for name in ("GunPoint", "ItalyPowerDemand") for seed in (0, 1)
    }
    assert module.main(arguments) == 0  # goes on where it stopped: nothing is left
    assert "| 1 | 4 |" not in capsys.readouterr().out


def test_without_time_nothing_begins_and_it_ends_well(board, tmp_path, capsys):
    module, arguments = board
    assert module.main([*arguments, "--minutes", "0", "--shapes", "1x8"]) == 0
    assert "| 1 x 8 | no time left | no CUDA device |" in capsys.readouterr().out
    assert not (tmp_path / "evidence").exists()


def test_what_is_done_when_it_is_stopped_is_evidence_and_nothing_follows(board, tmp_path, monkeypatch, capsys):
    module, arguments = board
    whole = module.run
    monkeypatch.setattr(module, "run", lambda specs, *rest: (whole(specs[:1], *rest)[0], True))
    assert module.main(arguments) == 0
    assert len(re.findall(r"^\| 1 \| 1 \|", capsys.readouterr().out, re.MULTILINE)) == 1
    assert len(find(tmp_path / "evidence")) == 1


def test_an_interruption_between_runs_stops_it(board, monkeypatch):
    module, _ = board

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tsbench.execute.ran.run_plan", interrupted)
    assert module.run([], None, None, "cpu", 1, module.time.monotonic() + 60) == ([], True)


def test_at_its_time_it_interrupts_as_ctrl_c_does_and_not_later(board):
    module, _ = board
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), module.interrupted_after(0.01):
        signal.pause()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_step_of_ts2vec_is_timed_and_has_the_same_loss_again(board, monkeypatch):
    module, _ = board
    monkeypatch.setattr(module, "REPEATS", 1)
    monkeypatch.setattr(module, "STEPS", 1)
    milliseconds, loss = module.step_time("cpu", 1, 8, False)
    assert milliseconds > 0 and module.step_time("cpu", 1, 8, False)[1] == loss


def test_a_figure_that_cannot_be_had_leaves_the_other(board):
    module, _ = board
    assert module.columns((4.0, 1.5), (2.0, 1.5)) == ["4.00", "2.00", "2.00", "1.5000", "1.5000"]
    assert module.columns((4.0, 1.5), "RuntimeError: no") == ["4.00", "RuntimeError: no", "", "1.5000", ""]
