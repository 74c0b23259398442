"""MEDS cohorts: what a case holds, the division of subjects, tasks of ACES, and what is refused."""

import json
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsbench.errors import InvalidDataError, TsbenchWarning, UsageError
from tsbench_archives import meds
from tsbench_archives.local import open_local

ADMITTED = datetime(2020, 1, 1)
RNG = np.random.default_rng(0)


def table(rows, **types):
    """Return rows (dicts) as a table with the types that MEDS gives the columns."""
    return pa.Table.from_pylist(rows, pa.schema([(name, types.get(name, meds.TYPES[name])) for name in rows[0]]))


def event(subject, hours, code, number=None):
    time = None if hours is None else ADMITTED + timedelta(days=subject, hours=hours)
    return {"subject_id": subject, "time": time, "code": code, "numeric_value": number}


def events_of(subject):
    """Admission, a heart rate every two hours and one lab; the odd subjects die after two days."""
    birth = event(subject, 0, "MEDS_BIRTH")
    birth["time"] -= timedelta(days=365.25 * (50 + subject))
    found = [
        event(subject, None, f"GENDER//{'FM'[subject % 2]}"),
        event(subject, None, "HEIGHT", 160.0 + subject),
        birth,
    ]
    found += [event(subject, 0, "ADMISSION"), event(subject, 0, "HR", 70.0)]
    found += [event(subject, hour, "HR", 70.0 + hour + 9 * (subject % 2)) for hour in range(2, 40, 2)]
    found += [event(subject, 5, "LAB//K", 4.0), event(subject, 5, "LAB//K", 4.5)]
    return sorted([*found, event(subject, 48, "MEDS_DEATH" if subject % 2 else "DISCHARGE")], key=_when)


def _when(one):
    return one["time"] or datetime.min


def label(subject, hours=24, **value):
    at = ADMITTED + timedelta(days=subject, hours=hours)
    return {"subject_id": subject, "prediction_time": at, **(value or {"boolean_value": bool(subject % 2)})}


def write(path, rows, **types):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(rows, **types), path)


@pytest.fixture
def cohort(tmp_path):
    """Sixteen subjects in two files, divided, with a label each a day after they came."""
    root = tmp_path / "icu"
    for part, subjects in enumerate((range(8), range(8, 16))):
        write(root / f"data/{part}.parquet", [one for subject in subjects for one in events_of(subject)])
    write(root / "labels/death.parquet", [label(subject) for subject in range(16)])
    parts = ["train"] * 8 + ["tuning"] * 4 + ["held_out"] * 4
    splits = [{"subject_id": subject, "split": part} for subject, part in enumerate(parts)]
    write(root / "metadata/subject_splits.parquet", splits)
    (root / "metadata/dataset.json").write_text(json.dumps({"dataset_name": "toy", "dataset_version": "1"}))
    return root


def test_a_case_holds_what_is_known_at_the_time_of_prediction(cohort):
    dataset = open_local(cohort)
    panel = dataset.load().panel
    assert panel.channel_names == ("ADMISSION", "HR", "LAB//K")  # death comes after, the birth is no step
    assert panel.lengths.tolist() == [14] * 16  # 0, 2, ... 24 h, and 5 h
    np.testing.assert_allclose(panel.times[3], [0, 2, 4, 5, *range(6, 25, 2)])
    np.testing.assert_allclose(panel.X[3, 1, [0, 1, 13]], [70, 81, 103])
    assert panel.X[3, 0, 0] == 1 and np.isnan(panel.X[3, 0, 1:]).all()  # a code without a number
    assert panel.X[3, 2, 3] == 4.5 and np.isfinite(panel.X[3, 2]).sum() == 1  # the last of two at one time
    assert panel.static_names == ("GENDER", "HEIGHT", "age") and panel.categories == {"GENDER": ("F", "M")}
    np.testing.assert_allclose(panel.static[3], [1, 163, 53], rtol=1e-3)
    assert panel.case_names()[3] == "3@2020-01-05T00:00:00.000000" and panel.time_unit == "h"
    assert [panel.classes[i] for i in panel.y] == ["False", "True"] * 8


