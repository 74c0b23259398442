import numpy as np

from tsbench.data_check.leads import check_leads


def looked_at(sides, clean, swapped=()):
    one, three = clean.X[:, 0], clean.X[:, 1]
    X = np.stack([one, one + three, three, -one - three / 2], axis=1)
    for case in swapped:
        X[case, [0, 1]] = X[case, [1, 0]]
    return check_leads(sides(clean, X=X, channel_names=("I", "II", "III", "AVR")))[0]


def test_swapped_limb_leads_are_counted(sides, clean):
    found = looked_at(sides, clean, (3, 9))
    assert (found.check, found.severity) == ("limb leads", "warning")
    assert found.what.startswith("those of 2 of 240 cases do not follow from each other; case 3: II is not +1 I +1 III")
    assert looked_at(sides, clean).severity == "ok"


def test_nothing_is_said_of_other_channels(sides, clean):
    assert check_leads(sides(clean)) == [] and check_leads(sides(clean, channel_names=("I", "V1"))) == []
