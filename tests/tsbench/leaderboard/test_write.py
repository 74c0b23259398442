"""Every format of a board, of names that are odd in each of them."""

import contextlib
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.tsbench.leaderboard.test_table import ODD, board, row
from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.errors import UsageError
from tsbench.leaderboard.costs import with_costs
from tsbench.leaderboard.latex import escaped, latex
from tsbench.leaderboard.tidy import tidy, to_parquet
from tsbench.leaderboard.write import bytes_of, check_output, text_of, write_board
from tsbench.protocol import Protocol, Split
from tsbench.store.store import Store

SEEDS = [row("x", "A", 0.5, seed, key=f"k{seed}") for seed in (0, 1)] + [row("y", "A", 0.75, key="k9")]


def parsed(text):
    """Return the cells of a table in LaTeX, row by row; asserts that braces and environments close, in order."""
    text = re.sub(r"(?m)(?<!\\)%.*$", "", text)
    assert not re.search(r"(?<!\\)[#$&_^~](?![^\n]*\\\\\n)", re.sub(r"\$\\pm\$", "", text))
    open_braces = 0
    for token in re.findall(r"\\.|[{}]", text):
        open_braces += {"{": 1, "}": -1}.get(token, 0)
        assert open_braces >= 0
    assert open_braces == 0
    stack = []
    for what, name in re.findall(r"\\(begin|end){(\w+)}", text):
        stack.append(name) if what == "begin" else None
        assert what == "begin" or stack.pop() == name
    assert not stack
    sides, body = re.search(r"\\begin{tabular}{(\w+)}(.*)\\end{tabular}", text, re.DOTALL).groups()
    lines = [line for line in body.splitlines() if line and line not in ("\\toprule", "\\midrule", "\\bottomrule")]
    assert all(line.endswith(" \\\\") and not line.startswith(("[", "*")) for line in lines)
    cells = [re.split(r"(?<!\\) ?& ?", line.removesuffix(" \\\\")) for line in lines]
    assert {len(line) for line in cells} == {len(sides)}
    return cells


def test_latex_marks_the_best_and_the_second_and_says_the_spread():
    table = parsed(latex(board([*SEEDS, row("z", "A", 0.1)])))
    assert table[0][:2] == ["method", "mean"] and table[0][-1] == "A"
    assert [line[-1] for line in table[1:]] == [r"\textbf{75.0}", r"\underline{50.0} $\pm$ 0.0", "10.0"]
    spread = board([*SEEDS, row("x", "A", 0.8, 2, key="k")])
    assert r"\underline{60.0} $\pm$ 17.3" in latex(spread)


def test_latex_says_what_its_spread_is_over():
    protocol = Protocol(name="p", probe="knn", split=Split(scheme="cv", folds=3))
    about = {"protocol_hash": protocol.hash()}
    folds = [row("x", "A", 0.4 + 0.1 * fold, fold=fold, **about) for fold in range(3)]
    text = latex(board(folds, protocol=protocol))
    assert r"\textbf{50.0} $\pm$ 10.0" in text and r"$\pm$: standard deviation over folds." in text
    seeds = [row("y", "A", 0.5, seed, fold, **about) for seed in (0, 1) for fold in range(3)]
    both = latex(board([*folds, *seeds], protocol=protocol))
    assert r"$\pm$: standard deviation over seeds, of cells with one seed over folds." in both
    assert r"\pm" not in latex(board([row("x", "A", 0.5)]))


def test_the_spread_of_a_cell_is_in_what_is_read_and_csv_stays_numbers():
    result = board([row("x", "A", 0.4, 0), row("x", "A", 0.6, 1), row("y", "A", 0.25)])
    text = text_of(result, "md")
    assert "| 50.0 ±14.1 |" in text and "| 25.0 |" in text and text.endswith("±: standard deviation over seeds.\n")
    frame = pd.read_csv(io.StringIO(text_of(result, "csv")))
    assert frame["A"].tolist() == [0.5, 0.25] and "±" not in text_of(result, "csv")
    assert "±" not in text_of(board([row("x", "A", 0.4)]), "md")


