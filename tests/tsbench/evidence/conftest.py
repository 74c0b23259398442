"""Evidence of a few real runs, on data that every installation has."""

import hashlib
from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import parquet

from tsbench.api import Bench
from tsbench.data.splits import test_text
from tsbench.evidence import shard
from tsbench.evidence.submit import submit
from tsbench.evidence.verify import Verifier
from tsbench.store.packing import pack, unpack
from tsbench.store.store import Store
from tsbench.tasks.score import metrics_of

METHODS = ["majority", "minirocket-features"]
DATASETS = ["ItalyPowerDemand", "BasicMotions"]


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """The file of a store with two methods on two datasets, the first with two seeds."""
    folder = tmp_path_factory.mktemp("evidence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSBENCH_CACHE", str(folder / "cache"))
        with Bench(folder / "results.db", offline=True, progress=False, device="cpu") as bench:
            assert bench.run(METHODS[0], DATASETS, "svm-rbf", seeds=2).exit_code == 0
            assert bench.run(METHODS[1], DATASETS, "svm-rbf").exit_code == 0
    return folder / "results.db"


@pytest.fixture
def stored(results):
    store = Store(str(results))
    yield store
    store.close()


@pytest.fixture
def folder(stored, tmp_path, installed, registry):
    """A folder of evidence: four shards, two of each collection."""
    report = submit(stored, METHODS, DATASETS, tmp_path / "results", installed, registry)
    assert (report.written, report.known, report.refused) == (6, 0, [])
    return tmp_path / "results"


@pytest.fixture
def one(folder):
    """The shard of two seeds on ItalyPowerDemand."""
    return next(folder.glob("ucr/majority-*.parquet"))


@pytest.fixture
def away(monkeypatch):
    """No dataset is on this machine; what cards know of them stays."""
    monkeypatch.setattr("tsbench.plan.datasets.DatasetHandle.available", lambda handle: False)


@pytest.fixture
def verify(installed, registry):
    """Verify files; returns the runs and the lines of what was refused."""

    def verified(*paths):
        found = list(Verifier(installed, registry).files(paths))
        return [run for one in found for run in one.runs], [line for one in found for line in one.refused]

    return verified


def named(folder, content):
    """Write content under the name that a shard of it has."""
    path = folder / f"x-{hashlib.sha256(content).hexdigest()[: shard.DIGITS]}.parquet"
    path.write_bytes(content)
    return path


def written(folder, table, **options):
    """Write a table as somebody would who knows what a shard looks like."""
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(sink, table.schema, compression=options.pop("compression", "none")) as writer:
        writer.write_table(table, **options)
        writer.add_key_value_metadata({shard.SAYS_FORMAT: shard.FORMAT})
    return named(folder, sink.getvalue().to_pybytes())


def rekeyed(verifier, row):
    """Return a row with the key that follows from what it says."""
    known, protocol = verifier._dataset(row["dataset"]), verifier._protocol(row["protocol"])
    planned, _ = verifier._plan(row, known, protocol)
    given = {name: row[name] for name in ("fingerprint", "fold", "seed", "split")}
    name = {"dataset": known.handle.name, "dataset_ref": known.handle.reference}
    return {**row, "key": replace(planned, **name, **given, data_dirs=()).key}


def answering(row, **fields):
    """Return a row with other predictions, and the metrics and test cases that follow from them."""
    answers = replace(unpack(row["predictions"]), **fields)
    metrics = {name: value for name, value in metrics_of(answers).items() if value == value}
    split = f"{test_text(answers.cases)} {row['split'].partition(' ')[2]}"
    return {**row, "predictions": pack(answers), "metrics": metrics, "split": split}


def shard_of(folder, *rows):
    """Write rows as they are, under the name that a shard of them has."""
    ((_, content),) = shard.shards(rows)
    return named(folder, content)


def edited(folder, path, number=0, **values):
    """Write the rows of a shard with other values in one of them."""
    rows = shard.read(path)
    rows[number] = {**rows[number], **values}
    ((_, content),) = shard.shards(rows)
    return named(folder, content)
