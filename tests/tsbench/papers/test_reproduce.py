from types import SimpleNamespace

import pandas as pd
import pytest

from tests.tsbench.store.test_store import make_spec
from tsbench.errors import UsageError
from tsbench.papers.grid import grid
from tsbench.papers.published import Number, load_published
from tsbench.papers.reproduce import TablePlan, _verdict, markdown, plan_table, tabulate
from tsbench.papers.reproduced import reproduced
from tsbench.plan.request import Plan
from tsbench.registry import PaperRow, PaperTable


@pytest.fixture
def table1(registry):
    return registry.table("trls/table1")


OF_OURS = {"TRLS untrained", "TRLS with dropout on outputs", "TRLS by our default"}  # rows that no paper has


def rows_of(planned, value):
    return [
        {"key": s.key, "split": s.made_on, "status": "succeeded", "accuracy": value + 0.01 * s.fold, "f1_macro": value}
        for s in planned.plan.specs
    ]


def small(registry, paper_table, *methods):
    paper, table = paper_table
    return paper, table.model_copy(update={"rows": tuple(row for row in table.rows if row.method in methods)})


def test_every_row_of_every_table_has_its_published_numbers(registry):
    for name, paper in registry.papers.items():
        if name == "seqimage":  # of some cells alone, see test_seqimage
            continue
        published = load_published(paper.csv, paper.unit)
        for table in paper.tables.values():
            for row in table.rows if table.published else ():
                if row.method in OF_OURS or (table.average and row.variant):
                    continue
                for dataset in [table.average] if table.average else [paper.datasets[name] for name in table.datasets]:
                    for metric in table.metrics:
                        cell = (table.published, row.method, row.variant, row.setting, dataset, metric)
                        assert published.find(*cell) is not None, cell


def test_every_published_cell_of_a_table_belongs_to_a_row(registry):
    for paper in registry.papers.values():
        by_table = {table.published: table for table in paper.tables.values()}
        for line in load_published(paper.csv, paper.unit).rows:
            table = by_table[line.table]
            owners = [
                row
                for row in table.rows
                if (row.method, row.variant) == (line.method, line.variant) and line.setting.startswith(row.setting)
            ]
            assert len(owners) == 1, line


def test_published_numbers_are_fractions(registry, table1):
    number = load_published("trls.csv", 100).find("Table 1", "TRLS", "", "", "HAR", "ACC")
    assert (number.mean, number.spread) == pytest.approx((0.9361, 0.0073))
    with pytest.raises(UsageError, match="no published numbers named none.csv"):
        load_published("none.csv", 1)


def test_other_data_fills_the_table_with_a_blank_published_column(installed, registry, table1):
    paper, table = small(registry, table1, "TRLS", "TRLS untrained")
    planned = plan_table(table, ["BasicMotions", "GunPoint"], [0], {"max_steps": "2"}, installed, registry)
    assert len(planned.plan.specs) == 2 * 2 * 5
    frame = tabulate(paper, table, planned, ["BasicMotions", "GunPoint"], rows_of(planned, 0.5))
    assert len(frame) == 2 * 2 * 2
    assert frame["published"].isna().all()
    assert set(frame["verdict"]) == {"not comparable: no published number for this dataset"}
    accuracy = frame[frame["metric"] == "accuracy"].iloc[0]
    assert accuracy["ours"] == pytest.approx(0.52)
    assert accuracy["ours_std"] == pytest.approx(0.01 * 2**0.5)


