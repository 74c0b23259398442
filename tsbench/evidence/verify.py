"""Verification: what a shard says must follow from itself and from this installation.

That a stranger's numbers can be had at all only a repetition shows (`repeat`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tsbench.data.splits import test_text
from tsbench.discovery.plugins import Plugins
from tsbench.errors import CODE_OF_OTHERS_FAILS, StoreError, TsbenchError
from tsbench.evidence.apart import read_all
from tsbench.evidence.shard import Row
from tsbench.execute.where import MOST_WORKERS
from tsbench.identity import canonical
from tsbench.methods.weights import without_place
from tsbench.plan.datasets import DatasetHandle, open_dataset, summarise
from tsbench.plan.request import LARGEST_SEED
from tsbench.plan.result import Result
from tsbench.plan.spec import PADDING, RunSpec
from tsbench.plan.specs import plan_again
from tsbench.protocol import Protocol
from tsbench.registry import Registry
from tsbench.store.check import same_metric
from tsbench.store.packing import unpack
from tsbench.store.rows import ATTEMPT, ENVIRONMENT, LATEST, METRIC, SPEC, flaw
from tsbench.tasks.score import Predictions, metrics_of
from tsbench.text import plain

SPLIT = re.compile(r"test:[0-9a-f]+ train:[0-9a-f]+( groups:[0-9a-f]+)?")


@dataclass(frozen=True)
class Evidence:
    """A run of a shard that was verified: `result` without its predictions, which are packed in `content`."""

    result: Result
    content: bytes
    environment: Mapping[str, Any]


@dataclass
class Verified:
    """The runs of a shard that hold, and a line for each row (or the whole file) that does not.

    conflicts : rows that hold and have other metrics than an earlier shard, which counts.
    """

    runs: list[Evidence] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


class Verifier:
    """Verifies shards by what is installed: plugins for methods, parts and datasets."""

    def __init__(self, plugins: Plugins, registry: Registry) -> None:
        self._plugins, self._registry = plugins, registry
        self._metrics: dict[str, Any] = {}
        self._handles: dict[str, DatasetHandle] = {}
        self._fingerprints: dict[str, str] = {}
        self._protocols: dict[str, Protocol] = {}
        self._planned: dict[str, RunSpec] = {}
        self._shown: dict[int, Any] = {}

    def files(self, paths: Iterable[Path]) -> Iterator[Verified]:
        """Read and verify shards one after the other; a run of an earlier one is left out."""
        for path, rows, error_of_file in read_all(paths):
            found, in_file = Verified(refused=[plain(error_of_file)] if error_of_file else []), set[str]()
            for number, row in enumerate(rows):
                where = f"{path}, row {number}, run {row['key'][:12]}"
                try:
                    one = self.row(row)
                    if row["key"] in in_file:
                        raise StoreError("it is there twice")
                    in_file.add(row["key"])
                    if self._metrics.setdefault(row["key"], row["metrics"]) is row["metrics"]:
                        found.runs.append(one)
                    elif self._metrics[row["key"]] != row["metrics"]:
                        found.conflicts.append(f"{where}: an earlier file has other metrics")
                except TsbenchError as error:
                    found.refused.append(plain(f"{where}: {error}"))
            self._shown.clear()
            yield found

    def row(self, row: Row) -> Evidence:
        """Return what a row stands for; raises TsbenchError saying why it cannot be taken."""
        self._check_shown(row)
        _check_values(row)
        spec = self._spec(row)
        _check_answers(unpack(row["predictions"]), row, self._handle(row["dataset"]).card.task)
        measured = {name: math.nan if value is None else value for name, value in row["metrics"].items()}
        names = ("device", "started", "finished", "durations", "peak_memory_bytes")
        result = Result(spec, "succeeded", measured, facts=_facts(row), **{name: row[name] for name in names})
        return Evidence(result, row["predictions"], row["environment"])

    def _check_shown(self, row: Row) -> None:
        """Raise StoreError where a text has control characters; what rows of a shard share is looked at once."""
        for value in row.values():
            if id(value) not in self._shown and (text := _odd_text(value)):
                raise StoreError(f"control characters in '{plain(text)[:40]}'")
            self._shown[id(value)] = value

    def _spec(self, row: Row) -> RunSpec:
        handle, protocol = self._handle(row["dataset"]), self._protocol(row["protocol"])
        self._check_data(handle, row["fingerprint"])
        if not SPLIT.fullmatch(row["split"]):
            raise StoreError("it does not say on which split it was made")
        about = [handle.name, row["method"], row["overrides"], row["protocol"], row["threads"], handle.card.normalised]
        padded = self._padded(handle, row["versions"])
        identity = canonical([*about, handle.card.group, handle.card.task, padded])
        if identity not in self._planned:
            asked = (row["method"], row["overrides"], handle, row["fingerprint"], protocol, row["threads"], padded)
            try:
                self._planned[identity] = plan_again(*asked, self._plugins, self._registry)
            except TsbenchError:
                raise
            except CODE_OF_OTHERS_FAILS as error:  # a family of methods, asked for a name
                raise StoreError(f"it cannot be planned here: {type(error).__name__}: {error}") from None
        data = {"dataset": handle.name, "dataset_ref": handle.reference, "fingerprint": row["fingerprint"]}
        where = {"fold": row["fold"], "seed": row["seed"], "split": row["split"], "data_dirs": ()}
        spec = replace(self._planned[identity], **data, **where)
        _check_same(row, spec)
        return spec

    def _handle(self, name: str) -> DatasetHandle:
        if name not in self._handles:
            if name not in self._plugins["datasets"] or name == "local":
                raise StoreError(f"dataset '{name}' is not known here; is the plugin that brings it installed?")
            self._handles[name] = open_dataset(name, self._plugins, "")
        return self._handles[name]

    def _check_data(self, handle: DatasetHandle, fingerprint: str) -> None:
        if not handle.card.shareable:
            raise StoreError(f"the card of {handle.name} forbids that its predictions are shared")
        if handle.name not in self._fingerprints:
            known = handle.card.checksum or (summarise(handle).fingerprint if handle.available() else "")
            self._fingerprints[handle.name] = known
        known = self._fingerprints[handle.name]
        if fingerprint != known:
            now = f"{handle.name} is {known[:12]} here" if known else f"what {handle.name} is, is not known here"
            raise StoreError(f"it was made on data of fingerprint {fingerprint[:12]}, {now}")

    def _padded(self, handle: DatasetHandle, versions: Mapping[str, Any]) -> bool:
        """Say whether series differ in length: by the data where they are here, else by what a row says of itself."""
        if handle.available():
            return summarise(handle).padded
        return any(name.startswith(PADDING) for name in versions)

    def _protocol(self, content: Mapping[str, Any]) -> Protocol:
        text = canonical(content)
        if text not in self._protocols:
            try:
                protocol = Protocol.model_validate(content)
            except ValidationError as error:
                raise StoreError(f"its protocol cannot be read: {error.errors()[0]['msg']}") from None
            self._protocols[text] = protocol.known(self._plugins["corruptions"])
            if self._protocols[text] != protocol:
                raise StoreError("what its protocol says of the corruption is not what this installation says")
        return self._protocols[text]


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


def _check_values(row: Row) -> None:
    """Raise StoreError where a value is of another kind than such values are, cannot be shown, or is out of bounds."""
    what = flaw(row, SPEC) or flaw({**row, "environment": ""}, ATTEMPT)
    what = what or (flaw({"content": row["environment"]}, ENVIRONMENT) and "environment")
    if not isinstance(row["metrics"], dict) or any(flaw({"value": value}, METRIC) for value in row["metrics"].values()):
        what = "metrics"
    if what:
        raise StoreError(f"its {what} cannot be read")
    bounds = {"fold": (0, LARGEST_SEED), "seed": (0, LARGEST_SEED), "threads": (1, MOST_WORKERS)}
    for name, (low, high) in {**bounds, "finished": (row["started"], LATEST)}.items():
        if not low <= row[name] <= high:
            raise StoreError(f"its {name} is {row[name]}, not {low} to {high}")


def _facts(row: Row) -> dict[str, float]:
    """Return the facts of a row: a number that JSON has no word for is a text there."""
    try:
        return {name: float(value) if isinstance(value, str) else value for name, value in row["facts"].items()}
    except ValueError:
        raise StoreError("its facts cannot be read") from None


def _check_answers(predictions: Predictions, row: Row, task: str) -> None:
    """Raise StoreError unless predictions are of the split of a row and the task of its data, and give its metrics."""
    if predictions.task != task:
        raise StoreError(f"its predictions are of {predictions.task}, its data of {task}")
    if any(not name.isprintable() for name in predictions.classes):
        raise StoreError("control characters in the names of its classes")
    if row["split"].split()[0] != test_text(predictions.cases):
        raise StoreError("its predictions are not for the test cases of its split")
    try:
        again = metrics_of(predictions)
    except TsbenchError:
        raise
    except Exception as error:  # whatever numpy raises on rubbish
        raise StoreError(f"its predictions have no metrics: {error}") from None
    given = {name: value for name, value in row["metrics"].items() if value is not None}
    again = {name: value for name, value in again.items() if not math.isnan(value)}
    if odd := again.keys() ^ given.keys():
        raise StoreError(f"it has other metrics than its predictions give ({', '.join(sorted(odd))})")
    for name, value in again.items():
        if not same_metric(given[name], value):
            raise StoreError(f"its {name} is {given[name]}, its predictions give {value}")


def _odd_text(value: Any) -> str:
    """Return a text within a value that has control characters, "" where there is none."""
    if isinstance(value, str):
        return "" if value.isprintable() else value
    if isinstance(value, dict):
        return next(filter(None, map(_odd_text, (*value, *value.values()))), "")
    return next(filter(None, map(_odd_text, value)), "") if isinstance(value, list) else ""
