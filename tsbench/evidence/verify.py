"""Verification: what a shard says must follow from itself and from this installation.

That a stranger's numbers can be had at all only a repetition shows (`repeat`).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from tsbench.data.splits import test_text
from tsbench.discovery.plugins import Plugins
from tsbench.errors import CODE_OF_OTHERS_FAILS, StoreError, TsbenchError
from tsbench.evidence.agree import Claim, outvoted
from tsbench.evidence.apart import read_all
from tsbench.evidence.known import Known, as_hashed, splits_of
from tsbench.evidence.shard import MOST_UNPACKED, Row
from tsbench.execute.where import MOST_WORKERS
from tsbench.identity import canonical
from tsbench.methods.weights import without_place
from tsbench.plan.datasets import open_dataset
from tsbench.plan.methods import Method
from tsbench.plan.request import LARGEST_SEED
from tsbench.plan.result import Result
from tsbench.plan.spec import PADDING, RunSpec
from tsbench.plan.specs import method_again, plan_again
from tsbench.protocol import Protocol
from tsbench.registry import Registry
from tsbench.store.check import same_metric
from tsbench.store.packing import unpack_exact
from tsbench.store.rows import ATTEMPT, ENVIRONMENT, LATEST, METRIC, SPEC, flaw
from tsbench.tasks.score import STORED, metrics_of, truth_text
from tsbench.text import plain

AHEAD = 86_400  # seconds that the clock of another machine may be before this one's
COUNTS = ("n_", "steps", "memory_")  # of facts
MOST_SAID = 400  # characters of why: it may quote what stands in the file
DEVICE = re.compile(r"cpu|cuda(:\d{1,4})?")
SPLIT = re.compile(r"test:[0-9a-f]+ train:[0-9a-f]+( groups:[0-9a-f]+)?")


@dataclass(frozen=True)
class Evidence:
    """A run of a shard that was verified: `result` without its predictions, which are packed in `content`.

    claim : what it says of its fold, where the data is not here; None where it is, which says the same.
    """

    result: Result
    content: bytes
    environment: Mapping[str, Any]
    claim: Claim | None = None


@dataclass
class Verified:
    """The runs of a shard that hold, and a line for each row (or the whole file) that does not.

    conflicts : rows that hold and have other metrics than an earlier shard, which counts, or that say otherwise what
        they were tested on than those of more methods.
    """

    path: Path
    runs: list[Evidence] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Answers:
    """What follows from the predictions of a row.

    test : which cases they are of, as a split has it; n : how many, None where they have several answers or none.
    truth : `truth_text` of them, "" where they have no labels.
    """

    task: str
    test: str
    n: int | None
    truth: str
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, content: bytes) -> _Answers:
        predictions = unpack_exact(content, MOST_UNPACKED)
        if any(not name.isprintable() for name in predictions.classes):
            raise StoreError("control characters in the names of its classes")
        ordered = np.sort(predictions.cases)
        if ordered[0] < 0 or (ordered[1:] == ordered[:-1]).any():
            raise StoreError("of its test cases one is there twice, or is none")
        try:
            metrics = metrics_of(predictions)
        except TsbenchError:
            raise
        except Exception as error:  # whatever numpy raises on rubbish
            raise StoreError(f"its predictions have no metrics: {error}") from None
        found = {name: value for name, value in metrics.items() if not math.isnan(value)}
        labelled = predictions.task in STORED
        truth = truth_text(predictions.task, predictions.y_true, predictions.classes) if labelled else ""
        n = len(ordered) if labelled else None
        return cls(predictions.task, test_text(predictions.cases), n, truth, found)

    def check(self, row: Row, task: str) -> None:
        """Raise StoreError unless these are of the split of a row and the task of its data, and give its metrics."""
        if self.task != task:
            raise StoreError(f"its predictions are of {self.task}, its data of {task}")
        if row["split"].split()[0] != self.test:
            raise StoreError("its predictions are not for the test cases of its split")
        if self.n is not None and (said := row["facts"].get("n_test", self.n)) != self.n:
            raise StoreError(f"it says of {said} test cases, and has predictions for {self.n}")
        given = {name: value for name, value in row["metrics"].items() if value is not None}
        if odd := self.metrics.keys() ^ given.keys():
            raise StoreError(f"it has other metrics than its predictions give ({', '.join(sorted(odd))})")
        for name, value in self.metrics.items():
            if not same_metric(given[name], value):
                raise StoreError(f"its {name} is {given[name]}, its predictions give {value}")


class Verifier:
    """Verifies shards by what is installed: plugins for methods, parts and datasets."""

    def __init__(self, plugins: Plugins, registry: Registry) -> None:
        self._plugins, self._registry = plugins, registry
        self._metrics: dict[str, Any] = {}
        self._datasets: dict[str, Known] = {}
        self._splits = splits_of(registry.protocols.values())
        self._protocols: dict[str, Protocol] = {}
        self._methods: dict[tuple[str, str], Method] = {}
        self._planned: dict[tuple[Any, ...], tuple[RunSpec, Method]] = {}
        self._checked: dict[tuple[str, int], Any] = {}
        self._texts: dict[int, tuple[str, Any]] = {}
        self._answers: dict[int, tuple[_Answers | TsbenchError, bytes]] = {}

    def files(self, paths: Iterable[Path]) -> Iterator[Verified]:
        """Read and verify shards, then yield them one after the other; a run of an earlier one is left out.

        All are read before the first comes: which of results that contradict each other counts, all of them tell.
        """
        read = [self._file(*one) for one in read_all(paths)]
        lost = outvoted(one.claim for _, rows in read for _, one in rows if one.claim)
        for found, rows in read:
            for where, one in rows:
                key, metrics = one.result.spec.key, one.result.metrics
                if one.claim and (why := lost.get((one.claim.fold, one.claim.says))):
                    found.conflicts.append(f"{where}: {why}")
                elif self._metrics.setdefault(key, metrics) is metrics:
                    found.runs.append(one)
                elif not _same(self._metrics[key], metrics):
                    found.conflicts.append(f"{where}: an earlier file has other metrics")
            yield found

    def _file(self, path: Path, rows: Sequence[Row], error: str) -> tuple[Verified, list[tuple[str, Evidence]]]:
        """Return what is refused of a shard, and where in it the rows are that hold."""
        found, held = Verified(path, refused=[plain(error)] if error else []), dict[str, tuple[str, Evidence]]()
        for number, row in enumerate(rows):
            where = f"{path}, row {number}, run {row['key'][:12]}"
            try:
                one = self.row(row)
                if row["key"] in held:
                    raise StoreError("it is there twice")
                held[row["key"]] = where, one
            except TsbenchError as error_of_row:
                found.refused.append(plain(f"{where}: {str(error_of_row)[:MOST_SAID]}"))
        for kept in (self._checked, self._texts, self._answers):
            kept.clear()
        return found, list(held.values())

    def row(self, row: Row) -> Evidence:
        """Return what a row stands for; raises TsbenchError saying why it cannot be taken."""
        # What rows of a shard share is one object, and is looked at once; those that are kept here keep their ids.
        new = {name: value for name, value in row.items() if (name, id(value)) not in self._checked}
        for value in new.values():
            if text := _odd_text(value):
                raise StoreError(f"control characters in '{plain(text)[:40]}'")
        _check_kinds(new)
        self._checked |= {(name, id(value)): value for name, value in new.items()}
        _check_bounds(row)
        spec = self._spec(row)
        known, answers = self._dataset(row["dataset"]), self._answers_of(row["predictions"])
        card, protocol = known.handle.card, as_hashed(spec.protocol)
        answers.check(row, protocol.task_of(card.task))
        known.check_fold(row, protocol)
        known.check_truth(row, protocol, answers.truth)
        claim = None
        if not known.is_here(row["fingerprint"]):
            fold = (row["dataset"], row["fingerprint"], row["fold"], protocol.split_name(card), answers.task)
            claim = Claim(spec.base_method, fold, (row["split"], answers.truth))
        measured = {name: math.nan if value is None else value for name, value in row["metrics"].items()}
        names = ("device", "started", "finished", "durations", "peak_memory_bytes")
        result = Result(spec, "succeeded", measured, facts=_facts(row), **{name: row[name] for name in names})
        return Evidence(result, row["predictions"], row["environment"], claim)

    def _spec(self, row: Row) -> RunSpec:
        known, protocol = self._dataset(row["dataset"]), self._protocol(row["protocol"])
        known.check(row["fingerprint"])
        if not SPLIT.fullmatch(row["split"]):
            raise StoreError("it does not say on which split it was made")
        planned, method = self._plan(row, known, protocol)
        spec = replace(
            planned,
            dataset=known.handle.name,
            dataset_ref=known.handle.reference,
            fingerprint=row["fingerprint"],
            fold=row["fold"],
            seed=row["seed"],
            split=row["split"],
            data_dirs=(),
            exposure=method.past.exposure(known.handle.name, row["fingerprint"], (), row["split"], ""),
        )
        _check_same(row, spec)
        return spec

    def _plan(self, row: Row, known: Known, protocol: Protocol) -> tuple[RunSpec, Method]:
        """Return what is planned for a row, once for all datasets that are alike."""
        card, padded = known.handle.card, known.padded(row["fingerprint"])
        if padded is None:
            padded = any(name.startswith(PADDING) for name in row["versions"])
        texts = (row["method"], self._text(row["overrides"]), self._text(row["protocol"]))
        identity = (*texts, row["threads"], card.normalised, card.group, card.task, padded)
        if identity not in self._planned:
            about = (known.handle, row["fingerprint"], protocol, row["threads"], padded, self._plugins)
            try:
                if texts[:2] not in self._methods:
                    again = method_again(row["method"], row["overrides"], self._plugins, self._registry)
                    self._methods[texts[:2]] = again
                method = self._methods[texts[:2]]
                self._planned[identity] = plan_again(method, *about), method
            except TsbenchError:
                raise
            except CODE_OF_OTHERS_FAILS as error:  # a family of methods, asked for a name
                raise StoreError(f"it cannot be planned here: {type(error).__name__}: {error}") from None
        return self._planned[identity]

    def _dataset(self, name: str) -> Known:
        if name not in self._datasets:
            if name not in self._plugins["datasets"] or name == "local":
                raise StoreError(f"dataset '{name}' is not known here; is the plugin that brings it installed?")
            self._datasets[name] = Known(open_dataset(name, self._plugins, ""), self._splits)
        return self._datasets[name]

    def _protocol(self, content: Mapping[str, Any]) -> Protocol:
        text = self._text(content)
        if text not in self._protocols:
            try:
                protocol = Protocol.model_validate(content)
            except ValidationError as error:
                raise StoreError(f"its protocol cannot be read: {error.errors()[0]['msg']}") from None
            self._protocols[text] = protocol.known(self._plugins["corruptions"])
            if self._protocols[text] != protocol:
                raise StoreError("what its protocol says of the corruption is not what this installation says")
        return self._protocols[text]

    def _answers_of(self, content: bytes) -> _Answers:
        """Return what follows from predictions; made once for what rows of a shard share, or refused once."""
        if id(content) not in self._answers:
            found: _Answers | TsbenchError
            try:
                found = _Answers.of(content)
            except TsbenchError as error:
                found = error
            self._answers[id(content)] = found, content
        found = self._answers[id(content)][0]
        if isinstance(found, TsbenchError):
            raise found
        return found

    def _text(self, value: Any) -> str:
        """Return JSON, made once for what rows of a shard share."""
        if id(value) not in self._texts:
            self._texts[id(value)] = canonical(value), value
        return self._texts[id(value)][0]


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Say whether metrics are the same, NaN being one."""
    return one.keys() == other.keys() and all(
        other[name] == value or (math.isnan(other[name]) and math.isnan(value)) for name, value in one.items()
    )