def test_what_differs_in_the_last_bit_is_a_tie_and_shares_the_mark():
    tied = [(0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3]
    cells = parsed(latex(board([row("x", "A", tied[0]), row("y", "A", tied[1]), row("z", "A", 0.1)])))
    assert tied[0] != tied[1]
    assert [line[-1] for line in cells[1:]] == [r"\textbf{20.0}", r"\textbf{20.0}", r"\underline{10.0}"]


def test_ties_are_all_best_and_of_errors_the_lowest_is():
    cells = parsed(latex(board([row("x", "A", 0.5), row("y", "A", 0.5), row("z", "A", 0.25)])))
    assert [line[-1] for line in cells[1:]] == [r"\textbf{50.0}", r"\textbf{50.0}", r"\underline{25.0}"]


def test_with_more_datasets_than_methods_the_datasets_are_rows():
    table = parsed(latex(board([row("x", "A", 0.5), row("x", "B", 0.25)])))
    assert [line[0] for line in table] == ["dataset", "A", "B", "mean", "rank", "wins", "coverage", "seeds"]
    assert [line[1] for line in table[:4]] == ["x", r"\textbf{50.0}", r"\textbf{25.0}", "37.5"]


def test_latex_shows_every_name_as_it_is():
    rows = [row(name, name, 0.5) for name in (*ODD, "a\\b", "50%", "{x", "#1$_^~&", "a--b")]
    result = board(rows, tuple(one["dataset"] for one in rows))
    table = parsed(latex(result))
    assert len(table) == len(rows) + 1 and {line[-1] for line in table[1:]} <= {"", r"\textbf{50.0}"}
    assert {escaped(name) for name in result.cells.index} == {line[0] for line in table[1:]}
    assert escaped("#1$_^~&") == r"\#1\$\_\textasciicircum{}\textasciitilde{}\&"
    assert escaped("[x]\n*\x1b--") == r"{[}x{]} {*}\textbackslash{}x1b{-}-"


def test_tidy_has_a_row_per_cell():
    table = tidy(board([*SEEDS, row("y", "B", 0.25, key="k8", exposure="exposed: B")]))
    assert table[["method", "dataset", "mean", "n", "n_seeds", "n_folds"]].values.tolist() == [
        ["y", "A", 0.75, 1, 1, 1],
        ["y", "B", 0.25, 1, 1, 1],
        ["x", "A", 0.5, 2, 2, 1],
    ]
    assert table["keys"].tolist() == ["k9", "k8", "k0 k1"]
    assert table["exposure"].tolist() == ["clean", "exposed: B", "clean"]
    assert table["std_seeds"].tolist()[2] == 0 and table[["fit_seconds", "peak_memory_bytes"]].isna().all(axis=None)


@pytest.mark.parametrize("cells", [False, True])
def test_parquet_has_what_csv_has_and_names_as_they_are(tmp_path, cells):
    result = board([row(name, name, 0.5, key="k") for name in ODD], ODD)
    write_board(result, tmp_path / "b.parquet", cells)
    frame = pd.read_parquet(tmp_path / "b.parquet")
    assert set(frame["method"]) == set(ODD)
    assert frame["mean"].dtype == float
    assert text_of(result, "csv", cells).count("\n") >= len(frame) == len(ODD)


def test_parquet_tells_columns_of_one_name_apart(tmp_path):
    (tmp_path / "b.parquet").write_bytes(to_parquet(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "a.2"])))
    assert pd.read_parquet(tmp_path / "b.parquet").to_dict("records") == [{"a": 1, "a.2": 2, "a.2.2": 3}]


@pytest.mark.parametrize("form", ["md", "tex", "json"])
def test_what_has_no_row_per_cell_refuses_it(tmp_path, form):
    with pytest.raises(UsageError, match="a row per cell is for csv and parquet, not for " + form):
        check_output(tmp_path / f"b.{form}", cells=True)


