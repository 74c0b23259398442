"""The tables of SeqImage: they plan on what is always here, have their floors, and one is made."""

import pandas as pd
import pytest

from tsbench.papers.published import load_published
from tsbench.papers.reproduce import plan_table
from tsbench_seqimage.pictures import MAPS

TABLES = ["main", "ablation", "maps", "sensors-out", "samples-out", "mnar", "imputation", "sensitivity"]
BASELINES = {
    "transformer",
    "trans-mean",
    "gru-d",
    "seft",
    "mtand",
    "ip-net",
    "dgm2-o",
    "mtgnn",
    "raindrop",
    "vitst",
    "brits",
}
FLOORS = [(run, share) for run in ("hist-gradient-boosting", "mask-only") for share in (None, 0.5)]


@pytest.fixture(params=TABLES)
def table(request, registry):
    return registry.table(f"seqimage/{request.param}")[1]


def test_every_table_is_there(registry):
    assert set(registry.papers["seqimage"].tables) == set(TABLES)


def test_every_row_plans_on_an_irregular_set_that_is_always_here(table, installed, registry):
    planned = plan_table(table, ["BasicMotions+samples=0.8"], [0], {}, installed, registry)
    assert not planned.plan.missing and not planned.plan.invalid
    assert all(specs for _, specs in planned.rows)


def test_every_table_has_its_floors(table):
    floors = [(row.run, row.set.get("sensor_dropout")) for row in table.rows]
    wanted = [(f"{name}-fill", None) for name in ("mean", "last", "linear")] if table.protocol == "impute" else FLOORS
    assert set(wanted) <= set(floors)


def test_the_methods_are_beside_each_other_where_they_decide(registry):
    for name in ("main", "sensors-out", "samples-out", "mnar"):
        assert {*BASELINES, "seqimage"} <= {row.run for row in registry.table(f"seqimage/{name}")[1].rows}


def test_a_substitute_of_the_image_network_is_in_the_name(table):
    for row in table.rows:
        if "image_encoder" in row.set:
            assert "small image network for Swin" in row.name


def test_every_published_cell_of_a_row_is_found_and_no_floor_has_one(registry):
    paper = registry.papers["seqimage"]
    published = load_published(paper.csv, paper.unit)
    for name, count in (("main", 61), ("sensors-out", 140)):
        _, table = registry.table(f"seqimage/{name}")
        found = [
            row.run
            for row in table.rows
            for dataset in paper.datasets.values()
            for metric in table.metrics
            if published.find(table.published, row.method, row.variant, row.setting, dataset, metric)
        ]
        assert len(found) == count
        assert not {"hist-gradient-boosting", "mask-only"} & set(found)


def test_maps_are_alone_added_left_out_and_six_times(registry):
    sets = [row.set.get("maps", "").split("+") for row in registry.table("seqimage/maps")[1].rows]
    for name in MAPS:
        assert [name] in sets and [name] * 6 in sets and [one for one in MAPS if one != name] in sets
    assert all(list(MAPS[:count]) in sets for count in range(1, 6))


def test_a_table_is_made(tsbench):
    sizes = {"max_steps": 1, "generator_hidden": 4, "generator_layers": 1, "joint_width": 8}
    settings = [part for key, value in sizes.items() for part in ("--set", f"{key}={value}")]
    code, out, err = tsbench("reproduce", "seqimage/imputation", "--dataset", "BasicMotions+samples=0.8", *settings)
    assert code == 0, err
    assert "8 runs: 8 succeeded" in out
    frame = pd.read_csv("reproduced/seqimage-imputation.csv")
    assert frame["ours"].notna().all() and set(frame["metric"]) == {"masked_mae", "masked_rmse", "masked_nrmse"}
