"""The clinical datasets as a whole: registration, cards, where files are looked for, the cache, the command line."""

import hashlib
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import clinical_files as make
import numpy as np
import pytest

import tsbench_clinical
from tests.rows.commands import DEV_DATA
from tsbench.data.places import cache_folder
from tsbench.errors import InvalidDataError, MissingDataError, UsageError
from tsbench_clinical import cache
from tsbench_clinical.base import ClinicalDataset
from tsbench_clinical.p12 import P12
from tsbench_clinical.ptbxl import PtbXl

ROOT = Path(__file__).resolve().parents[2]


def made(name):
    target, _, options = (tsbench_clinical.DATASETS | tsbench_clinical.AGAIN)[name]
    module, _, attribute = target.partition(":")
    return getattr(import_module(f"tsbench_clinical.{module}"), attribute)(name=name, **options)


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """A folder of TSBENCH_DATA, with a cache of the test's own."""
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


# --- registration and cards


@pytest.mark.skipif(not (DEV_DATA / "icu-demo").is_dir(), reason="needs the development data")
def test_what_is_at_hand_is_known(monkeypatch, tmp_path, tsbench):
    monkeypatch.setenv("TSBENCH_DATA", str(DEV_DATA))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path))
    card = made("icu-demo-sepsis-mimic").card
    assert card.known == {made("icu-demo-sepsis-mimic").load().fingerprint(): "complete"}
    code, out, _ = tsbench("data", "verify", "cinc2021")
    assert code == 0 and out.startswith("same ")


def test_the_names_are_registered():
    found = {}
    tsbench_clinical.tsbench_datasets(lambda name, target, **more: found.update({name: (target, more)}))
    expected = "uci-har hapt pam epileptic-seizure epileptic-seizure-binary sleep-edf afdb mitdb p12 p12-los "
    expected += "p19 ptb-xl ptb-xl-subclass cpsc2018 cinc2021 icu-demo-mortality24-eicu icu-demo-mortality24-mimic "
    expected += (
        "icu-demo-sepsis-eicu icu-demo-sepsis-mimic p12-plausible p19-plausible ptb-xl-statements ptb-xl-own-texts"
    )
    assert list(found) == expected.split()
    for name, (_, more) in found.items():
        assert more["tags"] == (() if name.endswith(("-plausible", "-statements", "-own-texts")) else ("clinical",))
        assert more["options"]["name"] == name
        assert more["summary"].endswith(".")


def test_the_plugin_is_declared():
    assert 'tsbench_clinical = "tsbench_clinical"' in (ROOT / "pyproject.toml").read_text()


def test_registration_imports_nothing_heavy():
    code = (
        "import sys, tsbench_clinical as c; c.tsbench_datasets(lambda *x, **k: None); "
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'sklearn', 'wfdb') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", tsbench_clinical.DATASETS)
def test_card_says_what_a_reader_must_know(name):
    card = made(name).card
    assert card.name == name
    for field in ("summary", "source", "licence", "citation", "cohort", "unit"):
        assert getattr(card, field), field
    assert "archive = " in card.facts["splits"]
    assert {"labels", "leaks", "complete"} <= set(card.facts)
    assert "times: " in card.unit
    assert card.group in ("subject", "record")


@pytest.mark.parametrize("name", tsbench_clinical.DATASETS)
def test_missing_data_names_the_remedy(name, data_folder):
    dataset = made(name)
    assert not dataset.available()
    assert dataset.files() == []
    with pytest.raises(
        MissingDataError,
        match=rf"^dataset {name} is not on this machine \(searched "
        f".*data.*TSBENCH_DATA",
    ):
        dataset.load()


@pytest.mark.parametrize("name", tsbench_clinical.DATASETS)
def test_download_says_what_there_is(name):
    download = made(name).download()
    assert download.name == name
    assert download.files
    for home in download.locations:
        assert home.url.startswith("https://") and home.url.endswith("/")
        assert [file for file, _, _ in home.files] == list(download.files)
    public = [
        "uci-har",
        "hapt",
        "pam",
        "sleep-edf",
        "afdb",
        "mitdb",
        "p12",
        "p12-los",
        "p19",
        "ptb-xl",
        "ptb-xl-subclass",
    ]
    assert bool(download.locations) == (name in public)


NAMES = [*tsbench_clinical.DATASETS, *tsbench_clinical.AGAIN]


