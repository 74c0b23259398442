from tsbench.cli.ui.refusals import echo_refused


def test_runs_that_are_refused_for_one_reason_are_a_line(capsys):
    old = "it has version 1 of cpc, this installation 2"
    lines = [f"a.parquet, row {row}, run {row:012x}: {old}" for row in range(40)]
    lines += [f"b.parquet, row 0, run {0:012x}: {old}", f"run {7:012x}: it is there twice", "c.parquet: cannot be read"]
    lines += [f"d.parquet, row {row}, run {row:012x}: auroc is 0.{row}1, they give 0.5" for row in (1, 2)]
    echo_refused(lines)
    assert capsys.readouterr().err.splitlines() == [
        f"refused: a.parquet, row 0, run 000000000000: {old} (39 more for the same reason)",
        f"refused: b.parquet, row 0, run 000000000000: {old}",
        "refused: run 000000000007: it is there twice",
        "refused: c.parquet: cannot be read",
        "refused: d.parquet, row 1, run 000000000001: auroc is 0.11, they give 0.5 (1 more for the same reason)",
    ]
