"""Groups of methods that no test tells apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from tsbench.statistics.pairs import pairs
from tsbench.statistics.ranks import shared

ALPHA = 0.05


def groups(cells: pd.DataFrame, sign: int, alpha: float = ALPHA) -> list[tuple[str, ...]]:
    """Return groups, best average rank first, such that two methods share one exactly where they are not told apart.

    Two are told apart where Wilcoxon's two-sided p, adjusted by Holm over all pairs, is below alpha (`pairs`). A method
    that is told apart from all others is a group of its own. Empty where `blunt` is, and for less than two methods.
    """
    found = pairs(cells, sign)
    if found.empty or blunt(cells, alpha):
        return []
    order = [*found["first"].drop_duplicates(), found["second"].iloc[-1]]
    alike = {
        (one, other) for one, other, p in found[["first", "second", "p_holm"]].itertuples(index=False) if p >= alpha
    }
    return cliques(order, alike | {(other, one) for one, other in alike})


def blunt(cells: pd.DataFrame, alpha: float = ALPHA) -> bool:
    """Whether no result on so few datasets could tell two methods apart: the smallest adjusted p is not below alpha."""
    methods, n = len(cells), shared(cells).shape[1]
    return 2.0 ** (1 - n) * methods * (methods - 1) / 2 >= alpha


def cliques(order: Sequence[str], alike: Collection[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return sets of methods, all alike, that together hold every pair that is alike and no other.

    Each begins with a pair (or a method) that no earlier set holds and takes in what fits, in the order given.
    """
    found: list[tuple[str, ...]] = []
    for number, one in enumerate(order):
        for other in (*[name for name in order[number + 1 :] if (one, name) in alike], one):
            if any(one in group and other in group for group in found):
                continue
            group = [*dict.fromkeys((one, other))]
            for name in order:
                if name not in group and all((name, member) in alike for member in group):
                    group.append(name)
            found.append(tuple(sorted(group, key=order.index)))
    return sorted(found, key=lambda group: [order.index(name) for name in group])


def letters(found: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return {method: the letters of its groups}: "a", "ab"; after z come a1 ... z1."""
    names = [chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "") for number in range(len(found))]
    members = dict.fromkeys(name for group in found for name in group)
    return {one: "".join(name for name, group in zip(names, found, strict=True) if one in group) for one in members}
