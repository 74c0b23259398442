"""Two stores of made-up results; every difference is put there on purpose."""

import json
import shutil
import sqlite3

import pandas as pd
import pytest

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.compare.report import blocks, content, text_of
from tsbench.compare.stores import Asked, ask, difference
from tsbench.errors import UsageError
from tsbench.store.store import Store


def spec(dataset="A", seed=0, **fields):
    return make_spec(seed, **{"dataset": dataset, "split": "test:0 train:0", **fields})


@pytest.fixture
def stored(tmp_path):
    """Make a store of (spec, accuracy) and open it again."""
    opened = []

    def make(*results):
        opened.append(Store(str(tmp_path / f"{len(opened)}.db")))
        for number, (one, accuracy) in enumerate(results):
            finished = {"started": number, "finished": number + 1.0}
            opened[-1].record(make_result(one, accuracy, **finished), ENVIRONMENT)
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def told(first, second, asked=None):
    return difference(first, second, asked or Asked(), ("a", "b"))


def lines(found, verbose=False):
    return "\n".join(one for one in blocks(found, verbose) if isinstance(one, str))


def three_seeds(values, dataset="A", **fields):
    return [(spec(dataset, seed, **fields), value) for seed, value in enumerate(values)]


def test_the_same_store_differs_in_nothing(stored):
    store = stored(*three_seeds([0.5, 0.6, 0.7]))
    found = told(store, store)
    assert not found.differs and found.n_both == 3 and found.changes.empty and found.unlike.empty
    assert "1 methods under a protocol have the same scores in both." in lines(found)


def test_runs_of_one_store_alone_are_counted_and_named_when_asked(stored):
    both, here, there = (spec(), 0.5), (spec("B"), 0.6), (spec("C", 4), 0.7)
    found = told(stored(both, here), stored(both, there))
    assert [len(one) for one in found.only] == [1, 1] and found.n_both == 1 and not found.differs
    assert "1 runs in both, 1 in the first alone, 1 in the other" in lines(found)
    named = f"in the second alone: {there[0].key[:12]} m p C 0 4"
    assert named in lines(found, verbose=True) and named not in lines(found)


def test_one_run_with_two_results_is_told_to_the_last_bit(stored):
    found = told(stored((spec(), 0.5)), stored((spec(), 0.5 + 2**-53)))
    assert found.apart == {spec().key: {"accuracy": (0.5, 0.5000000000000001)}} and found.differs
    assert f"{spec().key[:12]}: accuracy 0.5 -> 0.5000000000000001" in lines(found)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"method_version": 2}, "version of method: 1 -> 2"),
        ({"versions": {"probe:knn": 2}}, "version of probe:knn: 1 -> 2"),
        ({"versions": {"probe:knn": 1, "encoder:tcn": 1}}, "version of encoder:tcn: none -> 1"),
        ({"fingerprint": "g"}, "data"),
        ({"split": "test:1 train:1"}, "split"),
        ({"params": {"lr": 0.2}}, "parameters"),
        ({"threads": 2}, "threads, groups or sources"),
        ({"normalisation": "channel"}, "normalisation"),
        ({"method_version": 2, "fingerprint": "g"}, "version of method: 1 -> 2; data"),
    ],
)
def test_what_tells_the_two_runs_of_a_cell_apart(stored, fields, what):
    found = told(stored((spec(), 0.5)), stored((spec(**fields), 0.5)))
    assert found.changes.to_dict("records") == [{"label": "m", "protocol": "p", "what": what, "n": 1}]
    assert f"m, p: 1 runs of the same cells differ in: {what}" in lines(found)


def test_noise_is_the_spread_over_seeds(stored):
    first = stored(*three_seeds([0.5, 0.6, 0.7]), *three_seeds([0.5, 0.5, 0.5], "B"), (spec("C"), 0.5))
    changed = {"method_version": 2}
    second = stored(
        *three_seeds([0.6, 0.7, 0.8], **changed),
        *three_seeds([0.51, 0.51, 0.51], "B", **changed),
        (spec("C", **changed), 0.4),
    )
    found = told(first, second)
    cells = found.cells.set_index("dataset")
    assert cells["difference"].tolist() == pytest.approx([0.1, 0.01, -0.1])
    assert cells["spread"].tolist() == pytest.approx([0.1, 0, float("nan")], nan_ok=True)
    assert cells["beyond"].tolist() == [False, True, None]
    assert found.unlike["dataset"].tolist() == ["C", "B"] and found.differs
    assert "1 of 2 cells with several seeds differ beyond noise" in lines(found)
    assert "1 cells have one seed in common, which tells nothing of their noise; 1 of them differ." in lines(found)


def test_what_differs_in_the_last_bits_alone_has_not_changed(stored):
    first = stored((spec(), 0.1 + 0.2), *three_seeds([0.1, 0.2, 0.3], "B"))
    second = stored((spec(method_version=2), 0.3), *three_seeds([0.3, 0.2, 0.1], "B", method_version=2))
    found = told(first, second)
    assert found.cells["difference"].tolist() == [0, 0] and found.unlike.empty and not found.differs
    assert "which tells nothing of their noise; 0 of them differ." in lines(found)