def test_the_spread_of_one_fold_is_over_seeds_and_one_run_has_none(installed, registry, table1):
    paper, table = small(registry, table1, "TRLS")
    table = table.under("svm-rbf")
    for seeds, spread, shown in (([0, 1, 2], (2 / 3) ** 0.5 * 0.1, "60.00 ± 8.16"), ([0], None, "50.00")):
        planned = plan_table(table, ["GunPoint"], seeds, {"max_steps": "2"}, installed, registry)
        results = [
            {**row, "accuracy": 0.5 + 0.1 * spec.seed}
            for row, spec in zip(rows_of(planned, 0), planned.plan.specs, strict=True)
        ]
        frame = tabulate(paper, table, planned, ["GunPoint"], results)
        line = frame[frame["metric"] == "accuracy"].iloc[0]
        assert line["ours_std"] == pytest.approx(spread)
        assert f" {shown} |" in markdown("t", frame)
        assert f" {shown} |" in grid("t", with_mean(frame))


def with_mean(frame):
    """The frame with a line of means, as a grid has it."""
    return pd.concat([frame, frame.assign(average=True, dataset="mean of 1", ours_std=None)])


def test_a_verdict_needs_two_spreads():
    number = Number(0.5, 0.1, "")
    assert _verdict(0.55, 0.0, number, "", "") == "within"
    assert _verdict(0.55, None, number, "", "") == "not comparable: one run of ours, which has no spread"


def test_a_dataset_of_the_same_name_is_not_the_papers(installed, registry, table1):
    """The paper's Epilepsy is another set than UEA's."""
    paper, table = small(registry, table1, "TRLS")
    frame = tabulate(paper, table, TablePlan(Plan(), ((table.rows[0], ()),)), ["Epilepsy"], [])
    assert frame["published"].isna().all()


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.92, "within (the paper"), (0.80, "outside (the paper"), (None, "not comparable: 0 of 5 runs")],
)
def test_verdicts(registry, table1, value, verdict):
    paper, table = small(registry, table1, "TRLS")
    specs = tuple(make_spec(dataset="uci-har", fold=fold) for fold in range(5))
    planned = TablePlan(Plan(specs=list(specs)), ((table.rows[0], specs),))
    frame = tabulate(paper, table, planned, ["uci-har"], rows_of(planned, value) if value else [])
    line = frame[frame["metric"] == "accuracy"].iloc[0]
    assert line["verdict"].startswith(verdict)
    assert "93.61 ± 0.73" in markdown("t", frame)


def test_a_table_of_which_runs_are_missing_says_so(registry, table1):
    _, table = small(registry, table1, "TRLS")
    specs = tuple(make_spec(dataset="uci-har", fold=fold) for fold in range(5))
    planned = TablePlan(Plan(specs=list(specs)), ((table.rows[0], specs),))
    rows = rows_of(planned, 0.9)
    rows[0]["status"] = "failed"
    for stored, partial in ((rows, True), (rows_of(planned, 0.9), False)):
        found = reproduced(
            "trls/table1", planned, None, SimpleNamespace(results=lambda stored=stored: stored), registry
        )
        assert ("**Partial: 4 of 5 runs have succeeded.**" in found.markdown) == partial == bool(found.lacking)


def test_the_command(tsbench, tmp_path):
    arguments = ("--dataset", "UnitTest", "--set", "max_steps=1", "--set", "min_steps=0")
    code, out, err = tsbench("reproduce", "trls/table2", *arguments)
    assert code == 0, err
    assert "30 runs: 30 succeeded" in out
    assert (tmp_path / "reproduced" / "trls-table2.csv").exists()
    assert "30 already in the store" in tsbench("reproduce", "trls/table2", *arguments)[1]
    code, out, err = tsbench("reproduce", "trls/table2")
    assert code == 3 and "afdb" in err and "88.73 ± 1.51" in out
    code, out, _ = tsbench("reproduce")
    assert code == 0 and "\ntrls/table2" in out and "aimts/ucr " in out
    code, _, err = tsbench("reproduce", "trls/tabel2")
    assert code == 2 and "did you mean 'trls/table2'?" in err


