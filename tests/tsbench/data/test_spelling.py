import re

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.data.spelling import spelt_twice


def named(labels, subjects):
    return Panel.build(np.ones((len(labels), 1, 3)), labels, meta={"subject": np.array(subjects)})


@pytest.mark.parametrize(
    ("labels", "subjects", "said"),
    [
        (["a", "b", "c"], ["p1", "p2", "p10"], []),
        (["sinus", "Sinus", "b"], ["p1", "p2", "p3"], ["classes differ by capitals or blanks alone: 'Sinus', 'sinus'"]),
        (["a b", "ab", "a  b"], ["p1", "p2", "p3"], ["classes differ .*: 'a  b', 'a b', 'ab'"]),
        (["a", "b", "b"], ["P1", "p1", "p3"], ["two names of a subject differ .*: 'P1', 'p1'"]),
    ],
)
def test_names_that_may_be_one_are_told(labels, subjects, said):
    found = spelt_twice(named(labels, subjects), "subject")
    assert len(found) == len(said) and all(map(re.match, said, found)), found
    assert not [text for text in spelt_twice(named(labels, subjects), None) if "subject" in text]