def test_a_number_that_is_not_finite_is_none(stored):
    second = stored((spec(method_version=2), float("inf")), (spec("B", method_version=2), 0.5))
    found = told(stored((spec(), 0.5), (spec("B"), 0.5)), second)
    assert found.cells["dataset"].tolist() == ["B"] and not found.differs


def test_only_folds_and_seeds_of_both_are_compared(stored):
    first = stored((spec(seed=0), 0.5), (spec(seed=1), 0.9))
    second = stored((spec(seed=0, method_version=2), 0.5), (spec(seed=2, method_version=2), 0.1))
    assert told(first, second).cells["difference"].tolist() == [0]


def test_a_method_moved_by_a_test_over_datasets(stored):
    names = "ABCDEFGHIJ"
    first = [(spec(name), 0.5 + 0.01 * i) for i, name in enumerate(names)]
    second = [(spec(name, method_version=2), 0.52 + 0.011 * i) for i, name in enumerate(names)]
    (moved,) = told(stored(*first), stored(*second)).moved
    assert (moved.label, moved.protocol, moved.metric) == ("m", "p", "accuracy")
    assert (moved.paired.n, moved.paired.better) == (10, 10) and moved.paired.p == pytest.approx(2 / 2**10)
    assert moved.paired.mean == pytest.approx(0.0245)
    assert moved.paired.low < moved.paired.mean < moved.paired.high


def test_what_is_asked_for(stored, installed, registry):
    store = stored((spec("GunPoint"), 0.5), (spec("Coffee", method="other"), 0.6), (spec("BasicMotions"), 0.7))

    def n_both(*names, protocols=(), metric=None, labels=()):
        asked = ask(names, protocols, metric, None, labels, False, installed, registry)
        return told(store, store, asked).n_both

    assert (n_both(), n_both("ucr"), n_both("GunPoint"), n_both(labels=["other"])) == (3, 2, 1, 1)
    assert n_both(protocols=["svm-rbf"]) == 0 and n_both(metric="f1_macro") == 0
    with pytest.raises(UsageError, match="--method no: neither store has such a row"):
        n_both(labels=["no"])
    with pytest.raises(UsageError, match="unknown metric 'acc'"):
        n_both(metric="acc")


def test_of_a_metric_of_which_low_is_good_less_is_better(stored):
    def regression(dataset, mae, **fields):
        return make_result(spec(dataset, **fields), metrics={"mae": mae})

    first, second = stored(), stored()
    for dataset in "AB":
        first.record(regression(dataset, 2.0), ENVIRONMENT)
        second.record(regression(dataset, 1.0, method_version=2), ENVIRONMENT)
    found = told(first, second)
    (moved,) = found.moved
    assert (moved.metric, moved.paired.better, moved.paired.worse) == ("mae", 2, 0)
    assert "| m | p | mae | 2 |  |  |  | 2 | 0 | 0 |" in text_of(found, "md")  # several units: no mean, and no test
    assert json.loads(text_of(found, "json"))["moved"][0]["p"] is None


def test_formats(stored):
    first, second = stored(*three_seeds([0.5, 0.6, 0.7])), stored(*three_seeds([0.9, 0.9, 0.9], method_version=2))
    found = told(first, second)
    assert json.loads(text_of(found, "json"))["cells"][0]["beyond"] is True
    assert content(found)["moved"][0]["worse"] == 0 and content(found)["differs"]
    assert text_of(found, "csv").splitlines()[0].startswith("label,protocol,protocol_hash,metric,dataset,first,second")
    assert "| m | p | A | accuracy | 60.0 | 90.0 | +30.00 | 10.0 | 3 |" in text_of(found, "md")


@pytest.fixture
def files(stored, tmp_path):
    """Names of a store and of its copy, in which one accuracy is another."""
    stored(*three_seeds([0.5, 0.6, 0.7])).close()
    shutil.copy(tmp_path / "0.db", tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        connection.execute("UPDATE metrics SET value = 0.9 WHERE value = 0.5")
    connection.close()
    return "0.db", "copy.db"


def test_the_command(tsbench, files, tmp_path):
    code, out, err = tsbench("diff", *files, "--out", "x.csv")
    assert code == 0, err
    assert "0.db -> copy.db: 3 runs in both" in out and "accuracy 0.5 -> 0.9" in out
    assert len(pd.read_csv(tmp_path / "x.csv")) == 1
    assert tsbench("diff", *files, "--strict")[0] == 1
    assert tsbench("diff", files[0], files[0], "--strict")[0] == 0
    assert json.loads(tsbench("diff", *files, "--format", "json")[1])["n_both"] == 3
    code, _, err = tsbench("diff", files[0], "none.db")
    assert code == 2 and "there is no store at none.db" in err


def test_a_store_that_may_only_be_read(tsbench, files, tmp_path):
    (tmp_path / "0.db").chmod(0o444)
    before = (tmp_path / "0.db").read_bytes()
    assert tsbench("diff", *files)[0] == 0
    assert (tmp_path / "0.db").read_bytes() == before
