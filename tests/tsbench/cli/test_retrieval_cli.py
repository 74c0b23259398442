"""Retrieval on the command line: a run, its board, its reading."""

import re

import numpy as np
import pytest

from tests.plugins.clinical_files import write_wfdb
from tests.tsbench.reading.test_retrieve import record
from tsbench_ecgtext.made import LEADS

pytestmark = pytest.mark.filterwarnings("ignore::tsbench.errors.TsbenchWarning")


@pytest.fixture
def made(tsbench):
    code, out, err = tsbench(
        *("run", "--method", "signal-text", "--dataset", "ecg-text-made", "--protocol", "retrieval", "--store", "r.db")
    )
    assert code == 0, err
    return re.search(r"rsum ([\d.]+)", out + err)[1]


def test_a_board_has_chance_and_ceiling_beside_each_recall(tsbench, made):
    asked = ("leaderboard", "ecg-text-made", "--protocol", "retrieval", "--store", "r.db")
    code, out, _ = tsbench(*asked)
    assert code == 0 and f"{100 * float(made):.1f}" in out
    assert "To be read beside rsum of ecg-text-made: chance_rsum 39.5, ceiling_rsum 600.0." in out
    _, out, _ = tsbench(*asked, "--metric", "report_r1")
    assert "To be read beside report_r1 of ecg-text-made: chance_r1 1.2, ceiling_r1 100.0." in out


def test_a_run_is_read_with_intervals_over_its_queries(tsbench, made):
    key = tsbench("results", "--store", "r.db", "--format", "csv")[1].splitlines()[1].partition(",")[0]
    code, out, err = tsbench("read", key, "--store", "r.db", "--by", "meta:codes", "--resamples", "100")
    assert code == 2 and "has 81 values" in err
    code, out, err = tsbench("read", key, "--store", "r.db", "--resamples", "100")
    assert code == 0, err
    row = next(line for line in out.splitlines() if line.split()[:1] == ["report_r5"] or "report_r5 " in line)
    low, high = re.search(r"([\d.]+) to ([\d.]+)", row).groups()
    assert 0 <= float(low) < float(high) <= 1


def test_what_was_found_is_listed_by_case(tsbench, made):
    code, out, err = tsbench("results", "--predictions", "--store", "r.db", "--format", "csv")
    assert code == 0, err
    assert len(out.splitlines()) == 82 and re.search(r"report \d+, image \d+", out)


def test_what_is_for_labels_refuses_such_a_run_by_name(tsbench, made):
    key = tsbench("results", "--store", "r.db", "--format", "csv")[1].splitlines()[1].partition(",")[0]
    for words, said in (
        (("predict", "--run", key, "--dataset", "ecg-text-made"), "retrieves and predicts nothing"),
        (("read", key, "--against", key), "the run decides on none"),
        (("read", key, "--positive", "x"), "choose one of none: the run decides on no class"),
        (("explain", "--run", key, "--case", "81", "--out", "a.csv"), "retrieves here and decides nothing"),
    ):
        code, _, err = tsbench(*words, "--store", "r.db")
        assert code == 2 and said in err and len(err.splitlines()) == 1


def test_what_is_done_to_a_recording_is_said(tsbench, made, tmp_path):
    samples = np.tile(np.rint(1000 * record(100)).astype(int), 6)
    write_wfdb(tmp_path, "rec", samples, 100, list(LEADS))
    key = tsbench("results", "--store", "r.db", "--format", "csv")[1].splitlines()[1].partition(",")[0]
    code, out, err = tsbench("retrieve", "--run", key, "--query", "rec.hea", "-k", "1", "--store", "r.db")
    assert code == 0 and len(out.splitlines()) == 2
    assert err == "note: rec.hea lasts 12 s, and what was learnt from 2 s: the first 2 s of it are taken\n"


@pytest.mark.parametrize("html", ["", "folder", "file/a.html"])
def test_a_page_that_cannot_be_written_is_refused_before_any_work(tsbench, tmp_path, html):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    code, out, err = tsbench("retrieve", "--run", "x", "--query", "pause", "--html", html, "--store", "none.db")
    assert code == 2 and not out and "error: --html" in err


def test_pairs_are_asked_for_of_methods_that_tell_them(tsbench):
    asked = ("--dataset", "ecg-text-made", "--protocol", "retrieval-rerank")
    code, _, err = tsbench("run", "--method", "signal-text", *asked)
    assert code == 2 and "signal-text says nothing of pairs" in err


def test_a_dataset_without_texts_is_refused(tsbench):
    code, _, err = tsbench("run", "--method", "signal-text", "--dataset", "UnitTest", "--protocol", "retrieval")
    assert code != 0 and "retrieves texts, and the dataset has none" in err
