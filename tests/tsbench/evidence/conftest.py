"""Evidence of a few real runs, on data that every installation has."""

import hashlib

import pyarrow as pa
import pytest
from pyarrow import parquet

from tsbench.api import Bench
from tsbench.evidence import shard
from tsbench.evidence.submit import submit
from tsbench.evidence.verify import Verifier
from tsbench.store.store import Store

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


def edited(folder, path, number=0, **values):
    """Write the rows of a shard with other values in one of them."""
    rows = shard.read(path)
    rows[number] = {**rows[number], **values}
    ((_, content),) = shard.shards(rows)
    return named(folder, content)