def _check_same(row: Row, spec: RunSpec) -> None:
    """Raise StoreError where a row is of another version than the spec planned here, or has another key."""
    versions = {spec.base_method: spec.method_version, **spec.versions}
    theirs = {spec.base_method: row["method_version"], **row["versions"]}
    for name in sorted(versions.keys() | theirs.keys()):
        if theirs.get(name) != versions.get(name):
            raise StoreError(f"it has version {theirs.get(name)} of {name}, this installation {versions.get(name)}")
    for name, value in row["params"].items():
        if name not in spec.params or without_place(spec.params[name]) != value:
            raise StoreError(f"its parameter {name} = {value} is not what its method and label say")
    if row["normalisation"] != spec.normalisation:
        raise StoreError(f"its normalisation '{row['normalisation']}' is '{spec.normalisation}' here")
    if spec.key != row["key"]:
        raise StoreError(f"its key does not follow from what it says, that would be {spec.key[:12]}")


def _check_kinds(values: Row) -> None:
    """Raise StoreError where a value is of another kind than such values are, or cannot be shown."""
    environment, metrics = values.get("environment", {}), values.get("metrics", {})
    what = flaw(values, SPEC) or flaw({**values, "environment": ""}, ATTEMPT)
    what = what or (flaw({"content": environment}, ENVIRONMENT) and "environment")
    if not isinstance(metrics, dict) or any(flaw({"value": value}, METRIC) for value in metrics.values()):
        what = "metrics"
    if what:
        raise StoreError(f"its {what} cannot be read")


