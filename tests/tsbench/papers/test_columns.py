"""Columns of a table: stand-ins, and folds of several kinds."""

import pytest

from tests.tsbench.papers.test_reproduce import rows_of
from tsbench.discovery.plugins import plugins_with
from tsbench.papers.reproduce import plan_table, tabulate

PLUGIN = """
import numpy as np
from tsbench import Card, Data, Dataset, Panel, hookimpl

class Ward(Dataset):
    card = None

    def __init__(self, name):
        self.card = Card(name, group="subject")

    def load(self):
        X = np.random.default_rng(0).normal(size=(60, 1, 8))
        return Data(Panel.build(X, np.arange(60) % 2, meta={"subject": np.arange(60) // 4}))

@hookimpl
def tsbench_datasets(register):
    for name in ("ward", "lab"):
        register(name, Ward, options={"name": name})
"""
DATASETS = ["ward", "lab", "GunPoint"]
RANDOM, GROUPED = "linear-paper-cv5+group=none", "linear-paper-cv5"


@pytest.fixture(scope="module")
def wards(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "wards.py"
    path.write_text(PLUGIN)
    return plugins_with([path])


@pytest.fixture
def frame(wards, registry):
    """Accuracies of TRLS on the paper's HAR, which is `ward`, on its stand-in `lab` and on a set without groups."""
    paper, table = registry.table("trls/table1")
    paper = paper.model_copy(update={"datasets": {"ward": "HAR"}})
    rows = tuple(row for row in table.rows if row.method == "TRLS")
    table = table.model_copy(update={"rows": rows, "stand_ins": {"lab": "HAR"}})
    planned = plan_table(table, DATASETS, [0], {}, wards, registry)
    found = tabulate(paper, table, planned, DATASETS, rows_of(planned, 0.9))
    return found[found["metric"] == "accuracy"].set_index("dataset")


def test_folds_at_random_stand_beside_those_by_group(frame):
    assert frame["protocol"].to_dict() == {
        "ward (at random)": RANDOM,
        "ward (by subject)": GROUPED,
        "lab for HAR (at random)": RANDOM,
        "lab for HAR (by subject)": GROUPED,
        "GunPoint": GROUPED,
    }
    assert set(frame["n_runs"]) == {5}


def test_only_the_papers_data_at_random_has_a_verdict(frame):
    assert frame["published"].notna().to_dict() == {name: name.startswith("ward") for name in frame.index}
    assert frame["verdict"].to_dict() == {
        "ward (at random)": "within (the paper does not say how it split)",
        "ward (by subject)": "not comparable: folds by subject, of which the paper says nothing",
        "lab for HAR (at random)": "not comparable: lab stands in for HAR",
        "lab for HAR (by subject)": "not comparable: lab stands in for HAR",
        "GunPoint": "not comparable: no published number for this dataset",
    }


def test_a_protocol_at_random_makes_one_column(wards, registry):
    _, table = registry.table("trls/table2")
    specs = plan_table(table.under(RANDOM), ["ward"], [0], {}, wards, registry).plan.specs
    assert {spec.protocol.name for spec in specs} == {RANDOM}


def test_tables_of_other_papers_keep_their_folds(wards, registry):
    _, table = registry.table("trls/table2")
    table = table.model_copy(update={"at_random": False})
    assert {spec.group for spec in plan_table(table, ["ward"], [0], {}, wards, registry).plan.specs} == {"subject"}


def test_a_stand_in_is_none_of_the_papers_datasets(registry, installed):
    for paper in registry.papers.values():
        for table in paper.tables.values():
            assert not table.stand_ins.keys() & set(table.datasets)
            assert set(table.stand_ins.values()) <= set(paper.datasets.values())
            assert all(name.partition("+")[0] in installed["datasets"] for name in table.stand_ins)