def test_a_mean_over_datasets_stands_beside_the_published_one(installed, registry):
    paper, table = registry.table("aimts/ucr")
    rows = tuple(row.model_copy(update={"pretrain_on": ()}) for row in table.rows if row.variant in ("", "untrained"))
    table = table.model_copy(update={"rows": rows})
    planned = plan_table(table, ["UnitTest", "GunPoint"], [0], {}, installed, registry)
    frame = tabulate(paper, table, planned, ["UnitTest", "GunPoint"], rows_of(planned, 0.5))
    means = frame[frame["dataset"] == "mean of 2"].set_index("row")
    assert means["ours"].tolist() == [0.5, 0.5]
    assert means.loc["AimTS fine-tuned", "published"] == pytest.approx(0.87)
    assert "theirs the UCR 128 average" in means.loc["AimTS fine-tuned", "verdict"]


def test_rows_may_pretrain_on_other_data(installed, registry):
    _, table = registry.table("aimts/ucr")
    (row,) = (row for row in table.rows if row.exclude_target)
    table = table.model_copy(update={"rows": (row.model_copy(update={"pretrain_on": ("UnitTest", "GunPoint")}),)})
    (spec,) = plan_table(table, ["GunPoint"], [0], {}, installed, registry).plan.specs
    assert [source.dataset for source in spec.sources] == ["UnitTest"]


def test_what_is_overridden_is_for_the_rows_whose_method_has_it(installed, registry, table1):
    _, table = table1
    rows = [PaperRow(method="A", run="majority"), PaperRow(method="B", run="ts2vec", set={"lr": 0.5, "epochs": 3})]
    table = table.model_copy(update={"rows": tuple(rows)})
    planned = plan_table(table, ["UnitTest"], [0], {"epochs": "2"}, installed, registry)
    assert [row.set for row, _ in planned.rows] == [{}, {"lr": 0.5, "epochs": "2"}]
    assert planned.rows[1][1][0].params["epochs"] == 2
    with pytest.raises(UsageError, match="no parameter 'epoch' in majority"):
        plan_table(table, ["UnitTest"], [0], {"epoch": "2"}, installed, registry)


def test_a_dataset_may_be_on_a_split_of_its_own(several_splits, registry, table1):
    _, table = table1
    row = PaperRow(method="A", run="majority")
    table = table.model_copy(
        update={"rows": (row,), "at_random": False, "splits": {"several": "official"}, "protocol": "own"}
    )
    planned = plan_table(table, ["several", "UnitTest"], [0], {}, several_splits, registry)
    assert {spec.dataset: spec.protocol.name for spec in planned.plan.specs} == {
        "several": "own+split=official",
        "UnitTest": "own",
    }
    assert table.under("own-cv5").splits == {}
    without = plan_table(
        table.model_copy(update={"splits": {"several": "gone"}}), ["several"], [0], {}, several_splits, registry
    )
    assert not without.plan.specs and "the table is on its split 'gone'" in without.plan.missing["several"]


def test_rows_under_conditions_are_one_for_each(table1):
    _, table = table1
    content = table.model_dump() | {"conditions": {"all": "", "half": "samples=0.5"}, "protocol": "own"}
    rows = [{"method": "A", "run": "x"}, {"method": "B", "run": "y", "variant": "v", "protocol": "knn"}]
    made = PaperTable.model_validate(content | {"rows": rows})
    assert [(row.name, row.protocol) for row in made.rows] == [
        ("A all", None),
        ("A half", "own+samples=0.5"),
        ("B v all", "knn"),
        ("B v half", "knn+samples=0.5"),
    ]
    assert [row.protocol for row in made.under("ridge").rows] == [None, "ridge+samples=0.5", "knn", "knn+samples=0.5"]


def test_odd_names_stay_names_in_markdown():
    names = {"row": "a|b", "dataset": "[x](y)", "metric": "accuracy", "verdict": "within\n(`so`)"}
    numbers = dict.fromkeys(("ours", "ours_std", "published", "published_std", "difference"))
    line = markdown("t", pd.DataFrame([names | numbers])).splitlines()[-1]
    assert line == r"| a\|b | \[x\](y) | accuracy |  |  |  | within (\`so\`) |"