def _check_bounds(row: Row) -> None:
    """Raise StoreError where a number is too small or too large to be such."""
    now = time.time()
    bounds: dict[str, tuple[Any, float, float]] = {
        "fold": (row["fold"], 0, LARGEST_SEED),
        "seed": (row["seed"], 0, LARGEST_SEED),
        "threads": (row["threads"], 1, MOST_WORKERS),
        "peak_memory_bytes": (row["peak_memory_bytes"], 0, 2**63),
        "started": (row["started"], 0, now + AHEAD),
        "finished": (row["finished"], row["started"], now + AHEAD),
        **{f"duration of {name}": (seconds, 0, LATEST) for name, seconds in row["durations"].items()},
        **{f"fact {name}": (count, 0, 2**63) for name, count in _facts(row).items() if name.startswith(COUNTS)},
    }
    for name, (value, low, high) in bounds.items():
        if not low <= value <= high:
            raise StoreError(f"its {name} is {value}, not {low} to {high}")
    if not DEVICE.fullmatch(row["device"]):
        raise StoreError(f"its device is '{plain(row['device'])[:40]}', not cpu, cuda or cuda:N")


def _facts(row: Row) -> dict[str, float]:
    """Return the facts of a row: a number that JSON has no word for is a text there."""
    try:
        return {name: float(value) if isinstance(value, str) else value for name, value in row["facts"].items()}
    except ValueError:
        raise StoreError("its facts cannot be read") from None


def _odd_text(value: Any) -> str:
    """Return a text within a value that has control characters, "" where there is none."""
    if isinstance(value, str):
        return "" if value.isprintable() else value
    if isinstance(value, dict):
        return next(filter(None, map(_odd_text, (*value, *value.values()))), "")
    return next(filter(None, map(_odd_text, value)), "") if isinstance(value, list) else ""
