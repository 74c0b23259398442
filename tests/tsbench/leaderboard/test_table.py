import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tsbench.errors import UsageError
from tsbench.leaderboard.export import markdown, notes
from tsbench.leaderboard.newest import Present
from tsbench.leaderboard.table import build
from tsbench.leaderboard.write import write_board
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
        "split": "test:0 train:0",
        "configuration": "r:c",
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
    assert board(rows).summary.loc["x", "seeds"] == "0-1"


def test_seeds_are_stated_per_row_and_rows_that_differ_are_marked():
    rows = [row("x", "A", 0.4, seed=seed) for seed in (0, 1, 2, 5)] + [row("y", "A", 0.5)]
    result = board([*rows, row("z", "A", 0.5), row("z", "B", 0.5), row("z", "B", 0.5, seed=1)])
    assert result.summary["seeds"].to_dict() == {"x": "0-2,5", "y": "0", "z": "0-1*"}
    assert any("Rows are not of the same seeds" in line for line in notes(result))
    assert any(line.startswith("* Not every cell") for line in notes(result))
    assert not any("seeds" in line for line in notes(board([row("x", "A", 0.4), row("y", "A", 0.5)])))


def test_how_much_of_a_dataset_was_read_is_said():
    result = replace(board([row("x", "A", 0.4)]), extents={"A": "sample: 16 of 48 records", "B": "complete"})
    assert "How much of a dataset was read: A sample: 16 of 48 records; B complete." in notes(result)
    assert not any("was read" in line for line in notes(board([row("x", "A", 0.4)])))


def test_a_seed_with_a_fold_missing_is_not_among_those_of_the_row():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    rows = [
        row("x", "A", 0.5, seed, fold, protocol_hash=protocol.hash()) for seed, fold in ((0, 0), (0, 1), (0, 2), (1, 0))
    ]
    rows += [row("y", "A", 0.5, protocol_hash=protocol.hash())]
    assert board(rows, protocol=protocol).summary["seeds"].to_dict() == {"x": "0", "y": ""}


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


def test_a_row_from_before_a_value_had_a_version_does_not_stand_beside_one_that_holds_it():
    def of(label, dataset, **versions):
        parts = {name.replace("_", ":"): version for name, version in versions.items()}
        return row(label, dataset, 0.5, versions=json.dumps({"encoder:e": 1, **parts}))

    rows = [of("m[precision=bf16]", "A", precision_bf16=2), of("m[precision=bf16]", "B"), of("m", "A"), of("m", "B")]
    result = board(rows)
    assert result.cells.loc["m", ["A", "B"]].tolist() == [0.5, 0.5]
    assert result.cells.loc["m[precision=bf16]", "A"] == 0.5
    assert np.isnan(result.cells.loc["m[precision=bf16]", "B"])
    assert result.outdated == 1


def test_rows_that_read_padding_do_not_stand_beside_those_that_do_not():
    mended = {"versions": '{"encoder:gru": 1, "padding:encoder:gru": 1}'}
    rows = [row("x", "A", 0.9, **mended), *(row("x", name, 0.5, versions='{"encoder:gru": 1}') for name in "BC")]
    now = {"A": Present("f", padded=True), "B": Present("f", padded=True), "C": Present("f")}
    result = board([*rows, row("y", "B", 0.4, versions='{"encoder:gru": 1}')], now=now)
    assert result.cells.loc["x", ["A", "C"]].tolist() == [0.9, 0.5]  # series of C have one length
    assert np.isnan(result.cells.loc["x", "B"]) and result.outdated == 1
    assert result.cells.loc["y", "B"] == 0.4  # a label without such versions never read any padding, or still does


