"""What the labels of a file are taken for."""

import numpy as np
import pandas as pd
import pytest

from tsbench_archives.local import LocalDataset
from tsbench_archives.taken import taken_for

FRACTIONS = [str(i / 7) for i in range(36)]


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (FRACTIONS, "regression"),
        (["0.5", "1", "2", "3", "4"], "regression"),
        (["0.5", "1", "2", "3"], "classification"),
        ([str(i) for i in range(20)], "regression"),
        ([str(i) for i in range(19)], "classification"),
        ([*map(str, range(20)), *map(str, range(20))], "classification"),
        ([*FRACTIONS, "high"], "classification"),
        ([*FRACTIONS, "inf"], "regression"),
        ([*FRACTIONS, "1_0"], "classification"),
        ([*FRACTIONS, "", "NaN"], "regression"),
        (["0.5", "1.5"] * 20, "classification"),
        (["a", "a;b", ""], "multilabel"),
        ([], "classification"),
    ],
)
def test_what_labels_are_taken_for(labels, task):
    assert taken_for(labels)[0] == task


def write(path, form):
    """A file with 36 cases whose labels are fractions."""
    y = np.array(FRACTIONS, dtype=float)
    frame = pd.DataFrame({"label": y, "a": y, "b": 1.0})
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "parquet":
        frame.to_parquet(path)
    elif form == "npz":
        np.savez(path, X=frame[["a", "b"]].to_numpy(), y=y)
    else:
        path.write_text("\n".join("\t".join(map(str, row)) for row in frame.to_numpy()) + "\n")


@pytest.mark.parametrize("form", ["csv", "parquet", "npz", "tsv"])
def test_every_format_says_the_same(tmp_path, form):
    write(tmp_path / f"x.{form}", form)
    dataset = LocalDataset(tmp_path / f"x.{form}")
    assert dataset.card.task == dataset.load().panel.task == "regression"
    assert "36 of 36 are different" in dataset.card.facts["labels"]
    said = LocalDataset(tmp_path / f"x.{form}", task="classification")
    assert said.card.task == said.load().panel.task == "classification"
    assert len(said.load().panel.classes) == 36 and not said.card.facts


def test_a_long_table_has_a_label_per_case_and_the_training_file_decides(tmp_path):
    rows = [f"c{i},{time},{label},{time}" for i, label in enumerate(FRACTIONS) for time in range(3)]
    (tmp_path / "x_TRAIN.csv").write_text("\n".join(["case,time,label,v", *rows]) + "\n")
    (tmp_path / "x_TEST.csv").write_text("case,time,label,v\na,0,1,1\na,1,1,1\n")
    panel = LocalDataset(tmp_path / "x_TRAIN.csv").load().panel
    assert panel.task == "regression" and panel.y[-1] == 1 and len(panel) == 37


def test_a_changed_file_is_looked_at_again(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("label,a,b\nx;y,1,2\n,3,4\n")
    panel = LocalDataset(path).load().panel
    assert (panel.task, panel.classes, panel.y.tolist()) == ("multilabel", ("x", "y"), [[1, 1], [0, 0]])
    path.write_text("label,a,b\nx,1,2\nyes,3,4\n")
    assert LocalDataset(path).card.task == "classification"
