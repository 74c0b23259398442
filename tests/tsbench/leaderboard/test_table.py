import json

import numpy as np
import pytest

from tsbench.errors import UsageError
from tsbench.leaderboard.export import markdown, write_board
from tsbench.leaderboard.table import build
from tsbench.protocol import Protocol, Split

PROTOCOL = Protocol(name="p", probe="knn")


def row(label, dataset, value, seed=0, fold=0, **fields):
    return {
        "label": label,
        "method": label,
        "method_version": 1,
        "dataset": dataset,
        "status": "succeeded",
        "fold": fold,
        "seed": seed,
        "finished": 0.0,
        "accuracy": value,
        "protocol_hash": PROTOCOL.hash(),
        "normalisation": "none",
        "fingerprint": "f",
        "versions": "{}",
        **fields,
    }


def board(rows, datasets=("A", "B", "C"), protocol=PROTOCOL, **options):
    return build("test", datasets, protocol, rows, "accuracy", **options)


def test_means_ranks_and_wins_are_over_what_complete_methods_share():
    rows = [row("x", "A", 0.9), row("x", "B", 0.5), row("y", "A", 0.7), row("y", "B", 0.5), row("z", "A", 1.0)]
    result = board(rows)
    assert result.common == ("A", "B")
    assert list(result.summary.index) == ["x", "y", "z"]
    assert result.summary.loc["x", ["mean", "rank", "wins", "coverage"]].tolist() == [
        pytest.approx(0.7),
        1.25,
        2,
        "2/3",
    ]
    assert result.summary.loc["y", ["mean", "rank", "wins"]].tolist() == [pytest.approx(0.6), 1.75, 1]
    assert not result.summary.loc["z", "complete"]
    assert np.isnan(result.summary.loc["z", "mean"])
    assert result.cells["C"].isna().all()


def test_a_shared_board_ranks_every_method_where_all_have_results():
    rows = [row("x", "A", 0.9), row("x", "B", 0.5), row("y", "A", 0.7), row("y", "B", 0.5), row("z", "A", 1.0)]
    result = build("test", ("A", "B", "C"), PROTOCOL, rows, "accuracy", shared=True)
    assert result.common == ("A",)
    assert result.summary.index[0] == "z"
    assert result.summary["complete"].all()
    assert result.summary.loc["x", ["mean", "rank", "wins"]].tolist() == [pytest.approx(0.9), 2, 0]


def test_seeds_are_averaged_and_failures_do_not_count():
    rows = [row("x", "A", 0.4, seed=0), row("x", "A", 0.6, seed=1), row("x", "A", None, seed=2, status="failed")]
    assert board(rows).cells.loc["x", "A"] == pytest.approx(0.5)
    assert board(rows).summary.loc["x", "seeds"] == 2


def test_a_cell_needs_every_fold():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    rows = [row("x", "A", 0.5, fold=fold, protocol_hash=protocol.hash()) for fold in range(3)]
    assert board(rows, protocol=protocol).cells.loc["x", "A"] == 0.5
    assert np.isnan(board(rows[:2], protocol=protocol).cells.loc["x", "A"])


def test_of_a_method_the_newest_version_counts_and_of_a_dataset_the_newest_data():
    rows = [row("x", "A", 0.1), row("x", "A", 0.9, method_version=2), row("x", "B", 0.3)]
    result = board(rows)
    assert result.cells.loc["x", "A"] == 0.9
    assert np.isnan(result.cells.loc["x", "B"])
    old = row("y", "A", 0.2, fingerprint="old", finished=-1.0)
    assert "y" not in board([*rows, old]).cells.index