def test_the_data_that_is_here_counts_and_not_what_was_run_last():
    ours, copy = row("x", "A", 0.9), row("x", "A", 1.0, fingerprint="copy", finished=1.0)
    now = {"A": Present("f", ("test:0 train:0 groups:0",))}
    assert board([ours, copy], now=now).cells.loc["x", "A"] == 0.9
    assert board([ours, copy], now={"A": Present("copy", now["A"].splits)}).cells.loc["x", "A"] == 1.0
    assert board([ours, copy]).cells.loc["x", "A"] == 1.0
    never_run = board([ours, copy], now={"A": Present("third")})
    assert never_run.cells.empty and never_run.outdated == 1
    assert board([ours, copy], now=now).absent == ()
    assert board([ours, copy, row("y", "B", 0.5)], now=now).absent == ("B",)


def test_results_on_another_split_do_not_count():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    now = {"A": Present("f", tuple(f"test:{fold} train:{fold} groups:0" for fold in range(3)))}

    def folds(label, value, **fields):
        splits = [fields.pop("split", "test:{0} train:{0}").format(fold) for fold in range(3)]
        common = {"protocol_hash": protocol.hash(), **fields}
        return [row(label, "A", value, fold=fold, split=split, **common) for fold, split in enumerate(splits)]

    right = folds("x", 0.5)
    moved = [{**one, "split": "test:9 train:9", "accuracy": 1.0, "finished": 1.0} for one in folds("y", 1.0)]
    result = board([*right, *moved], protocol=protocol, now=now)
    assert result.cells.index.tolist() == ["x"] and result.outdated == 3
    assert board([*right, *moved[:1]], protocol=protocol).outdated == 1  # data that is not here: the last row's split
    leaked = [{**one, "label": "x[tuned=4]", "split": one["split"] + " groups:9"} for one in right]
    assert board([*right, *leaked], protocol=protocol, now=now).outdated == 3
    before = [
        {**one, "label": "z", "split": one["split"].split()[0]} for one in right
    ]  # the test cases alone are known
    assert board([*right, *before], protocol=protocol, now=now).cells["A"].tolist() == [0.5, 0.5]
    unknown = [{**one, "label": "z", "split": None} for one in right]
    assert board([*right, *unknown], protocol=protocol, now=now).outdated == 3


def test_a_cell_is_of_one_configuration_and_the_newest_is_shown():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))

    def folds(value, *which, dataset="A", **fields):
        return [row("x", dataset, value, fold=fold, protocol_hash=protocol.hash(), **fields) for fold in which]

    def shown(*parts):
        result = board([one for part in parts for one in part], protocol=protocol)
        return result.cells.loc["x", "A"], result.others

    old = folds(0.0, 0, 1, 2)
    assert shown(old, folds(1.0, 0, 1, 2, configuration="other:c", finished=1.0)) == (1.0, 3)
    unfinished = shown(old, folds(1.0, 0, 1, configuration="other:c", finished=1.0))
    assert np.isnan(unfinished[0]) and unfinished[1] == 3
    assert shown(old, folds(1.0, 0, 1, 2, seed=1)) == (0.5, 0)
    assert shown(old, folds(1.0, 0, 1, 2, seed=1, configuration="r:threads", finished=1.0)) == (1.0, 3)
    assert shown(old, folds(1.0, 0, 1, 2, seed=1, configuration=None, finished=1.0)) == (0.5, 0)  # not noted then
    elsewhere = folds(1.0, 0, 1, 2, dataset="B", configuration="r:threads", finished=1.0)
    assert shown(old, elsewhere) == (0.0, 0)  # what may differ between datasets does
    assert "x" in board([*old, *elsewhere], protocol=protocol).cells.index
    moved_on = folds(1.0, 0, 1, 2, dataset="B", configuration="other:c", finished=1.0)
    result = board([*old, *moved_on], protocol=protocol)
    assert np.isnan(result.cells.loc["x", "A"]) and result.cells.loc["x", "B"] == 1.0 and result.others == 3
    assert board([*old, *moved_on], protocol=protocol, labels=["y"]).others == 0


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {"versions": text}
            for text in ("7", "[1]", '"a"', "{", '{"probe:p": "x"}', '{"probe:p": null}', "[" * 100_000)
        ),
        *({name: "odd"} for name in ("method_version", "fold", "seed", "finished", "accuracy")),
        *({"accuracy": value} for value in (float("inf"), float("-inf"))),
    ],
)
def test_a_row_that_makes_no_sense_is_left_out_and_counted(fields):
    fields = {"value": 0.1, **fields}
    wrong = {**row("y", "A", fields.pop("value")), **fields}
    result = board([row("x", "A", 0.5), wrong])
    assert result.cells.index.tolist() == ["x"] and result.unreadable == 1
    assert board([wrong]).cells.empty


