import io
import json

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.tsbench.leaderboard.test_table import board, row
from tests.tsbench.papers.test_named import named
from tests.tsbench.papers.test_named import row as published
from tsbench.compare.published import compare
from tsbench.errors import UsageError
from tsbench.evidence.opened import open_results
from tsbench.leaderboard.query import query
from tsbench.papers.named import results
from tsbench.protocol import Protocol, Split

PROBED = '{"probe:knn": 1}'
OURS = [row("x", "A", 0.61249, versions=PROBED), row("x", "A", 0.60751, seed=1, versions=PROBED)]
OURS += [row("x", "B", 0.5004, versions=PROBED), row("x", "C", 0.7, versions=PROBED)]
THEIRS = (published("A", "0.600", protocol="p"), published("B", "0.500", protocol="p"), published("Z", "0.9"))


def compared(ours=OURS, theirs=THEIRS, **options):
    return compare(board(ours, **options), "x", named(*theirs))


def test_ours_less_the_published_on_what_both_have():
    found = compared(datasets=("A", "B", "C", "Z"))
    assert found.frame["dataset"].tolist() == ["A", "B"] and found.alone == (1, 1)
    assert compared().alone == (1, 0)  # Z was not asked for
    assert found.frame["ours"].tolist() == pytest.approx([0.61, 0.5004])
    assert found.frame["ours_std"].tolist() == pytest.approx([0.00498 / 2**0.5, float("nan")], nan_ok=True)
    assert found.frame["n_seeds"].tolist() == [2, 1]


def test_what_the_published_were_rounded_by_is_no_difference():
    found = compared()
    assert found.frame["difference"].tolist() == [0.01, 0.0]
    assert (found.paired.better, found.paired.equal, found.paired.mean) == (1, 1, pytest.approx(0.005))


def test_the_decimals_that_are_said_are_those_that_were_rounded_to():
    found = compared(theirs=(published("B", "0.48"), published("Z", "0.125")))
    assert found.frame["difference"].tolist() == [0.02] and found.results.decimals == 2
    assert any("to the 3 decimals of the published" in line for line in found.notes())


def test_two_protocols_are_said_side_by_side_with_a_warning_where_they_differ():
    warning = "Warning: the two were not measured alike, or nobody knows"
    alike = compared()
    assert alike.same_protocol and not any(line.startswith(warning) for line in alike.notes())
    for theirs in ((published("A", setting="5-fold"),), (published("A", setting="5-fold", protocol="own"),)):
        notes = compared(theirs=theirs).notes()
        assert any(line.startswith(warning) for line in notes)
        assert any(line.startswith("Ours: protocol p (") for line in notes)
        assert any(line.startswith("Published: protocol ") and "5-fold" in line for line in notes)


def test_what_decides_by_itself_is_of_the_protocol_own_on_the_archives_split_alone():
    theirs = (published("A", protocol="own"),)
    assert compared([row("x", "A", 0.5)], theirs).same_protocol
    assert not compared(theirs=theirs).same_protocol
    folds = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    rows = [row("x", "A", 0.5, fold=fold, protocol_hash=folds.own().hash()) for fold in range(3)]
    assert not compared(rows, theirs, protocol=folds).same_protocol


def test_doubts_sources_and_what_a_second_source_agrees_with_are_told():
    notes = compared(
        theirs=(published("A", source="here", doubts="odd", verified="yes"), published("B", source="here"))
    )
    text = "\n".join(notes.notes())
    assert "Source: P, T: here." in text and "agrees with 1 of 2 numbers" in text and "Doubt: odd (A)." in text


def test_without_a_common_dataset_there_is_nothing_to_compare():
    with pytest.raises(UsageError, match="x on test .3 datasets. and src/m have no dataset in common"):
        compared(theirs=(published("Z"),))


def test_formats():
    found = compared()
    table = pd.read_csv(io.StringIO(found.text("csv")))
    assert table["difference"].tolist() == [0.01, 0] and set(table["compared_with"]) == {"src/m"}
    content = json.loads(found.text("json"))
    assert content["paired"]["n"] == 2 and content["rows"][1]["published_std"] is None and content["same_protocol"]
    assert "| A | 61.0 ± 0.4 | 60.0 | +1.0 |" in found.text("md")


def test_our_nearest_neighbour_is_the_published_one_where_the_data_are(installed, registry, tmp_path):
    """On committed evidence, and series that the archive holds z-normalised, two implementations agree to the digit."""
    files = sorted((ROOT / "leaderboards" / "results" / "ucr").glob("1nn-ed-*.parquet"))
    with open_results(str(files[0]), installed, registry, pytest.fail) as store:

        class Opened:
            def __enter__(self):
                return store

            def __exit__(self, *_):
                pass

        ours = query(["ucr"], None, None, None, ["1nn-ed"], False, installed, registry, Opened)
        found = compare(ours, "1nn-ed", results("mcl/ed", "accuracy", registry))
    as_held = {
        one.dataset for one in results("srl/t-loss/k=10", "accuracy", registry).rows if "as they are" in one.note
    }
    frame = found.frame[~found.frame["dataset"].isin(as_held)]
    assert len(frame) > 0 and found.same_protocol
    assert (frame["difference"] == 0).all()


def test_the_command(tsbench, tmp_path):
    run = ("run", "--method", "majority,1nn-ed", "--dataset", "ItalyPowerDemand", "--protocol", "svm-rbf")
    assert tsbench(*run, "--offline")[0] == 0
    asked = ("compare", "ucr", "--method", "1nn-ed", "--published", "mcl/ed")
    code, out, err = tsbench(*asked, "--out", "x.json")
    assert code == 0, err
    assert "1nn-ed beside mcl/ed/1-nn-euclidean: accuracy in %" in out and "ItalyPowerDemand" in out
    assert "over the 1 datasets that both have" in out and "Doubt: each series" in out
    assert json.loads((tmp_path / "x.json").read_text())["paired"]["equal"] == 1
    assert tsbench(*asked, "--format", "csv")[1].startswith("method,protocol,compared_with,")
    code, _, err = tsbench(*asked[:-1], "srl/t-loss")
    assert code == 2 and "name one of srl/t-loss/combined-k" in err
    code, _, err = tsbench("compare", "ucr", "--method", "1nn-ed,majority", "--published", "mcl/ed")
    assert code == 2 and "--method 1nn-ed,majority: this compares one row, and that names 2: 1nn-ed, majority" in err
    code, _, err = tsbench(*asked, "--out", "x.tex")
    assert code == 2 and "--out x.tex: choose a file that ends in .csv, .md or .json" in err
    code, _, err = tsbench(*asked[:-1], "bakeoff/HC2", "--fetch", "--offline")
    assert code == 3 and "bakeoff/HC2 was not fetched" in err and len(err.splitlines()) == 1
