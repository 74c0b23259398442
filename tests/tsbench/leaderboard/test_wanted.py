import datetime

import pytest

from tests.tsbench.store.test_store import ENVIRONMENT, make_result, make_spec
from tsbench.errors import UsageError
from tsbench.leaderboard.wanted import parse_since, read_wanted
from tsbench.protocol import Protocol
from tsbench.store.store import Store

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC).timestamp()


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "tsbench.db"))
    given = (
        ({}, {}),
        ({"method": "n", "dataset": "GunPoint"}, {"finished": NOW - 7200, "started": NOW - 7300}),
        ({"overrides": {"a": 1, "b": 2}}, {"status": "failed"}),
        ({"protocol": Protocol(name="q", probe="ridge")}, {"finished": NOW, "started": NOW}),
    )
    for seed, (spec, result) in enumerate(given):
        store.record(make_result(make_spec(seed, **spec), **{"finished": 1.0, "started": 0.5, **result}), ENVIRONMENT)
    yield store
    store.close()


@pytest.fixture
def seeds(store, installed, registry):
    def call(**asked):
        wanted = read_wanted(store, installed, registry, NOW, **asked)
        return sorted(row["seed"] for batch in store.batches(wanted) for row in batch)

    return call


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"methods": "m"}, [0, 2, 3]),
        ({"methods": "m[a=1,b=2]"}, [2]),
        ({"methods": ("m[a=1,b=2],n",)}, [1, 2]),
        ({"datasets": "GunPoint"}, [1]),
        ({"datasets": ["ucr", "D"]}, [0, 1, 2, 3]),
        ({"datasets": "ucr"}, [1]),
        ({"protocols": "q"}, [3]),
        ({"statuses": "failed"}, [2]),
        ({"statuses": "failed,succeeded"}, [0, 1, 2, 3]),
        ({"since": "1h"}, [3]),
        ({"since": "2h"}, [1, 3]),
        ({"since": "2026-01-30"}, [1, 3]),
        ({"methods": "n", "protocols": "q"}, []),
    ],
)
def test_rows_suit_all_that_is_asked(seeds, asked, expected):
    assert seeds(**asked) == expected


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"methods": "M2,m"}, "--method M2: no run in"),
        ({"methods": "m[a=1,b=3]"}, "did you mean 'm[a=1,b=2]'?"),
        ({"datasets": "GunPint"}, "did you mean 'GunPoint'?"),
        ({"datasets": "ucrr"}, "did you mean 'ucr'?"),
        ({"datasets": "uea"}, "has no run of a dataset of this collection"),
        ({"protocols": "p+"}, "did you mean 'p'?"),
        ({"statuses": "done"}, "--status done: choose one of succeeded, failed"),
        ({"since": "yesterday"}, "--since yesterday: write a date"),
        ({"since": ""}, "write a date"),
    ],
)
def test_what_no_row_has_is_refused(seeds, asked, said):
    with pytest.raises(UsageError) as error:
        seeds(**asked)
    assert said in str(error.value)


def test_times_are_in_utc_unless_they_name_their_zone():
    assert parse_since("2026-01-31", 0.0) == parse_since("2026-01-31T01:00+01:00", 0.0) == NOW
    assert parse_since("2w", NOW) == NOW - 14 * 86400


def test_the_screen_and_the_file_have_the_same_rows(store, tsbench):
    for form in ((), ("--format", "csv")):
        code, out, _ = tsbench("results", "--status", "failed", *form)
        assert code == 0 and out.count("failed") == 1 and "succeeded" not in out
    code, out, err = tsbench("results", "--method", "nope", "--format", "csv")
    assert (code, out) == (2, "") and "--method nope: no run in" in err


def test_a_path_stands_for_the_dataset_that_it_is(seeds, tmp_path):
    for name in ("D", "E"):
        (tmp_path / f"{name}.csv").write_text("label,t0\na,1\nb,2\n")
    assert seeds(datasets=tmp_path / "D.csv") == [0, 2, 3]
    with pytest.raises(UsageError, match="has no run of it"):
        seeds(datasets=tmp_path / "E.csv")