def test_a_transform_may_have_any_parameter():
    versions = '{"transform:pick:names=a,b": 1, "probe:p": 1}'
    assert board([row("x", "A", 0.5, versions=versions)]).summary.loc["x", "versions"].endswith("names=a,b=1")


def test_a_method_has_one_version_whatever_its_parameters():
    rows = [row("x", "A", 0.1, method_version=2), row("x[lr=1]", "A", 0.9, method="x"), row("y", "A", 0.5)]
    controls = [row(f"{control}x", "A", 0.2) for control in ("random:", "permuted:", "permuted:random:")]
    assert board([*rows, *controls]).cells.index.tolist() == ["y", "x"]
    assert board([*rows, *controls]).outdated == 4
    assert board([*rows, *controls], labels=["x[lr=1]"]).cells.empty


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
    rows = [line for line in text.splitlines() if line.startswith(("| x ", "| z "))]
    assert rows == ["| x | 70.0 | 1.00 | 2 | 2/3 | 0 | 90.0 | 50.0 |", "| z |  |  |  | 1/3 | 0 | 25.0 |  |"]


def test_files(tmp_path):
    result = board([row("x|y", "A", 0.9), row("z", "A", 0.25)])
    text = markdown(result)
    assert text.startswith(f"test: accuracy in %, protocol p ({PROTOCOL.hash()[:12]}), seeds 0\n\n| method |")
    assert "| x\\|y | 90.0 | 1.00 | 1 | 1/3 | 0 | 90.0 |" in text
    write_board(result, tmp_path / "deep" / "b.csv")
    lines = (tmp_path / "deep" / "b.csv").read_text().splitlines()
    assert lines[0].startswith("method,protocol,protocol_hash,metric,mean,rank,wins,coverage,complete,seeds,")
    assert lines[0].endswith("A,B,C")
    assert lines[1].startswith(f"x|y,p,{PROTOCOL.hash()[:12]},accuracy,0.9,1")
    assert lines[2].endswith("0.25,,")
    assert lines[0].startswith("method,protocol,protocol_hash,metric,mean,rank,wins,coverage,complete,seeds,")
    write_board(result, tmp_path / "b.md")
    assert (tmp_path / "b.md").read_text() == markdown(result)
    with pytest.raises(UsageError, match="ends in .csv, .md, .tex, .parquet or .json"):
        write_board(result, tmp_path / "b.txt")


def test_a_dataset_may_be_called_as_a_column_is(tmp_path):
    names = ("method", "protocol", "mean", "seeds")
    result = board([row("x", name, number / 4) for number, name in enumerate(names)], names)
    write_board(result, tmp_path / "b.csv")
    head, line = (tmp_path / "b.csv").read_text().splitlines()
    assert head.endswith(",method,protocol,mean,seeds") and line.endswith(",0,0.25,0.5,0.75")
    assert markdown(result).splitlines()[2].endswith("| method | protocol | mean | seeds |")


ODD = ("=1+1", "+a", "-a", "@a", "\tb", "\rb", "\nb", " =c", "\uff1dd", "a,b", "a|b", "[x](y)", "`<b>`", "*_e_*")