@pytest.mark.parametrize("name", NAMES)
def test_what_fetching_says_to_do_by_hand_is_right(name, data_folder, tsbench):
    dataset = made(name)
    download = dataset.download()
    code, out, err = tsbench("data", "fetch", name, "--offline")
    assert code == 3 and out == ""
    if download.locations:  # the files lie in the folder of that name, and are then found
        assert f"not fetched: {name}; fetch on a machine with network and put the files into " in err
        for file in download.files:
            (data_folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (data_folder / name / file).touch()
        assert dataset.available()
    else:
        said = f"error: {name} cannot be fetched; {dataset.remedy}\n"
        assert err == said and ("https://" in said or "tsbench data fetch" in said)
        assert tsbench("data", "fetch", name) == (3, "", said)
        assert f"missing     {name}: {dataset.remedy}" in tsbench("data", "verify", name)[1]


def test_a_cohort_is_found_where_its_remedy_puts_it(data_folder):
    for name in tsbench_clinical.ICU_DEMO:
        where = re.search(r"into the folder (icu-demo/\S+) of", made(name).remedy)[1]
        (data_folder / where).mkdir(parents=True)
        (data_folder / where / "dyn.parquet").touch()
        assert made(name).available()


def test_offline_names_those_with_a_home_apart_from_those_without(data_folder, tsbench):
    code, _, err = tsbench("data", "fetch", "cinc2021", "mitdb", "cpsc2018", "--offline")
    assert code == 3
    first, second, last = err.splitlines()
    assert "cinc2021 cannot be fetched; put the folder training of https://" in first
    assert "cpsc2018 cannot be fetched; put the A*.hea and A*.mat files" in second
    assert "not fetched: mitdb; fetch on a machine with network" in last


def test_fetched_files_are_read_from_their_folder(tmp_path):
    make.write_p12(tmp_path / ".p12.part")
    data = P12().download().read(tmp_path / ".p12.part")
    assert len(data.panel) == 12
    with pytest.raises(InvalidDataError, match="holds nothing that can be read as p12"):
        P12().download().read(tmp_path)


def test_an_option_out_of_range_is_refused():
    for call in (
        lambda: P12(target="x"),
        lambda: P12(unknown_stay="x"),
        lambda: PtbXl(level="x"),
        lambda: PtbXl(rate=250),
    ):
        with pytest.raises(UsageError, match="is not one of"):
            call()


# --- where files are looked for


@pytest.mark.parametrize(
    "place", ["p12", "P12data", "challenge-2012-1.0.0", "physionet.org/files/challenge-2012/1.0.0", "."]
)
def test_folders_are_found_by_their_names(data_folder, place):
    make.write_p12(data_folder / place)
    assert P12().available()
    assert len(P12().load().panel) == 12


def test_a_folder_with_nothing_readable_is_refused(data_folder):
    (data_folder / "p12" / "set-a").mkdir(parents=True)
    (data_folder / "p12" / "set-a" / "notes.md").write_text("nothing")
    with pytest.raises(InvalidDataError, match="set-a: holds no file that can be read as p12"):
        P12().load()


def test_what_was_fetched_is_found(data_folder):
    make.write_p12(cache_folder() / "data" / "p12")
    assert P12().available()
    assert P12("p12-los", "los").available()


# --- cache


class Counted(P12):
    """Counts how often the files are read."""

    reads = 0

    def read(self, files, space):
        type(self).reads += 1
        return super().read(files, space)


@pytest.fixture
def counted(data_folder):
    make.write_p12(data_folder / "p12")
    Counted.reads = 0
    return Counted()


def test_cache_gives_back_what_was_read(counted):
    first, second = counted.load(), Counted().load()
    assert Counted.reads == 1
    assert first.fingerprint() == second.fingerprint()
    one, other = first.panel, second.panel
    assert other.task == "classification" and other.classes == one.classes and other.channel_names == one.channel_names
    for name in ("X", "times", "static", "lengths", "y"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert set(other.meta) == {"record", "set"}
    assert list(second.folds) == list(first.folds) == ["archive", "records", "official"]
    for scheme in first.folds:
        for fold, again in zip(first.folds[scheme], second.folds[scheme], strict=True):
            for part, other_part in zip(fold, again, strict=True):
                np.testing.assert_array_equal(part, other_part)


def test_what_a_caller_changes_does_not_reach_the_cache(counted):
    counted.load()
    counted.load().panel.X[:] = 0
    assert not (Counted().load().panel.X == 0).all()


def test_changed_files_are_read_anew(counted, data_folder):
    before = counted.load()
    file = data_folder / "p12" / "set-a" / "1000.txt"
    content = file.read_text()
    file.write_text(content.replace("00:07,ALP,", "00:07,ALP,1"))
    assert counted.load().fingerprint() != before.fingerprint()
    assert Counted.reads == 2


def test_a_file_replaced_by_one_of_its_size_and_time_is_read_anew(counted, data_folder):
    counted.load()
    file = data_folder / "p12" / "Outcomes-a.txt"
    stat = file.stat()
    copy = data_folder / "copy"
    copy.write_text(file.read_text().replace("1001,6,1,3,-1,1", "1001,6,1,3,-1,0"))
    os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    copy.replace(file)
    assert (counted.load().panel.y == 1).sum() == 5


def test_another_version_and_other_options_are_read_anew(counted, monkeypatch):
    counted.load()
    Counted("p12", target="los").load()
    assert Counted.reads == 2
    monkeypatch.setattr(Counted, "version", Counted.version + 1)
    counted.load()
    assert Counted.reads == 3


def panels():
    return [path for path in (cache_folder() / "panels").iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("name", ["X.npy", "times.npy", "rest.npz", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone"])
def test_a_damaged_cache_is_made_anew(counted, name, damage):
    expected = counted.load().fingerprint()
    file = panels()[0] / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0x40
        file.write_bytes(content)
    assert counted.load().fingerprint() == expected
    assert counted.load().fingerprint() == expected
    assert Counted.reads <= 2
    assert len(panels()) == 1


def test_no_half_cache_is_left_where_reading_fails(counted, data_folder):
    (data_folder / "p12" / "set-a" / "1000.txt").write_text("no")
    with pytest.raises(InvalidDataError):
        counted.load()
    assert list((cache_folder() / "panels").iterdir()) == []


def test_works_where_nothing_can_be_cached(counted, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "file"))
    assert len(counted.load().panel) == 12
    assert len(counted.load().panel) == 12
    assert Counted.reads == 2


def test_a_full_disk_costs_the_cache_alone(counted, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "posix_fallocate", full, raising=False)
    assert len(counted.load().panel) == 12
    monkeypatch.undo()


def test_what_killed_processes_left_is_removed(counted):
    folder = cache_folder() / "panels"
    for name, age in ((".part-old", 2 * cache.ABANDONED_SECONDS), (".part-new", 0)):
        (folder / name).mkdir(parents=True)
        then = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (then, then))
    counted.load()
    assert not (folder / ".part-old").exists()
    assert (folder / ".part-new").exists()


def test_the_large_array_is_mapped_not_loaded(counted):
    X = counted.load().panel.X
    while X.base is not None and not isinstance(X, np.memmap):
        X = X.base
    assert isinstance(X, np.memmap)


def test_counts_become_facts_of_the_card_once_read(counted):
    assert "cases here" not in counted.card.facts
    counted.load()
    facts = counted.card.facts
    assert facts["cases here"] == 12
    assert facts["prevalence here"] == "alive 50.00 %, died 50.00 %"
    assert facts["missing here"] == "50.0 %"
    assert facts["records here"] == 12
    assert facts["complete"].startswith("11,988 records")


@pytest.mark.parametrize(("whole", "extent"), [(12, "complete"), (0, ""), (1200, "sample: 12 of 1,200 records")])
def test_a_card_says_whether_what_was_read_is_a_sample(counted, monkeypatch, whole, extent):
    monkeypatch.setattr(type(counted), "n_records", whole)
    assert counted.card.extent == ""
    counted.load()
    assert counted.card.extent == extent


def test_a_channel_nobody_has_a_value_of_is_refused(data_folder):
    make.write_p12(data_folder / "p12", n=1)
    for file in (data_folder / "p12").glob("set-*/*.txt"):
        file.write_text("".join(line for line in file.open() if ",pH," not in line))
    with pytest.raises(InvalidDataError, match=r"set-a: 'pH' has no observed value in any record"):
        P12().load()


# --- the command line


def test_units_of_channels_are_known_read_anew_or_not(data_folder):
    make.write_mitdb(data_folder / "mitdb")
    for _ in range(2):
        panel = made("mitdb").load().panel
        assert panel.units == dict.fromkeys(panel.channel_names, "mV")


def test_data_info_prints_card_and_counts(tsbench, data_folder):
    make.write_ptbxl(data_folder / "ptb-xl", n=24)
    code, out, err = tsbench("data", "info", "ptb-xl")
    assert code == 0, err
    facts = dict(line.strip().split("  ", 1) for line in out.splitlines() if "  " in line.strip())
    facts = {name: text.strip() for name, text in facts.items()}
    assert facts["task"] == "multilabel"
    assert facts["complete"].startswith("21,799 records")
    assert facts["cases"] == "16"
    assert facts["also per case"] == (
        "static, text, subject, record, fold, codes, validated_by_human, initial_autogenerated_report"
    )
    assert facts["ptbxl split"] == facts["archive split"] == "13 train, 1 validation, 2 test"
    assert facts["classes"] == "3: HYP (8, 50.0%), MI (8, 50.0%), NORM (8, 50.0%)"
    assert facts["files"].endswith(" and 40 more")


@pytest.mark.parametrize("options", [(), ("--plot", "one.png")])
def test_the_first_look_at_data_counts_what_is_here(tsbench, data_folder, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    make.write_p19(data_folder / "p19")
    first, again = (tsbench("data", "info", "p19", *options) for _ in range(2))
    assert first[0] == 0 and first[1] == again[1]
    facts = dict(re.findall(r"^ +(\S[^\n]*?)  +(\S.*)$", first[1], re.MULTILINE))
    assert facts["records here"] == facts["cases here"] == "12"
    assert facts["prevalence here"] == "none 50.00 %, sepsis 50.00 %"
    assert facts["extent"] == "sample: 12 of 38,803 records" and "missing here" in facts


def test_the_card_of_data_that_cannot_be_read_is_printed(tsbench, data_folder):
    make.write_p19(data_folder / "p19")
    (data_folder / "p19" / "training_setA" / "p000001.psv").write_text("x")
    code, out, err = tsbench("data", "info", "p19")
    assert code == 1 and "40,336 stays" in out and "p000001.psv" in err


def test_verify_names_the_files_that_are_not_as_published(tsbench, data_folder):
    place = data_folder / "ptb-xl"
    make.write_ptbxl(place)
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.*"))
    sums = [f"{hashlib.sha256((place / name).read_bytes()).hexdigest()} {name}\n" for name in names]
    (place / "SHA256SUMS.txt").write_text("".join(sums))
    code, out, _ = tsbench("data", "verify", "ptb-xl", "ptb-xl-own-texts")
    assert code == 1 and "SHA256SUMS" not in out and out.startswith("differs ")
    (place / "ptbxl_texts.csv").write_text("ecg_id,text\n1,one\n")
    code, out, _ = tsbench("data", "verify", "ptb-xl-own-texts")
    assert code == 0 and out.startswith("unknown ") and "SHA256SUMS" not in out
    table = place / "ptbxl_database.csv"
    table.write_text(table.read_text().replace("nr 0", "nr 1"))
    code, out, err = tsbench("data", "verify", "ptb-xl-own-texts")
    assert code == 1 and out.startswith("differs ") and "1 datasets are not what is known" in err
    assert out.splitlines()[1].strip() == f"{table} differs from SHA256SUMS.txt"
    (place / "SHA256SUMS.txt").write_text("".join("0" * 64 + line[64:] for line in sums))
    *_, last, more = tsbench("data", "verify", "ptb-xl-own-texts")[1].splitlines()
    assert last.endswith("differs from SHA256SUMS.txt") and more.strip() == f"and {len(names) - 10} more files"


def test_data_list_and_unreadable_data(tsbench, data_folder):
    make.write_p12(data_folder / "p12")
    (data_folder / "p12" / "set-a" / "1000.txt").write_text("x")
    code, out, _ = tsbench("data", "list", "clinical", "--available")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["here", "p12"], ["here", "p12-los"]]
    code, _, err = tsbench("data", "info", "p12")
    assert code == 1
    assert len(err.strip().splitlines()) == 1 and "1000.txt" in err


def test_every_dataset_is_a_clinical_dataset():
    assert all(isinstance(made(name), ClinicalDataset) for name in tsbench_clinical.DATASETS)
