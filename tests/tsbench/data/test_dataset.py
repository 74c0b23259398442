import numpy as np
import pytest

from tsbench.data.dataset import Data, Fold
from tsbench.data.panel import Panel
from tsbench.errors import InvalidDataError

PANEL = Panel.build(np.ones((6, 1, 3)), [0, 1, 0, 1, 0, 1])


def fold(train, validation, test):
    return Fold(*(None if part is None else np.asarray(part, int) for part in (train, validation, test)))


def test_a_proper_fold_is_taken():
    assert Data(PANEL, {"archive": [fold([0, 1], [2], [3, 4, 5])]}).folds["archive"][0].test.tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0, 1], None, []), "archive, fold 0: the test part is empty"),
        (([], None, [1]), "the train part is empty"),
        (([0, 1], [], [2]), "the validation part is empty"),
        (([0, 1], None, [6]), "the test part leaves the 6 cases"),
        (([0, -1], None, [2]), "the train part leaves"),
        (([0, 1], None, [1]), "more than one part"),
        (([0, 0], None, [1]), "twice in one"),
    ],
)
def test_a_fold_that_leaks_or_is_empty_is_refused(parts, message):
    with pytest.raises(InvalidDataError, match=message):
        Data(PANEL, {"archive": [fold(*parts)]})


def test_unlabelled_cases_enter_the_fingerprint_and_fit_the_others():
    longer = Panel.build(np.ones((2, 1, 9)))
    alone, both = Data(PANEL), Data(PANEL, unlabelled=longer)
    assert alone.fingerprint() == PANEL.fingerprint()
    assert len({alone.fingerprint(), both.fingerprint(), Data(PANEL, unlabelled=longer.select([0])).fingerprint()}) == 3
    with pytest.raises(InvalidDataError, match="must have the channels of the others: 1, not 2"):
        Data(PANEL, unlabelled=Panel.build(np.ones((2, 2, 3))))
    with pytest.raises(InvalidDataError, match="the unlabelled cases have labels"):
        Data(PANEL, unlabelled=PANEL)


@pytest.mark.parametrize("times", [[0, 2, 1], [0, 1, 1], [0, np.nan, 1], [np.nan, 0, 1], [0, 1, np.inf]])
def test_times_that_do_not_increase_are_refused_by_case(times):
    good = [1.6e9, 1.6e9 + 10, 1.6e9 + 20]
    point = 0 if np.isnan(times[0]) else 1 if np.isnan(times[1]) else 2
    fields = {"times": np.asarray([good, times, good]), "lengths": [3, 3, 3]}
    with pytest.raises(InvalidDataError, match=f"case 1, time point {point}|times of case 1 holds an infinite"):
        Data(Panel.build(np.zeros((3, 1, 3)), **fields))
    with pytest.raises(InvalidDataError, match="unlabelled case 1, time point|times of case 1 holds an infinite"):
        Data(Panel.build(np.zeros((3, 1, 3))), unlabelled=Panel.build(np.zeros((3, 1, 3)), **fields))


def test_times_of_one_case_need_no_order_with_another_and_none_beyond_its_length():
    times = np.asarray([[5, 6, 7], [1, 2, np.nan], [0, -1, -1]])
    assert Data(Panel.build(np.zeros((3, 1, 3)), times=times, lengths=[3, 2, 1])).panel.times is not None
    with pytest.raises(InvalidDataError, match=r"times must be \(3, 3\), a time per point, got \(3, 2\)"):
        Panel.build(np.zeros((3, 1, 3)), times=times[:, :2])
