"""What a user asks for, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tsbench.errors import UsageError
from tsbench.plan.spec import RunSpec

MOST_SEEDS = 1000  # more is a seed that was meant
LARGEST_SEED = 2**31 - 1  # what a column of whole numbers holds in either database


@dataclass(frozen=True)
class Request:
    """What the user asked for. protocols may be empty: each dataset's default is taken. folds : only these; () is all.

    pretrain_on : datasets whose training parts every method is pre-trained on, once for all targets; empty for each
    target's own. exclude_target : leave the target out of them, which makes one pre-training per target.
    """

    methods: Sequence[str]
    datasets: Sequence[str]
    protocols: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    overrides: Mapping[str, str] = field(default_factory=dict)
    floors: bool = False
    threads: int = 1
    pretrain_on: Sequence[str] = ()
    exclude_target: bool = False
    folds: Sequence[int] = ()


@dataclass
class Plan:
    """The runs in the order of execution, and the datasets that cannot take part.

    missing : {dataset: why} for data that is not on this machine; missing_sources : the same for what was to be
    pre-trained on; fetchable : those of both that 'tsbench data fetch' can get; invalid : {dataset: why} for data that
    cannot be used. Small datasets come first, so that results and mistakes show early; runs on one fold follow each
    other, protocols innermost, so that they share one pre-training. A dataset that only some methods or protocols suit
    is in invalid, too. unread : {dataset: what its cases have beside their series, in words, that no method reads}.
    remarks : what else is to be said, a line each.
    """

    specs: list[RunSpec] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    missing_sources: dict[str, str] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    fetchable: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)


def parse_overrides(pairs: Sequence[str]) -> dict[str, str]:
    """Read `--set key=value` pairs; raises UsageError on a pair without '=' or a key given twice."""
    overrides: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {pair}: write key=value, such as --set lr=0.001 or --set encoder.cell=gru")
        if key in overrides:
            raise UsageError(f"--set {key} is given twice")
        overrides[key.strip()] = value.strip()
    return overrides


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read --seeds: "3" is seeds 0, 1 and 2; "0,5" is just those, "0," seed 0 alone."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--seeds {text}: give a number of seeds or a list such as 0,1,2") from None
    count = "," not in text and bool(numbers)
    if count and not 1 <= numbers[0] <= MOST_SEEDS:
        alone = f"; seed {numbers[0]} alone is --seeds {numbers[0]}," if numbers[0] >= 0 else ""
        raise UsageError(f"--seeds {text}: a number of seeds is 1 to {MOST_SEEDS}{alone}")
    seeds = tuple(range(numbers[0])) if count else tuple(dict.fromkeys(numbers))
    if not seeds or min(seeds) < 0 or max(seeds) > LARGEST_SEED:
        raise UsageError(f"--seeds {text}: needs at least one seed, none below 0 or above {LARGEST_SEED}")
    return seeds


def parse_folds(texts: Sequence[str]) -> tuple[int, ...]:
    """Read the values of --fold, such as ["0,2"]; raises UsageError where one is no fold's number."""
    folds = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    for fold in folds:
        if not fold.isdecimal():
            raise UsageError(f"--fold {fold}: give the number of a fold, from 0, or several such as 0,2")
    return tuple(dict.fromkeys(map(int, folds)))
