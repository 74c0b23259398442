"""What is noted of a dataset: made anew whenever the files or the note are not what they were."""

import json
import os
import shutil

import pytest

from tsbench.data.places import cache_folder
from tsbench.errors import InvalidDataError
from tsbench.plan.datasets import open_dataset
from tsbench.plan.summaries import check_planned, load_planned, summarise
from tsbench.tasks.score import truth_text

ROWS = [f"{'ab'[i % 2]},{i},{i * i % 7},{i // 4}" for i in range(24)]


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "summaries.json"


@pytest.fixture
def ward(tmp_path, cached, installed):
    """A file whose four cases in a row are a subject's, and the number of times it was loaded."""
    write(tmp_path / "ward.csv", ROWS)
    handle = open_dataset(str(tmp_path / "ward.csv"), installed, "svm-rbf-cv5")
    handle.loads, load = 0, handle.load

    def counted():
        handle.loads += 1
        return load()

    handle.load = counted
    return handle


def write(path, rows):
    path.write_text("\n".join(["label,x,y,subject", *rows]) + "\n")


def test_nothing_is_read_twice_and_a_new_protocol_adds_its_split(ward, registry):
    cv5, by_subject = (
        registry.protocol("svm-rbf-cv5"),
        registry.protocol("knn").model_copy(
            update={"split": registry.protocol("svm-rbf-cv5").split.model_copy(update={"seed": 1})}
        ),
    )
    first = summarise(ward, [cv5])
    assert summarise(ward, [cv5]) == first and summarise(ward) == first and ward.loads == 1
    second = summarise(ward, [by_subject])
    assert ward.loads == 2 and second.fingerprint == first.fingerprint
    assert set(second.splits) == {"cv5.0:subject", "cv5.1:subject"}
    assert summarise(ward, [cv5, by_subject]) == second and ward.loads == 2
    assert len({second.split(cv5, ward.card, fold) for fold in range(5)}) == 5


def test_a_copy_of_the_same_size_and_time_is_seen(ward, tmp_path):
    before = summarise(ward).fingerprint
    other = tmp_path / "other.csv"
    write(other, [ROWS[0].replace("0,0,0", "1,0,0"), *ROWS[1:]])
    stat = (tmp_path / "ward.csv").stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    shutil.copy2(other, tmp_path / "ward.csv")  # as cp -p
    assert (tmp_path / "ward.csv").stat().st_mtime_ns == stat.st_mtime_ns
    over = summarise(ward).fingerprint
    write(other, [ROWS[0].replace("0,0,0", "2,0,0"), *ROWS[1:]])
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(tmp_path / "ward.csv")  # as rsync -t
    assert len({before, over, summarise(ward).fingerprint}) == 3


def test_groups_alone_change_the_split_and_not_the_fingerprint(ward, tmp_path, registry):
    cv5 = registry.protocol("svm-rbf-cv5")
    before = summarise(ward, [cv5])
    write(tmp_path / "ward.csv", [row.rpartition(",")[0] + f",{i % 6}" for i, row in enumerate(ROWS)])
    after = summarise(ward, [cv5])
    assert after.fingerprint == before.fingerprint
    assert not set(after.splits["cv5.0:subject"]) & set(before.splits["cv5.0:subject"])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda entry: 7,
        lambda entry: {"fingerprint": entry["fingerprint"]},
        lambda entry: {**entry, "own_folds": "x"},
        lambda entry: {**entry, "own_folds": {"archive": 3}},
        lambda entry: {**entry, "fingerprint": "0" * 64},
        lambda entry: {**entry, "splits": {"cv5.0:subject": ["test:0"] * 5}},
        lambda entry: {**entry, "n_values": float("nan")},
        lambda entry: {name: value for name, value in entry.items() if name != "check"},
    ],
)
def test_a_note_that_is_not_what_was_written_is_made_anew(ward, cached, registry, wrong):
    cv5 = registry.protocol("svm-rbf-cv5")
    right = summarise(ward, [cv5])
    ((key, entry),) = json.loads(cached.read_text()).items()
    cached.write_text(json.dumps({key: wrong(entry)}))
    assert summarise(ward, [cv5]) == right and ward.loads == 2
    assert json.loads(cached.read_text()) == {key: entry}


def test_a_plugin_that_reads_the_same_file_otherwise_is_seen(ward, cached, tmp_path, monkeypatch):
    before = summarise(ward)
    code = tmp_path / "mine.py"
    monkeypatch.setattr("tsbench.plan.summaries.inspect.getfile", lambda kind: code)
    for text, loads in (("version 1", 2), ("version 1", 2), ("version 2", 3)):
        code.write_text(text)
        assert summarise(ward) == before and ward.loads == loads


@pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000, "\x00"])
def test_a_cache_that_is_no_cache_is_made_anew(ward, cached, content):
    cached.parent.mkdir()
    cached.write_text(content)
    assert summarise(ward) == summarise(ward) and ward.loads == 1
    assert cache_folder() == cached.parent


def test_what_a_run_finds_to_be_otherwise_is_forgotten(ward, cached, registry):
    cv5 = registry.protocol("svm-rbf-cv5")
    summary, data = summarise(ward, [cv5]), ward.load()
    fold = cv5.folds(data, ward.card)[0]
    check_planned(ward, summary.split(cv5, ward.card, 0), data, fold, cv5)
    check_planned(ward, "", data, fold, cv5)
    stored = " ".join(p for p in summary.split(cv5, ward.card, 0).split() if not p.startswith("groups:"))
    check_planned(ward, stored, data, fold, cv5)  # as a row of the store has it
    assert load_planned(ward, summary.fingerprint).fingerprint() == summary.fingerprint
    for complain in (
        lambda: load_planned(ward, "0" * 64),
        lambda: check_planned(ward, summary.split(cv5, ward.card, 1), data, fold, cv5),
    ):
        summarise(ward)
        assert json.loads(cached.read_text())
        with pytest.raises(InvalidDataError, match="ward has changed since the run was planned; run the command again"):
            complain()
        assert json.loads(cached.read_text()) == {}


def test_data_that_cannot_be_split_so_has_no_split(tmp_path, cached, installed, registry):
    write(tmp_path / "few.csv", ROWS[:8])  # two subjects
    cv5, handle = registry.protocol("svm-rbf-cv5"), open_dataset(str(tmp_path / "few.csv"), installed, "")
    assert summarise(handle, [cv5]).split(cv5, handle.card, 0) == ""


def test_labels_of_each_test_part_are_noted(ward, tmp_path, registry):
    cv5 = registry.protocol("svm-rbf-cv5")
    data = ward.load()
    said = summarise(ward, [cv5]).truths["cv5.0:subject"]
    panel, folds = data.panel, cv5.folds(data, ward.card)
    assert said == [truth_text("classification", panel.y[fold.test], panel.classes) for fold in folds]
    write(tmp_path / "ward.csv", [f"{'cb'[row[0] == 'b']}{row[1:]}" for row in ROWS])
    other = summarise(ward, [cv5])
    assert len({*other.truths["cv5.0:subject"]} & {*said}) == 0
