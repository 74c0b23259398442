"""Of what results say of one fold that counts which most methods say."""

import pytest

from tsbench.evidence.agree import Claim, outvoted


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("", ""),
        ("1a 2a 3a", ""),
        ("1a 1a 1a 1a 2b 3b", "a"),  # many results of one method are one
        ("1a 2b", "ab"),
        ("1a 2a 3b 4b 5c", "abc"),
        ("1a 1b 2b", "a"),
    ],
)
def test_what_most_methods_say_counts_and_nothing_where_they_are_as_many(said, lost):
    claims = [Claim(method, "fold", says) for method, says in said.split()]
    assert {says for _, says in outvoted(claims)} == set(lost)


def test_each_fold_is_its_own():
    assert outvoted([Claim("1", 0, "a"), Claim("2", 1, "b")]) == {}
