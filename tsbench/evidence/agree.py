"""Whether results say the same of what they were tested on, where the data is not here to say it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a result says of a fold: by which method (twins are one), of which fold, and the split and labels there."""

    method: str
    fold: Hashable
    says: Hashable


def outvoted(claims: Iterable[Claim]) -> dict[tuple[Hashable, Hashable], str]:
    """Return {(fold, what is said of it): why that does not count}.

    Of what is said of a fold that counts which most methods say; nothing where several are said by as many.
    """
    by_fold: dict[Hashable, dict[Hashable, set[str]]] = defaultdict(lambda: defaultdict(set))
    for claim in claims:
        by_fold[claim.fold][claim.says].add(claim.method)
    found: dict[tuple[Hashable, Hashable], str] = {}
    for fold, said in by_fold.items():
        most = max(map(len, said.values()))
        tied = sum(len(methods) == most for methods in said.values()) > 1
        for says, methods in said.items():
            if tied or len(methods) < most:
                others = f"those of {len(methods)} methods here, of {most} elsewhere"
                found[fold, says] = f"results of this fold differ in its split or test labels ({others})"
    return found
