"""What this installation knows of a dataset that results are of: its contents, splits and labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tsbench.errors import StoreError
from tsbench.evidence.shard import Row
from tsbench.plan.datasets import DatasetHandle
from tsbench.plan.summaries import Summary, summarise
from tsbench.protocol import Protocol, Split


class Known:
    """A dataset by its name; contents : fingerprints of what it may be.

    splits : those that may be made of the data where it is here; of the others, which no registered protocol has,
    anybody may think up any number.
    """

    def __init__(self, handle: DatasetHandle, splits: Collection[Split]) -> None:
        self.handle, self._splits = handle, splits
        self._here = summarise(handle) if handle.card.shareable and handle.available() else None
        self._under: dict[str, Summary] = {}
        self.contents = handle.card.contents or frozenset({self._here.fingerprint} if self._here else ())

    def is_here(self, fingerprint: str) -> bool:
        """Say whether this content of it is on this machine."""
        return self._here is not None and self._here.fingerprint == fingerprint

    def padded(self, fingerprint: str) -> bool | None:
        """Say whether its series end before the time axis does; None where that is not known."""
        return self._here.padded if self._here and self.is_here(fingerprint) else None

    def check(self, fingerprint: str) -> None:
        """Raise StoreError unless evidence may be of this dataset, and is."""
        name, known = self.handle.name, sorted(self.contents)
        if not self.handle.card.shareable:
            raise StoreError(f"the card of {name} forbids that its predictions are shared")
        if fingerprint not in known:
            here = " or ".join(one[:12] for one in known)
            now = f"{name} is {here} here" if known else f"what {name} is, is not known here"
            raise StoreError(f"it was made on data of fingerprint {fingerprint[:12]}, {now}")

    def check_fold(self, row: Row, protocol: Protocol) -> None:
        """Raise StoreError unless the fold of a row is there, and where the data is here, is split as it says.

        The protocol of this and of `check_truth` is `as_hashed`.
        """
        name, split, here = self.handle.name, protocol.split.name, self._here
        is_here = self.is_here(row["fingerprint"])
        if is_here and here and protocol.own_split and split not in here.own_folds:
            raise StoreError(f"{name} has no split '{split}' of its own")
        own = here.own_folds.get(split, 0) if is_here and here else self.handle.card.own_folds.get(split, 1)
        if row["fold"] >= (count := protocol.n_folds(own)):
            folds = "fold 0 alone" if count == 1 else f"folds 0 to {count - 1}"
            raise StoreError(f"its fold is {row['fold']}, {name} has {folds} under protocol '{protocol.name[:40]}'")
        if (summary := self._summary(row["fingerprint"], protocol)) is None:
            return
        now = summary.split(protocol, self.handle.card, row["fold"])
        if not set(row["split"].split()) <= set(now.split()):
            raise StoreError(f"its split is not that of fold {row['fold']} of {name} here ({now or 'it has none'})")

    def check_truth(self, row: Row, protocol: Protocol, truth: str) -> None:
        """Raise StoreError where the data is here and its test cases have other labels than `truth_text` says."""
        summary = self._summary(row["fingerprint"], protocol)
        truths = summary.truths[protocol.split_name(self.handle.card)] if summary else []
        if truth and truths and truths[row["fold"]] != truth:
            raise StoreError(f"the labels of its test cases are not those of {self.handle.name} here")

    def _summary(self, fingerprint: str, protocol: Protocol) -> Summary | None:
        """Return what is known of the data under a protocol; None where it is not here, or nobody splits it so."""
        if not self.is_here(fingerprint) or not (protocol.own_split or protocol.split in self._splits):
            return None
        name = protocol.split_name(self.handle.card)
        if name not in self._under:
            self._under[name] = summarise(self.handle, [protocol])
        return self._under[name]


def splits_of(protocols: Iterable[Protocol]) -> frozenset[Split]:
    """Return the splits of protocols, and the same at random where they keep groups together."""
    splits = [as_hashed(one).split for one in protocols]
    return frozenset([*splits, *(one.model_copy(update={"group": None}) for one in splits)])


def as_hashed(protocol: Protocol) -> Protocol:
    """Return a protocol without what its hash leaves out of the split: a number or group that stands for nothing."""
    usual: dict[str, object] = {"seed": 0} if protocol.split.scheme == "resample" else {}
    usual = {"seed": 0, "folds": 5, "group": "card"} if protocol.own_split else usual
    return protocol.model_copy(update={"split": protocol.split.model_copy(update=usual)})
