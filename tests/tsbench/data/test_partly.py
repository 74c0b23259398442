from dataclasses import replace

import numpy as np
import pytest

from tsbench.data.dataset import Card, Data, Dataset
from tsbench.data.panel import Panel
from tsbench.data.partly import LABELLED, has_label, partly_labelled

TARGETS = {
    "classification": {"y": np.array([1, 0, 1]), "classes": ("a", "b"), "task": "classification"},
    "multilabel": {"y": np.array([[1, 0], [0, 0], [1, 1]], np.uint8), "classes": ("a", "b"), "task": "multilabel"},
    "regression": {"y": np.array([0.5, -2.0, 1.0]), "task": "regression"},
}


@pytest.mark.parametrize("task", TARGETS)
def test_cases_keep_the_labels_of_those_that_have_one(task):
    class Some(Dataset):
        card = Card("some", task=task)

        def load(self):
            return Data(Panel.build(np.ones((3, 1, 4)), **TARGETS[task]), unlabelled=Panel.build(np.zeros((2, 1, 6))))

    panel = Some().cases()
    assert has_label(panel).tolist() == [True] * 3 + [False] * 2 and panel.task == task
    np.testing.assert_array_equal(panel.y[:3], TARGETS[task]["y"])
    assert has_label(panel.select([4, 1])).tolist() == [False, True]


def test_labels_go_to_their_cases():
    panel = partly_labelled(Panel.build(np.ones((4, 1, 4))), np.array([0, 1, 1, 1], bool), TARGETS["regression"])
    assert panel.y[1:].tolist() == [0.5, -2.0, 1.0] and has_label(panel).tolist() == [False, True, True, True]
    whole = replace(panel, meta={})
    assert LABELLED not in whole.meta and has_label(whole).all() and not has_label(panel.without_labels()).any()