def test_results_of_an_older_probe_or_encoder_do_not_stand_beside_newer_ones():
    def of(dataset, value, **versions):
        text = json.dumps({name.replace("_", ":"): version for name, version in versions.items()})
        return row("x", dataset, value, versions=text, finished=-value)

    rows = [of("A", 0.1, encoder_e=1, probe_p=9), of("A", 0.2, encoder_e=1, probe_p=10), of("B", 0.3, probe_p=9)]
    chosen = of("C", 0.4, encoder_other=1, probe_p=10)  # tuning may choose another encoder for each dataset
    result = board([*rows, chosen, row("y", "A", 0.5, versions='{"probe:p": 9}'), row("floor", "A", 0.6)])
    assert result.cells.loc["x", ["A", "C"]].tolist() == [0.2, 0.4]
    assert np.isnan(result.cells.loc["x", "B"])
    assert "y" not in result.cells.index
    assert result.cells.loc["floor", "A"] == 0.6
    assert result.summary.loc["x", "versions"] == "encoder:e=1 probe:p=10/encoder:other=1 probe:p=10"
    assert result.outdated == 2  # y on A and x on B: x on A was made anew


def test_a_transform_may_have_any_parameter():
    versions = '{"transform:pick:names=a,b": 1, "probe:p": 1}'
    assert board([row("x", "A", 0.5, versions=versions)]).summary.loc["x", "versions"].endswith("names=a,b=1")


def test_a_method_has_one_version_whatever_its_parameters():
    rows = [row("x", "A", 0.1, method_version=2), row("x[lr=1]", "A", 0.9, method="x"), row("y", "A", 0.5)]
    twin = row("random:x", "A", 0.2)
    assert board([*rows, twin]).cells.index.tolist() == ["y", "x"]
    assert board([*rows, twin]).outdated == 2
    assert board([*rows, twin], labels=["x[lr=1]"]).cells.empty


def test_a_cell_needs_the_folds_of_its_own_dataset():
    rows = [row("x", "A", 0.5), *(row("x", "B", value, fold=fold) for fold, value in enumerate((0.2, 0.4)))]
    assert board([*rows, row("y", "B", 0.9)]).cells.loc["x", ["A", "B"]].tolist() == [0.5, pytest.approx(0.3)]
    assert np.isnan(board([*rows, row("y", "B", 0.9)]).cells.loc["y", "B"])


def test_protocols_are_never_mixed():
    with pytest.raises(ValueError, match="different protocols"):
        board([row("x", "A", 0.5, protocol_hash="other")])
    own = row("floor", "A", 0.5, protocol_hash=PROTOCOL.own().hash())
    assert board([row("x", "A", 0.6), own]).cells.loc["floor", "A"] == 0.5


def test_an_empty_board():
    assert board([]).cells.empty


def test_what_a_method_lacks_is_empty_in_markdown():
    text = markdown(board([row("x", "A", 0.9), row("x", "B", 0.5), row("z", "A", 0.25)]))
    assert text.splitlines()[2:] == ["| x | 70.0 | 1.00 | 2 | 2/3 | 90.0 | 50.0 |", "| z |  |  |  | 1/3 | 25.0 |  |"]


def test_files(tmp_path):
    result = board([row("x|y", "A", 0.9), row("z", "A", 0.25)])
    assert "| x\\|y | 90.0 | 1.00 | 1 | 1/3 | 90.0 |" in markdown(result)
    write_board(result, tmp_path / "deep" / "b.csv")
    lines = (tmp_path / "deep" / "b.csv").read_text().splitlines()
    assert lines[0].startswith("method,protocol,protocol_hash,metric,mean,rank,wins,coverage,complete,seeds,")
    assert lines[0].endswith("A,B,C")
    assert lines[1].startswith(f"x|y,p,{PROTOCOL.hash()[:12]},accuracy,0.9,1")
    assert lines[2].endswith("0.25,,")
    write_board(result, tmp_path / "b.md")
    assert (tmp_path / "b.md").read_text() == markdown(result)
    with pytest.raises(UsageError, match="ends in .csv or .md"):
        write_board(result, tmp_path / "b.txt")
