from tsbench.cli.ui.refusals import echo_refused


def test_runs_that_are_refused_for_one_reason_are_a_line(capsys):
    old = "it has version 1 of cpc, this installation 2"
    lines = [f"a.parquet, row {row}, run {row:012x}: {old}" for row in range(40)]
    lines += [f"b.parquet, row 0, run {0:012x}: {old}", f"run {7:012x}: it is there twice", "c.parquet: cannot be read"]
    echo_refused(lines)
    assert capsys.readouterr().err.splitlines() == [
        f"refused: a.parquet, row 0, run 000000000000: {old} (39 more for the same reason)",
        f"refused: b.parquet, row 0, run 000000000000: {old}",
        "refused: run 000000000007: it is there twice",
        "refused: c.parquet: cannot be read",
    ]
