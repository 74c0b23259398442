import json
from collections import Counter
from itertools import islice
from typing import get_args

import pandas as pd
import pytest

from tests.rows.commands import DEV_DATA
from tests.tsbench.papers.test_reproduce import rows_of
from tsbench.errors import UsageError
from tsbench.papers.grid import grid
from tsbench.papers.reproduce import plan_table, tabulate
from tsbench.registry import load_registry
from tsbench_aimts.images import ImageMap
from tsbench_archives.catalogue import rows as catalogue

HERE = ["UnitTest", "GunPoint"]


@pytest.fixture
def planned(installed, registry):
    """A grid's first rows on data that is always here, without their pre-training on other data."""

    def plan(name="aimts/ablation", rows=3, **changes):
        paper, table = registry.table(name)
        kept = tuple(
            row.model_copy(update={"pretrain_on": (), "exclude_target": False}) for row in islice(table.rows, rows)
        )
        table = table.model_copy(update={"rows": kept, **changes})
        return paper, table, plan_table(table, HERE, [0], {}, installed, registry)

    return plan


def cells(text):
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines() if line.startswith("|")]
    return pd.DataFrame(lines[2:], columns=lines[0])


def test_rows_stand_beside_the_first(planned):
    paper, table, plan = planned()
    results = rows_of(plan, 0.5)
    better, worse = (specs[0].key for _, specs in plan.rows[1:])  # on one of the two datasets
    for result in results:
        result["accuracy"] += {better: 0.1, worse: -0.2}.get(result["key"], 0)
    shown = cells(grid("aimts: x", tabulate(paper, table, plan, HERE, results)))
    assert list(shown["row"]) == ["AimTS", "AimTS w/o L_inter", "AimTS w/o L_intra"]
    assert list(shown["mean of 2"]) == ["50.00", "55.00", "40.00"]
    assert list(shown["to first"]) == ["+0.00", "+5.00", "-10.00"]
    assert list(shown["better/worse"]) == ["0/0", "1/0", "0/1"]
    assert shown["settings"].str.contains("weight=0").tolist() == [False, True, True]


def test_the_published_mean_stands_beside_that_of_the_whole(planned):
    paper, table, plan = planned()
    text = grid("t", tabulate(paper, table, plan, HERE, rows_of(plan, 0.5)))
    assert "Verdict:" in text
    shown = cells(text)
    assert list(shown["published"]) == ["87.00", "", ""]
    assert "theirs the UCR 128 average" in shown["verdict"][0]
    assert shown["verdict"][1] == "not comparable: no published number"


def test_under_another_protocol_nothing_published_stands_beside(planned):
    paper, table, plan = planned()
    text = grid("t", tabulate(paper, table.under("svm-rbf"), plan, HERE, rows_of(plan, 0.5)))
    assert "87.00" not in text and "verdict" not in text
    assert table.under(table.protocol) is table.under(None) is table


def test_a_run_that_is_missing_leaves_the_mean_empty(planned):
    paper, table, plan = planned()
    frame = tabulate(paper, table, plan, HERE, rows_of(plan, 0.5)[1:])
    shown = cells(grid("t", frame))
    assert sorted(shown["mean of 2"]) == ["", "50.00", "50.00"]
    assert "runs of ours succeeded" in " ".join(shown["verdict"])


def test_data_that_is_missing_leaves_no_mean_empty(planned):
    paper, table, plan = planned()
    frame = tabulate(paper, table, plan, [*HERE, "NotHere"], rows_of(plan, 0.5))
    shown = cells(grid("t", frame))
    assert list(shown["mean of 2"]) == ["50.00"] * 3 and list(shown["NotHere"]) == [""] * 3


def test_what_was_published_of_a_dataset_stands_in_brackets(planned):
    paper, table, plan = planned(rows=1, metrics={"ACC": "accuracy"})
    frame = tabulate(paper, table, plan, HERE, rows_of(plan, 0.5))
    frame.loc[frame["dataset"] == "GunPoint", "published"] = 0.25
    line = cells(grid("t", frame)).iloc[0]
    assert list(line[HERE]) == ["50.00", "50.00 (25.00)"]


def test_costs_are_of_the_runs_that_trained(planned):
    paper, table, plan = planned(rows=1)
    about = [(10.0, 0.0, 3 * 2**20), (10.0, 1.0, 9 * 2**20)]
    results = [
        row | {"durations": {"fit": fit}, "facts": {"reused_pretraining": reused}, "peak_memory_bytes": memory}
        for row, (fit, reused, memory) in zip(rows_of(plan, 0.5), about, strict=True)
    ]
    shown = cells(grid("t", tabulate(paper, table, plan, HERE, results)))
    assert (shown["s"][0], shown["MiB"][0]) == ("10.0", "3")


def test_where_a_low_value_is_good_below_is_better_and_nothing_is_in_percent(planned):
    paper, table, plan = planned(rows=2, metrics={"RMSE": "rmse"})
    first = {spec.key for spec in plan.rows[0][1]}
    results = [row | {"rmse": 2.5 if row["key"] in first else 1.0} for row in rows_of(plan, 0.5)]
    line = cells(grid("t", tabulate(paper, table, plan, HERE, results))).iloc[1]
    assert list(line[["mean of 2", "to first", "better/worse"]]) == ["1", "-1.5", "2/0"]


