"""What is committed of published numbers, and how it is read."""

import csv

import pytest

from tsbench.errors import UsageError
from tsbench.papers.named import AVERAGE, OURS, catalogue
from tsbench.papers.published import Row, files, load_published, read

HEADINGS = "paper,table,setting,method,variant,dataset,metric,mean,std,note,source,protocol,verified,doubts"
GOOD = "P,T,s,M,,D,ACC,0.50,,,here,svm-rbf,yes,"


@pytest.fixture
def written(tmp_path):
    def write(*lines):
        path = tmp_path / "x.csv"
        path.write_text("\n".join([HEADINGS, *lines]) + "\n")
        return path

    return write


def test_a_row_is_read_with_its_decimals(written):
    (row,) = read(written(GOOD))
    assert (float(row.mean), row.decimals, row.std, row.verified, row.protocol) == (0.5, 2, None, True, "svm-rbf")


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (GOOD.replace("0.50", "half"), "mean"),
        (GOOD.replace("0.50", "nan"), "mean"),
        (GOOD.replace("0.50,", "0.50,-1"), "std"),
        (GOOD.replace("yes", "perhaps"), "verified"),
        (GOOD.replace(",D,", ",,"), "dataset"),
        (GOOD + ",more", "beyond the last column"),
        ("P,T", "setting"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(written, line, column):
    with pytest.raises(UsageError, match=rf"x\.csv:3: {column}: "):
        read(written(GOOD, line))


def test_every_file_is_small_and_every_number_a_fraction_where_no_paper_says_otherwise(registry):
    units = {paper.csv: paper.unit for paper in registry.papers.values()}
    for name, path in files().items():
        assert path.stat().st_size < 1_000_000, name
        for row in load_published(name, units.get(name, 1)).rows:
            most = 6 if row.metric == "RSUM" else 1  # the sum of six recalls
            assert 0 < float(row.mean) / units.get(name, 1) <= most, row


def test_named_results_are_of_known_datasets_metrics_and_protocols(registry, installed):
    known = catalogue(registry)
    assert {name.partition("/")[0] for name in known} == {"mcl", "ptms", "rankscl", "srl", "ts2vec", "tstcc"}
    for name, rows in known.items():
        assert len({(row.dataset, row.metric) for row in rows}) == len(rows), name
        for row in rows:
            assert row.dataset in installed["datasets"], row
            assert row.metric in {*OURS, "macro-precision"} and row.source, row
            assert row.protocol in {"", *registry.protocols}, row


def test_the_averages_of_ts2vec_are_those_of_the_table_of_t_loss():
    """What the column `verified` says: two sources that agree."""
    rows = load_published("srl.csv", 1).rows
    averages = {(row.method, row.dataset): row.mean for row in load_published("ts2vec.csv", 1).rows if row.verified}

    def mean(method, variant, table, without=()):
        found = [row for row in rows if (row.method, row.variant) == (method, variant) and row.table.startswith(table)]
        assert all(row.verified for row in found)
        values = [float(row.mean) for row in found if row.dataset not in without]
        return len(values), pytest.approx(sum(values) / len(values), abs=5e-4)

    not_there = ("DodgerLoopDay", "DodgerLoopGame", "DodgerLoopWeekend")
    for method, variant, archive, left_out in (
        ("T-Loss", "K=10", "UCR", ()),
        ("DTW", "", "UCR", not_there),
        ("T-Loss", "K=20", "UEA", ("InsectWingbeat",)),
        ("DTW", "", "UEA", ()),
    ):
        count, value = mean(method, variant, archive, left_out)
        assert float(averages[method, f"{archive} {count}{AVERAGE}"]) == value


def test_every_column_of_a_row_is_in_the_files():
    assert list(Row.model_fields) == HEADINGS.split(",")
    for name in ("rankscl.csv", "srl.csv"):
        with files()[name].open(encoding="utf-8", newline="") as file:
            assert next(csv.reader(file)) == HEADINGS.split(",")
