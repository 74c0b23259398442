"""Capabilities: what a class of methods can do, told from what it defines."""

from __future__ import annotations

from typing import Any

from tsbench.discovery.catalog import Entry
from tsbench.errors import UsageError

CAPABILITIES = ("represent", "decide", "reconstruct", "embed")


def capabilities(cls: Any) -> tuple[str, ...]:
    """Return what a class of methods can do; () for what is no such class.

    "represent" : it gives frozen features for a probe. A method that only decides says `represent = None`.
    "decide" : it has a decision rule of its own, trained or not: the `predict_scores` of a Classifier, or the
        `decide` of a method that the core trains on labels (`supervised = True`).
    "reconstruct" : it fills in missing values; a method of the core's that writes `reconstruct`.
    "embed" : it puts series and texts into one space; a method of the core's that writes `embed`.
    """
    if not isinstance(cls, type):
        return ()
    own = fits_itself(cls)
    represents = not own and callable(getattr(cls, "represent", None))
    decides = own or (bool(getattr(cls, "supervised", False)) and callable(getattr(cls, "decide", None)))
    reconstructs, embeds = (not own and callable(getattr(cls, name, None)) for name in ("reconstruct", "embed"))
    able = (represents, decides, reconstructs, embeds)
    return tuple(name for name, can in zip(CAPABILITIES, able, strict=True) if can)


def check_able(name: str, cls: Any, what: str) -> None:
    """Raise UsageError where a method, under its name, cannot do what is needed, a capability."""
    able = capabilities(cls)
    if what in able:
        return
    if what == "reconstruct":
        raise UsageError(
            f"{name} cannot fill in missing values: its class has no `reconstruct`; see 'tsbench list methods'"
        )
    if able == ("reconstruct",):
        raise UsageError(f"{name} fills in missing values and nothing else: take a protocol such as impute")
    if what == "embed":
        raise UsageError(f"{name} puts no texts beside series: its class has no `embed`; take one such as ecg-text")
    if able == ("embed",):
        raise UsageError(f"{name} retrieves and nothing else: take a protocol such as retrieval")
    if what == "represent":
        raise UsageError(f"{name} gives no features, only decisions: take a method that a probe is fitted on")
    if callable(getattr(cls, "decide", None)):
        raise UsageError(f"{name} has a `decide` and never sees a label: declare supervised = True in its class")
    raise UsageError(f"{name} has no decision rule of its own: take a protocol with a probe, such as svm-rbf")


def tells_pairs(cls: Any) -> bool:
    """Say whether a class of methods says of a series and a text how well they match."""
    return callable(getattr(cls, "match", None))


def check_pairs(name: str, cls: Any) -> None:
    """Raise UsageError where a method, under its name, says nothing of pairs."""
    if not tells_pairs(cls):
        raise UsageError(f"{name} says nothing of pairs: it has no `match`; take protocol retrieval")


def registered_for(entry: Entry) -> tuple[str, ...]:
    """Return what a method is registered to be able to do, by its tags or a class that is given; () where none says."""
    said = tuple(name for name in CAPABILITIES if name in entry.tags)
    return said if said or isinstance(entry.target, str) else capabilities(entry.target)


def fits_itself(cls: Any) -> bool:
    """Say whether a class of methods has a `fit` of its own, in place of training by the core's loop."""
    from tsbench.methods.classifier import Classifier  # not for a list of names, which it would slow down

    return isinstance(cls, type) and issubclass(cls, Classifier)


def trains(cls: Any) -> bool:
    """Say whether a class of methods has gradient steps to make, and so an untrained twin."""
    return not fits_itself(cls) and bool(cls.trains)