def test_groups_have_means_of_what_is_there(planned, registry):
    paper, table, plan = planned("aimts/shift", groups=("ucr-measured", "ucr-other"))
    assert plan.groups["ucr-measured"] == list(registry.collections["ucr-measured"].datasets)
    frame = tabulate(paper, table, plan, HERE, rows_of(plan, 0.5))
    assert set(frame["dataset"][frame["average"]]) == {"mean of 2", "ucr-measured (1)"}  # no dataset of the other


def test_several_metrics_have_a_line_each(planned):
    paper, table, plan = planned(metrics={"ACC": "accuracy", "MF1": "f1_macro"}, rows=2)
    shown = cells(grid("t", tabulate(paper, table, plan, HERE, rows_of(plan, 0.5))))
    assert list(shown["metric"]) == ["accuracy", "f1_macro"] * 2


@pytest.mark.parametrize("name", ["ablation", "augmentations", "maps", "shift"])
def test_the_grids_begin_with_the_whole_method_on_ten_sets_and_end_untrained(name, registry):
    _, table = registry.table(f"aimts/{name}")
    first, *_, last = table.rows
    assert table.kind == "grid" and len(table.datasets) == 10
    assert (first.run, first.set, first.pretrain_on) == ("aimts", {}, ("ucr-small",))
    assert last.run == "random:aimts"


def test_every_loss_augmentation_and_image_has_its_row(registry):
    def changed(name):
        return [row.set for row in registry.table(f"aimts/{name}")[1].rows]

    for weight in ("inter_weight", "intra_weight", "image_weight"):
        assert {weight: 0} in changed("ablation")
    for name in ("jitter", "scaling", "slicing", "time_warping", "window_warping"):
        assert {name: "none"} in changed("augmentations")
        assert sum(set(row) == {name} for row in changed("augmentations")) == 3  # off, weaker, stronger
    maps = {row.get("image_map", "line-plot") for row in changed("maps")}
    assert maps == set(get_args(ImageMap))


@pytest.mark.skipif(not (DEV_DATA / "ucr").is_dir(), reason="needs the development data")
def test_the_ten_have_the_least_training_values_and_two_of_a_domain_at_most(registry):
    find = catalogue()
    here = [find[path.name] for path in (DEV_DATA / "ucr").iterdir() if path.name in find]
    chosen, domains = [], Counter()
    for row in sorted(
        (one for one in here if one.length and not one.missing), key=lambda one: one.n_train * one.length
    ):
        if domains[row.domain] < 2 and len(chosen) < 10:
            chosen.append(row.name)
            domains[row.domain] += 1
    assert sorted(chosen) == sorted(registry.collections["ucr-small"].datasets)
    halves = [registry.collections[name].datasets for name in ("ucr-measured", "ucr-other")]
    assert sorted(halves[0] + halves[1]) == sorted(chosen) and len(halves[0]) == len(halves[1])
    assert not {find[name].domain for name in halves[0]} & {find[name].domain for name in halves[1]}


def test_the_command_prints_and_writes_a_grid_under_the_protocol_that_is_asked_for(tsbench, tmp_path):
    rows = [{"method": "A", "run": "1nn-ed"}, {"method": "B", "run": "majority", "protocol": "linear"}]
    table = {"summary": "s", "kind": "grid", "protocol": "knn", "datasets": ["UnitTest"], "groups": ["bundled"]}
    tables = {"t": table | {"metrics": {"ACC": "accuracy"}, "rows": rows}}
    mine = tmp_path / "mine.yaml"
    mine.write_text(json.dumps({"papers": {"mine": {"summary": "m", "csv": "aimts.csv", "tables": tables}}}))
    code, out, err = tsbench("reproduce", "mine/t", "--registry", str(mine), "--protocol", "ridge")
    assert code == 0, err
    assert "| row | settings | mean of 1 | bundled (1) | to first | better/worse | UnitTest | s | MiB |" in out
    written = pd.read_csv("reproduced/mine-t.csv")
    assert dict(zip(written["row"], written["protocol"], strict=True)) == {"A": "ridge", "B": "linear"}
    assert list(written["average"]) == [False, True, True] * 2
    code, _, err = tsbench("reproduce", "mine/t", "--registry", str(mine), "--protocol", "rige")
    assert code == 2 and "did you mean 'ridge'?" in err


def test_two_rows_of_one_name_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "papers:\n  mine:\n    summary: m\n    csv: aimts.csv\n    tables:\n      t:\n        summary: t\n"
        "        protocol: knn\n        datasets: [UnitTest]\n        metrics: {A: accuracy}\n"
        "        rows:\n          - {method: A, run: ts2vec}\n          - {method: A, run: cpc}\n"
    )
    with pytest.raises(UsageError, match=r"mine\.yaml:\d+: papers\.mine\.tables\.t\.rows: .*two rows are called 'A'"):
        load_registry(path)