def test_odd_names_stay_names_in_every_file(tmp_path):
    """As datasets and as methods; a CSV read back has as many columns and rows as the board, and no formula."""
    result = board([row(name, name, 0.5) for name in ODD] + [row("plain", name, 0.5) for name in ODD], ODD)
    write_board(result, tmp_path / "b.csv")
    with (tmp_path / "b.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert len(lines) == len(ODD) + 1 and all(len(line) == len(head) for line in lines)
    names = {line[0] for line in lines} - {"plain"}
    assert (
        names
        == set(head[-len(ODD) :])
        == {
            *("'" + name.replace("\r", "\n") for name in ODD if name in ODD[:9] and name != "\tb"),
            *("\\tb", *ODD[9:]),
        }
    )
    lines = [line for line in markdown(result).splitlines() if line.startswith("|")]
    assert len(lines) == len(ODD) + 3
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    assert {len(line) for line in cells} == {7 + len(ODD)}
    names = {line[0].strip() for line in cells[2:]}
    assert names >= {r"a\|b", r"\[x\](y)", r"\`\<b\>\`", r"\*\_e\_\*", "=1+1"}
    assert names - {"plain"} == {name.strip() for name in cells[0][7:]}


def test_of_errors_the_lowest_is_the_best():
    rows = [
        {**row(label, dataset, np.nan), "mae": value}
        for label, dataset, value in [("x", "A", 2.0), ("x", "B", 1500.0), ("y", "A", 1.0), ("y", "B", 1500.0)]
    ]
    result = build("test", ("A", "B"), PROTOCOL, rows, "mae", units={"A": "days", "B": "days"})
    assert result.summary["rank"].to_dict() == {"y": 1.25, "x": 1.75}
    assert result.summary["wins"].to_dict() == {"y": 2, "x": 1}
    assert list(result.summary.index) == ["y", "x"]
    text = markdown(result)
    assert text.startswith("test: mae in days, low is good, protocol p")
    assert "| y | 750.5 | 1.25 | 2 | 2/2 | 0 | 1 | 1500 |" in text
    several = build("test", ("A", "B"), PROTOCOL, rows, "mae", units={"A": "days", "B": ""})
    assert several.unit == "units of the labels" and several.summary["mean"].isna().all()
    assert list(several.summary.index) == ["y", "x"]


def test_an_own_split_has_the_folds_that_it_has_now():
    named = PROTOCOL.on_split("raindrop")
    fields = {"protocol_hash": named.hash()}
    rows = [row("x", "A", 0.5, fold=fold, split=f"test:{fold}", **fields) for fold in range(2)]
    now = {"A": Present("f", ("test:0", "test:1", "test:2"))}
    assert board(rows, protocol=named, now=now).cells["A"].isna().all()
    whole = [*rows, row("x", "A", 0.8, fold=2, split="test:2", **fields)]
    made = board(whole, protocol=named, now=now)
    assert made.cells.loc["x", "A"] == pytest.approx(0.6)
    assert "protocol p+split=raindrop, split raindrop (" in markdown(made)
    assert made.frame()["split"].tolist() == ["raindrop"]


def test_a_cell_of_resamples_needs_all_and_says_how_they_spread():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="resample", folds=30))
    values = np.linspace(0.5, 0.9, 30)
    splits = tuple(f"test:{fold} train:{fold}" for fold in range(30))
    rows = [
        row("x", "A", value, fold=fold, split=split, protocol_hash=protocol.hash())
        for fold, (value, split) in enumerate(zip(values, splits, strict=True))
    ]
    now = {"A": Present("f", splits)}
    assert board(rows[:29], protocol=protocol, now=now).cells["A"].isna().all()
    made = board(rows, protocol=protocol, now=now)
    (cell,) = made.evidence.itertuples()
    assert (cell.n_folds, cell.n_seeds) == (30, 1)
    assert cell.mean == pytest.approx(0.7) and cell.std_folds == pytest.approx(values.std(ddof=1))
    assert "protocol p, split resample30 (" in markdown(made)


