import numpy as np

from tsbench.data_check.labels import check_labels


def said(sides, clean, y, classes, subjects=None):
    meta = {"subject": np.array(subjects if subjects is not None else [f"s{i}" for i in range(len(clean))])}
    return [(one.severity, one.what) for one in check_labels(sides(clean, y=y, classes=classes, meta=meta))]


def test_labels_that_can_be_learnt_are_fine(sides, clean):
    assert [severity for severity, _ in said(sides, clean, clean.y, clean.classes)] == ["ok"]


def test_one_class_in_training_is_an_error(sides, clean):
    y = clean.y * (np.arange(240) >= 160)  # of which the first 160 are trained on
    found = said(sides, clean, y, ("a", "b"))
    assert found[0] == ("error", "the training part has one class only ('a'): nothing to learn")
    assert found[1][1].startswith("class 'b' is in no training case, and in 40 of 80 test cases")


def test_a_label_of_one_case_and_names_that_may_be_one_are_warned_of(sides, clean):
    y = clean.y.copy()
    y[3] = 2
    subjects = np.where(np.arange(240) == 5, "S1", "s1")
    found = said(sides, clean, y, ("a", "A ", "c"), subjects)
    assert [severity for severity, _ in found] == ["warning"] * 3
    assert found[0][1].startswith("1 labels have one case only, 'c' say")
    assert "'A ', 'a'" in found[1][1] and "'S1', 's1'" in found[2][1]