def test_the_card_and_the_division(cohort):
    card, (fold,) = open_local(cohort).card, open_local(cohort).load().folds["archive"]
    assert (card.name, card.group, card.positive, card.default_protocol) == ("icu-death", "subject", "True", "svm-rbf")
    assert [part.tolist() for part in fold] == [[*range(8)], [*range(8, 12)], [*range(12, 16)]]
    (cohort / "metadata/subject_splits.parquet").unlink()
    undivided = open_local(cohort)
    assert undivided.card.default_protocol == "svm-rbf-cv5" and undivided.load().folds == {}


def test_a_run_from_end_to_end(cohort, tsbench):
    assert tsbench("run", "--method", "minirocket-features", "--dataset", cohort, "--protocol", "ridge")[0] == 0
    code, out, _ = tsbench("results", "--format", "csv")
    assert code == 0 and ",icu-death," in out and ",1.0," in out  # the heart rate tells
    assert tsbench("data", "info", cohort / "labels" / "death.parquet")[0] == 0


def test_channels_are_the_most_frequent_codes_of_the_training_part(cohort, monkeypatch):
    rare = [event(12, hour, "RARE", 1.0) for hour in range(20)]  # of the test part
    rows = sorted([one for s in range(16) for one in events_of(s)] + rare, key=lambda one: one["subject_id"])
    (cohort / "data/1.parquet").unlink()
    write(cohort / "data/0.parquet", rows)
    monkeypatch.setattr(meds, "MOST_CODES", 2)
    with pytest.warns(TsbenchWarning, match="1 of 3 codes, the rarest .*, are left out, from 'ADMISSION' on"):
        assert open_local(cohort).load().panel.channel_names == ("HR", "LAB//K")


@pytest.mark.parametrize(
    ("value", "task", "classes"),
    [
        ({"integer_value": 3}, "classification", ("3", "4")),
        ({"float_value": 1.5}, "regression", ()),
        ({"categorical_value": "home"}, "classification", ("home", "other")),
    ],
)
def test_each_column_of_labels(cohort, value, task, classes):
    ((name, one),) = value.items()
    other = {"integer_value": 4, "float_value": 2.25, "categorical_value": "other"}[name]
    write(cohort / "labels/death.parquet", [label(s, **{name: other if s % 2 else one}) for s in range(16)])
    panel = open_local(cohort).load().panel
    assert (panel.task, panel.classes) == (task, classes)


def test_several_cases_of_a_subject_and_several_tasks(cohort):
    write(cohort / "labels/twice/a.parquet", [label(s, hours) for s in range(16) for hours in (1, 30)])
    with pytest.raises(UsageError, match=r"has several tasks; name one: labels/death.parquet, labels/twice"):
        open_local(cohort)
    panel = open_local(cohort / "labels/twice").load().panel
    assert len(panel) == 32 and panel.lengths[:2].tolist() == [1, 17]


def test_without_labels_there_are_cases(cohort):
    rows = [label(s) for s in range(16)]
    write(cohort / "labels/death.parquet", [{k: v for k, v in one.items() if k != "boolean_value"} for one in rows])
    assert open_local(cohort).cases().y is None
    with pytest.raises(InvalidDataError, match="has none of the columns boolean_value, integer_value"):
        open_local(cohort).load()


def test_a_case_without_an_event_is_named_or_left_out(cohort):
    write(cohort / "labels/death.parquet", [label(s, -1 if s == 3 else 24) for s in range(16)])
    with pytest.raises(InvalidDataError, match="1 cases have no event, subject 3 at 2020-01-03 23:00:00 the first"):
        open_local(cohort).load()
    with pytest.warns(TsbenchWarning, match="they are left out"):
        assert len(open_local(cohort, skip_bad=True).load().panel) == 15


def test_the_cohort_of_these_tests_is_one_of_meds(cohort):
    schemas = pytest.importorskip("meds")
    files = {"data/0.parquet": "DataSchema", "labels/death.parquet": "LabelSchema"}
    for name, schema in {**files, "metadata/subject_splits.parquet": "SubjectSplitSchema"}.items():
        getattr(schemas, schema).validate(pq.read_table(cohort / name))