def test_splits_of_two_names_share_no_board():
    with pytest.raises(ValueError, match="rows of different protocols"):
        board([row("x", "A", 0.5)], protocol=PROTOCOL.on_split("raindrop"))
    with pytest.raises(ValueError, match="rows of different protocols"):
        board([row("x", "A", 0.5)], protocol=Protocol(name="p", probe="knn", split=Split(scheme="resample", folds=30)))


def exposed_board(**options):
    """Return a board of a clean row, one that is exposed in A, and one of unknown past with a fold that is exposed."""
    cv = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    rows = [
        row(label, dataset, value, fold=fold, protocol_hash=cv.hash(), exposure=exposure)
        for label, dataset, value, exposures in (
            ("x", "A", 0.5, [None, "clean", "clean"]),
            ("x", "B", 0.5, ["clean"] * 3),
            ("y", "A", 0.9, ["exposed: ucr"] * 3),
            ("y", "B", 0.6, ["clean"] * 3),
            ("z", "A", 0.7, ["unknown: w", "exposed: A", "unknown: w"]),
            ("z", "B", 0.7, ["unknown: w"] * 3),
            ("u", "A", 0.1, ["unknown: v"] * 3),
            ("u", "B", 0.1, ["unknown: v"] * 3),
        )
        for fold, exposure in enumerate(exposures)
    ]
    return board(rows, ("A", "B"), cv, **options)


def test_cells_that_are_not_clean_are_marked_and_named():
    result = exposed_board()
    unknown = {("z", "B"): "unknown: w", ("u", "A"): "unknown: v", ("u", "B"): "unknown: v"}
    assert result.exposures == {("y", "A"): "exposed: ucr", ("z", "A"): "exposed: A", **unknown}
    words = {"x": "clean", "y": "exposed: A", "z": "exposed: A; unknown: B", "u": "unknown"}
    assert result.summary["exposure"].to_dict() == words
    assert result.frame().set_index("method")["exposure"].to_dict() == words
    lines = [line for line in markdown(result).splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[-2:] for line in lines[2:]] == [
        ["90.0 ±0.0!", "60.0 ±0.0 |"],
        ["70.0 ±0.0!", "70.0 ±0.0? |"],
        ["50.0 ±0.0", "50.0 ±0.0 |"],
        ["10.0 ±0.0?", "10.0 ±0.0? |"],
    ]
    marked = [line for line in notes(result) if line[0] in "!?"]
    assert [(line[0], line.rpartition(" ")[2]) for line in marked] == [("!", "(exposed)."), ("?", "(unknown).")]
    assert result.unclean == 0


def test_a_clean_board_leaves_out_what_is_exposed_and_what_is_unknown():
    result = exposed_board(clean=True)
    assert result.cells["B"].dropna().to_dict() == {"x": 0.5, "y": pytest.approx(0.6)}
    assert result.cells["A"].dropna().to_dict() == {"x": 0.5}
    assert result.exposures == {} and set(result.summary["exposure"]) == {"clean"}
    assert result.unclean == 3 + 6 + 6
    assert "Left out: 15 results that are exposed, or of which that is unknown." in notes(result)


def test_a_board_of_clean_rows_says_nothing_of_it(tmp_path):
    result = board([row("x", "A", 0.4), row("y", "A", 0.5, exposure="clean")])
    assert set(result.summary["exposure"]) == {"clean"} and not [line for line in notes(result) if line[0] in "!?"]
    write_board(exposed_board(), tmp_path / "b.json")
    rows = {one["method"]: one for one in json.loads((tmp_path / "b.json").read_text())["rows"]}
    assert rows["y"]["exposure"] == "exposed: A"
    assert [rows["y"]["cells"][name]["exposure"] for name in "AB"] == ["exposed: ucr", "clean"]