@pytest.fixture
def measured(tmp_path):
    """A board of methods x (two datasets, two seeds) and y (one dataset) with what they took."""
    with contextlib.closing(Store(str(tmp_path / "costs.db"))) as store:
        rows = []
        for label, dataset, seed, fit, probe, peak in (
            ("x", "A", 0, 1.0, 0.5, 100),
            ("x", "A", 1, 3.0, 0.5, 300),
            ("x", "B", 0, 10.0, None, 50),
            ("x", "B", 1, 10.0, None, 50),
            ("y", "A", 0, 7.0, None, 10),
        ):
            spec = make_spec(seed, method=label, dataset=dataset)
            durations = {"fit": fit} | ({} if probe is None else {"probe": probe})
            store.record(make_result(spec, durations=durations, peak_memory_bytes=peak), ENVIRONMENT)
            rows.append(row(label, dataset, 0.5, seed, key=spec.key))
        yield board(rows), store


def test_costs_are_means_over_runs_and_sums_or_means_over_datasets(measured):
    plain, store = measured
    result = with_costs(plain, store, "sum")
    assert result.costs.loc[("x", "A")].tolist() == [2.0, 0.5, 200.0]
    assert result.costs.loc[("y", "A"), "fit_seconds"] == 7.0
    assert result.summary.loc["x", ["fit_seconds", "peak_memory_bytes"]].tolist() == [12.0, 200.0]
    assert np.isnan(result.summary.loc["x", "probe_seconds"])  # of B it was not measured
    assert result.summary.loc["y"][["fit_seconds", "peak_memory_bytes"]].isna().all()  # not complete
    mean = with_costs(plain, store, "mean").summary.loc["x"]
    assert (mean["fit_seconds"], mean["peak_memory_bytes"]) == (6.0, 125.0)
    assert "fit_seconds" not in with_costs(plain, store).summary
    with pytest.raises(UsageError, match="costs 'most': choose one of sum, mean"):
        with_costs(plain, store, "most")


def test_costs_are_in_every_format(measured):
    result = with_costs(*measured, "sum")
    assert "| fit s | MiB |" in text_of(result, "md") and "| 12 | 0 |" in text_of(result, "md")
    (head, line, *_) = parsed(text_of(result, "tex"))
    assert dict(zip(head, line, strict=True)) | {"fit s": "12", "MiB": "0"} == dict(zip(head, line, strict=True))
    assert json.loads(text_of(result, "json"))["rows"][0]["fit_seconds"] == 12.0
    assert ",12," in text_of(result, "csv").splitlines()[1]
    assert ",2,0.5,200," in text_of(result, "csv", cells=True).splitlines()[1]
    assert bytes_of(result, "parquet")[:4] == b"PAR1"


def test_the_command_writes_each_format(tsbench, tmp_path):
    assert tsbench("run", "--method", "majority,1nn-ed", "--dataset", "UnitTest", "--offline")[0] == 0
    for name in ("b.csv", "b.md", "b.tex", "b.parquet", "b.json"):
        code, out, _ = tsbench("leaderboard", "UnitTest", "--costs", "mean", "--out", name)
        assert code == 0 and out.endswith(f"written to {name}\n") and (tmp_path / name).stat().st_size
    code, out, _ = tsbench("leaderboard", "UnitTest", "--tidy")
    assert code == 0 and len(out.splitlines()) == 3 and out.startswith("method,dataset,protocol,")
    code, out, _ = tsbench("leaderboard", "UnitTest", "--format", "tex", "--costs", "mean")
    assert code == 0 and out == (tmp_path / "b.tex").read_text()
    for given, said in (
        (("--format", "parquet"), "--format parquet needs --out FILE.parquet"),
        (("--tidy", "--format", "md"), "--tidy: a row per cell is for csv and parquet, not for md"),
        (("--tidy", "--out", "b.tex"), "--tidy: a row per cell is for csv and parquet, not for tex"),
        (("--out", "b.xlsx"), "choose a file that ends in .csv, .md, .tex, .parquet or .json"),
    ):
        code, out, err = tsbench("leaderboard", "UnitTest", *given)
        assert (code, out, err.count("\n")) == (2, "", 1) and said in err