NO_CODE = [{"subject_id": 1, "time": ADMITTED, "numeric_value": 1.0}]
BAD = {
    "no column": ("data/1.parquet", NO_CODE, {}, r"data/1.parquet: has no column 'code'"),
    "text for a subject": (
        "labels/death.parquet",
        [{**label(1), "subject_id": "x"}],
        {"subject_id": pa.string()},
        r"death.parquet: column 'subject_id' is not of int64",
    ),
    "empty cell": ("data/1.parquet", [event(1, 2, None, 1.0)], {}, "column 'code' has empty cells"),
    "twice": ("labels/death.parquet", [label(1), label(1)], {}, "subject 1 at 2020-01-03 00:00:00 is there twice"),
    "no label": (
        "labels/death.parquet",
        [label(1), {**label(2), "boolean_value": None}],
        {},
        "subject 2 at 2020-01-04 00:00:00 has no boolean_value",
    ),
    "two columns": (
        "labels/death.parquet",
        [label(1, boolean_value=True, integer_value=1)],
        {},
        "has labels in boolean_value and integer_value",
    ),
    "odd part": (
        "metadata/subject_splits.parquet",
        [{"subject_id": s, "split": "test"} for s in range(16)],
        {},
        r"subject_splits.parquet: subject 0 is of 'test'; each with a label is of one of train, tuning, held_out",
    ),
    "no part": (
        "metadata/subject_splits.parquet",
        [{"subject_id": s, "split": "train"} for s in range(15)],
        {},
        "subject 15 has no row",
    ),
    "no test part": (
        "metadata/subject_splits.parquet",
        [{"subject_id": s, "split": "train"} for s in range(16)],
        {},
        "no subject with a label is of 'held_out'",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used_is_named(cohort, what):
    name, rows, types, message = BAD[what]
    write(cohort / name, rows, **types)
    with pytest.raises(InvalidDataError, match=message):
        open_local(cohort).load()


@pytest.mark.parametrize("name", ["data/0.parquet", "labels/death.parquet", "metadata/dataset.json"])
def test_a_damaged_file_is_named(cohort, name):
    (cohort / name).write_bytes(b"PAR1 rubbish")
    with pytest.raises(InvalidDataError, match=f"{name}: cannot be read"):
        _ = open_local(cohort).card, open_local(cohort).load()


TASK = """
predicates:
  admission: {code: ADMISSION}
  discharge: {code: DISCHARGE}
  death: {code: MEDS_DEATH}
  discharge_or_death: {expr: "or(discharge, death)"}
trigger: admission
windows:
  input:
    start: trigger
    end: start + 24h
    start_inclusive: True
    end_inclusive: True
    index_timestamp: end
  target:
    start: input.end
    end: start -> discharge_or_death
    start_inclusive: False
    end_inclusive: True
    label: death
"""


def test_a_task_of_aces_gives_the_labels(cohort):
    pytest.importorskip("aces")
    before = open_local(cohort).load()
    (cohort / "labels/death.parquet").unlink()
    (cohort / "labels/death.yaml").write_text(TASK)
    after = open_local(cohort).load()
    assert after.fingerprint() == before.fingerprint()
    (cohort / "labels/death.yaml").write_text(TASK.replace("index_timestamp: end", ""))
    with pytest.raises(InvalidDataError, match="its windows name no index_timestamp, which a labelled case needs"):
        open_local(cohort).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a task says predicates, trigger, windows"),
        ("- a\n", "holds no mapping"),
        ("a: [1\n", "is no YAML"),
        ("trigger: admission\n", "lacks predicates"),
        ("predicates: 3\n", "'predicates' is no mapping"),
        (TASK.replace("trigger: admission", "trigger: {}"), "'trigger' is no name of a predicate"),
        (TASK.split("windows")[0], "lacks windows"),
        (TASK + "more: 1\n", "is no task that ACES reads .Unrecognized keys"),
        (TASK.replace("trigger: admission", "trigger: birth"), "is no task that ACES reads .*'birth'"),
    ],
)
def test_what_is_no_task_is_said_by_its_file(cohort, text, message):
    pytest.importorskip("aces")
    (cohort / "labels/death.parquet").unlink()
    (cohort / "labels/death.yaml").write_text(text)
    with pytest.raises(InvalidDataError, match=f"death.yaml: {message}"):
        open_local(cohort).load()


def test_without_aces_a_task_says_what_to_install(cohort, monkeypatch):
    (cohort / "labels/death.parquet").rename(cohort / "labels/death.yaml")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs es-aces; install tsbench\[clinical\]"):
        open_local(cohort).load()
