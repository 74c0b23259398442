"""The catalogue, its registration, and loading archive datasets from the machine's files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tsbench.data.panel import Panel
from tsbench.data.places import fetched_folder
from tsbench.errors import InvalidDataError, MissingDataError, TsbenchWarning, UsageError
from tsbench_archives import archive, fingerprints, readers, sources, write_fingerprints
from tsbench_archives.archive import ArchiveDataset
from tsbench_archives.catalogue import rows

DEV_DATA = Path(os.environ.get("TSBENCH_DEV_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
needs_dev_data = pytest.mark.skipif(
    not (DEV_DATA / "ucr").is_dir(), reason="needs the development data (TSBENCH_DEV_DATA)"
)
DEVELOPMENT = [row.name for row in rows().values() if (DEV_DATA / (row.archive or "-") / row.name).is_dir()]
BUNDLED = [row.name for row in rows().values() if row.bundled]
TS = "@univariate true\n@equalLength true\n@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n"


def write_pair(folder, name, content=TS, extension="ts"):
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("TRAIN", "TEST"):
        (folder / f"{name}_{part}.{extension}").write_text(content)


def bundle(library):
    return next(path for path in archive._bundles() if f"/{library}/" in path.as_posix())


# --- catalogue and registration


def test_catalogue_holds_both_archives():
    archives = [row.archive for row in rows().values()]
    assert archives.count("ucr") == 128
    assert archives.count("uea") == 30
    assert [row.name for row in rows().values() if not row.archive] == ["UnitTest"]


def test_catalogue_lists_the_names_of_aeon():
    from aeon.datasets.tsc_datasets import multivariate, univariate

    assert {row.name for row in rows().values() if row.archive == "ucr"} == set(univariate)
    assert {row.name for row in rows().values() if row.archive == "uea"} == set(multivariate)


def test_records_are_those_of_aeon():
    from aeon.datasets.tsc_datasets import tsc_zenodo
    from aeon.datasets.tser_datasets import tsr_zenodo

    theirs = {"tser": tsr_zenodo, "ucr": tsc_zenodo, "uea": tsc_zenodo}
    assert {name: row.zenodo for name, row in rows().items() if row.archive} == {
        name: theirs[row.archive].get(name) for name, row in rows().items() if row.archive
    }


def test_catalogue_facts_are_consistent():
    for row in rows().values():
        assert (row.length == 0) == row.variable_length, row.name
        assert row.archive != "uea" or not row.normalised, row.name
        assert row.archive != "ucr" or row.n_channels == 1, row.name
        assert min(row.n_train, row.n_test, row.n_channels) > 0, row.name
        assert row.n_classes is None if row.archive == "tser" else row.n_classes > 1, row.name
    assert sum(row.normalised for row in rows().values()) == 128 - 34
    assert sum(row.variable_length for row in rows().values()) == 15


def test_every_name_is_registered_with_its_tags(installed):
    catalog = installed["datasets"]
    assert set(rows()) <= set(catalog.names())
    assert len(catalog.names("ucr")) == 128
    assert len(catalog.names("uea")) == 30
    assert {*catalog.names("bundled"), *catalog.names("tser")} >= set(BUNDLED)
    assert not {*catalog.names("bundled")} & {*catalog.names("tser")}
    entry = catalog.entry("BasicMotions")
    assert entry.load() is ArchiveDataset
    assert entry.options == {"name": "BasicMotions"}
    assert entry.summary == "human activity: 4 classes, 40/40 train/test cases, 6 channels, 100 time points"
    assert catalog.entry("local").load().__name__ == "Local"


def test_registration_imports_nothing_heavy():
    code = (
        "import sys, tsbench_archives as a; a.tsbench_datasets(lambda *x, **k: None); "
        "print([m for m in ('numpy', 'pandas', 'aeon', 'torch') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


def test_bundled_is_what_the_libraries_ship():
    """A library that starts or stops shipping a set shows here."""
    for row in rows().values():
        shipped = set()
        for library in archive.BUNDLES:
            folders = [path / row.name for path in archive._bundles() if f"/{library}/" in path.as_posix()]
            if any(sources.find_pair(folder, row.name, tuple(archive.READERS)) for folder in folders):
                shipped.add(library)
        assert shipped == set(row.bundled.split()), row.name


# --- loading


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_dataset_agrees_with_the_catalogue(name):
    dataset = ArchiveDataset(name)
    assert dataset.available()
    data = dataset.load()
    [fold] = data.folds["archive"]
    row = rows()[name]
    assert (len(fold.train), len(fold.test)) == (row.n_train, row.n_test)
    assert fold.validation is None
    assert data.panel.shape.n_classes == (row.n_classes or 0)
    assert data.panel.task == dataset.card.task
    assert data.panel.n_channels == row.n_channels
    assert (len(set(data.panel.lengths.tolist())) > 1) == row.variable_length
    if row.length:
        assert data.panel.n_timepoints == row.length
    if row.normalised:
        np.testing.assert_allclose(data.panel.X.mean(axis=2, dtype=float), 0, atol=1e-6)


@needs_dev_data
def test_development_data_is_all_found(monkeypatch):
    monkeypatch.setenv("TSBENCH_DATA", str(DEV_DATA))
    for name in DEVELOPMENT:
        files = ArchiveDataset(name).files()
        assert files, name
        assert DEV_DATA in files[0].parents
    assert len(DEVELOPMENT) >= 79


@needs_dev_data
@pytest.mark.parametrize("name", DEVELOPMENT)
def test_development_data_agrees_with_the_catalogue(name, monkeypatch):
    monkeypatch.setenv("TSBENCH_DATA", str(DEV_DATA))
    panel = ArchiveDataset(name).load().panel
    row = rows()[name]
    assert (len(panel), panel.n_channels) == (row.n_train + row.n_test, row.n_channels)
    assert len(panel.classes) == row.n_classes
    assert panel.n_timepoints == row.length or row.variable_length
    valid = np.arange(panel.n_timepoints) < panel.lengths[:, None]
    assert np.isnan(panel.X[:, 0][valid]).any() == row.missing
    if row.normalised:
        np.testing.assert_allclose(panel.X.mean(axis=2, dtype=float), 0, atol=1e-6)
        np.testing.assert_allclose(panel.X.std(axis=2, dtype=float), 1, atol=0.03)
    assert panel.fingerprint() == fingerprints.fingerprints()[name]


def test_fingerprints_are_those_of_the_bundled_sets(monkeypatch, tmp_path):
    known = fingerprints.fingerprints()
    assert set(known) >= set(BUNDLED)
    for module in (fingerprints, write_fingerprints):
        monkeypatch.setattr(module, "FILE", tmp_path / "fingerprints.csv")
    write_fingerprints.write()
    fingerprints.fingerprints.cache_clear()
    written = fingerprints.fingerprints()
    fingerprints.fingerprints.cache_clear()
    assert written == {name: known[name] for name in BUNDLED}
    assert list(written) == sorted(written)


def test_card_holds_the_known_facts():
    card = ArchiveDataset("PLAID").card
    assert card.normalised is False
    assert card.default_protocol is None
    assert "Dau" in card.citation
    assert card.facts["n_classes"] == 11
    assert card.facts["variable_length"] is True
    assert "Bagnall" in ArchiveDataset("BasicMotions").card.citation
    assert "domain" not in ArchiveDataset("FaceDetection").card.facts  # not known


def test_unknown_name_is_refused():
    with pytest.raises(UsageError, match="'Gunpoint' is not a dataset of the archives"):
        ArchiveDataset("Gunpoint")


# --- finding files


@pytest.mark.parametrize("inside", ["", "Beef", "ucr", "ucr/Beef", "Univariate_ts/Beef", "UCRArchive_2018/Beef"])
def test_layouts_of_a_data_folder(tmp_path, monkeypatch, inside):
    write_pair(tmp_path / inside, "Beef")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    assert [file.name for file in ArchiveDataset("Beef").files()] == ["Beef_TRAIN.ts", "Beef_TEST.ts"]
    assert len(ArchiveDataset("Beef").load().panel) == 4


def test_a_data_folder_comes_before_the_bundles_and_ts_before_tsv(tmp_path, monkeypatch):
    write_pair(tmp_path / "GunPoint", "GunPoint", "a\t1\t2\nb\t3\t4\n", "tsv")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    assert ArchiveDataset("GunPoint").load().panel.n_timepoints == 2
    write_pair(tmp_path / "GunPoint", "GunPoint")
    assert ArchiveDataset("GunPoint").load().panel.n_timepoints == 3


def test_what_was_fetched_comes_after_a_data_folder_and_before_the_bundles(tmp_path, monkeypatch):
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path / "mine"))
    for folder in (fetched_folder(), tmp_path / "mine"):
        write_pair(folder / "GunPoint", "GunPoint")
        assert ArchiveDataset("GunPoint").files()[0].parent == folder / "GunPoint"


def test_homes_of_a_dataset():
    download = ArchiveDataset("GunPoint").download()
    assert download.files == ("GunPoint_TRAIN.ts", "GunPoint_TEST.ts")
    assert [home.url for home in download.locations] == [
        "https://zenodo.org/api/records/11191244",
        "https://www.timeseriesclassification.com/aeon-toolkit/GunPoint.zip",
        "https://github.com/sktime/sktime-datasets/raw/main/TSC/GunPoint.zip",
    ]
    with pytest.raises(InvalidDataError, match="holds no GunPoint_TRAIN.ts"):
        download.read(Path("nowhere"))


def test_train_and_test_must_share_a_folder(tmp_path, monkeypatch):
    write_pair(tmp_path / "a" / "Beef", "Beef")
    write_pair(tmp_path / "b" / "Beef", "Beef")
    (tmp_path / "a" / "Beef" / "Beef_TEST.ts").unlink()
    monkeypatch.setenv("TSBENCH_DATA", f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")
    assert {file.parent for file in ArchiveDataset("Beef").files()} == {tmp_path / "b" / "Beef"}


def test_missing_dataset_names_folders_and_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    dataset = ArchiveDataset("Beef")
    assert not dataset.available()
    assert dataset.files() == []
    with pytest.raises(MissingDataError) as caught:
        dataset.load()
    message = str(caught.value)
    assert "Beef" in message
    assert str(tmp_path) in message
    assert str(fetched_folder()) in message
    assert "get it with 'tsbench data fetch Beef', or add a folder that holds Beef_TRAIN.ts with --data-dir" in message


@pytest.mark.parametrize(("part", "other"), [("TRAIN", "TEST"), ("TEST", "TRAIN")])
def test_half_a_dataset_says_what_is_missing(tmp_path, monkeypatch, part, other):
    write_pair(tmp_path, "Beef")
    (tmp_path / f"Beef_{other}.ts").unlink()
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    assert not ArchiveDataset("Beef").available()
    with pytest.raises(MissingDataError, match=rf"Beef_{part}\.ts has no Beef_{other}\.ts beside it"):
        ArchiveDataset("Beef").load()


def test_other_versions_of_a_dataset_are_not_taken_for_it():
    files = ArchiveDataset("PickupGestureWiimoteZ").files()
    assert [file.name for file in files] == ["PickupGestureWiimoteZ_TRAIN.ts", "PickupGestureWiimoteZ_TEST.ts"]


def arff(values):
    return "@attribute a numeric\n@attribute c {x,y}\n@data\n" + "".join(
        f"{value},{label}\n" for value, label in zip(values, "xy", strict=True)
    )


def test_one_arff_file_per_channel_in_numeric_order(tmp_path, monkeypatch):
    for number in range(1, 12):
        write_pair(tmp_path, f"HeartbeatDimension{number}", arff([number, -number]), "arff")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    panel = ArchiveDataset("Heartbeat").load().panel
    assert panel.X[0, :, 0].tolist() == list(range(1, 12))
    (tmp_path / "HeartbeatDimension2_TEST.arff").unlink()
    with pytest.raises(InvalidDataError, match=r"HeartbeatDimension2_TEST\.arff is missing"):
        ArchiveDataset("Heartbeat").load()


def test_channel_files_must_list_the_same_cases(tmp_path, monkeypatch):
    write_pair(tmp_path, "HeartbeatDimension1", arff([1, 2]), "arff")
    write_pair(tmp_path, "HeartbeatDimension2", arff([1, 2]).replace("2,y", "2,x"), "arff")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    with pytest.raises(InvalidDataError, match=r"HeartbeatDimension2_TRAIN\.arff: cases, lengths or labels differ"):
        ArchiveDataset("Heartbeat").load()


def test_trailing_nan_is_padding_only_where_lengths_vary(tmp_path, monkeypatch):
    content = "1\t5\t6\t7\n2\t5\tNaN\tNaN\n"
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    for name in ("PLAID", "MelbournePedestrian"):
        write_pair(tmp_path, name, content, "tsv")
    assert ArchiveDataset("PLAID").load().panel.lengths.tolist() == [3, 1, 3, 1]
    assert ArchiveDataset("MelbournePedestrian").load().panel.lengths.tolist() == [3, 3, 3, 3]


def test_channel_without_a_value_is_refused(tmp_path, monkeypatch):
    write_pair(tmp_path, "Beef", "@univariate false\n@data\n1,2:?,?:a\n3,4:?,NaN:b\n")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    with pytest.raises(InvalidDataError, match="channel 1 has no observed value in any case; drop it"):
        ArchiveDataset("Beef").load()


def test_parts_with_different_channels_are_refused(tmp_path, monkeypatch):
    write_pair(tmp_path, "Beef")
    (tmp_path / "Beef_TEST.ts").write_text("@data\n1,2,3:4,5,6:a\n")
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    with pytest.raises(InvalidDataError, match="parts differ in their number of channels: 1 and 2"):
        ArchiveDataset("Beef").load()


# --- one dataset, many sources, one fingerprint


def fingerprint_from(folder, name, monkeypatch):
    monkeypatch.setattr(archive, "_bundles", lambda: [])
    monkeypatch.setenv("TSBENCH_DATA", str(folder))
    return ArchiveDataset(name).load().panel.fingerprint()


SETS = [
    "GunPoint",
    "BasicMotions",
    "OSULeaf",
    "ArrowHead",
    "PickupGestureWiimoteZ",
    "JapaneseVowels",
    "Coffee",
    "PigCVP",
]


@pytest.mark.parametrize("name", [*SETS, "PLAID"])
def test_every_source_gives_one_fingerprint(name, monkeypatch):
    folders = [path for path in archive._bundles() if (path / name).is_dir()]
    if (DEV_DATA / "ucr").is_dir():
        folders.append(DEV_DATA)
    if len(folders) < 2:
        pytest.skip("one source only; needs the development data (TSBENCH_DEV_DATA)")
    found = {str(folder): fingerprint_from(folder, name, monkeypatch) for folder in folders}
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize(
    ("name", "extensions"),
    [("GunPoint", ("ts", "tsv", "arff")), ("ArrowHead", ("ts", "tsv", "arff")), ("BasicMotions", ("ts", "arff"))],
)
def test_every_format_gives_one_fingerprint(name, extensions):
    stem = bundle("aeon") / name / f"{name}_TRAIN"
    found = {archive.READERS[extension](stem.with_suffix(f".{extension}")).fingerprint() for extension in extensions}
    assert len(found) == 1


def test_padded_tsv_equals_ts_of_true_lengths(tmp_path, monkeypatch):
    """The UCR archive's .tsv pads to the longest series with NaN; aeon's .ts does not."""
    name = "PickupGestureWiimoteZ"
    original = ArchiveDataset(name)
    for file in original.files():
        panel: Panel = readers.read_ts(file)
        lines = [
            "\t".join([panel.classes[label], *("NaN" if np.isnan(v) else repr(float(v)) for v in series[0])])
            for series, label in zip(panel.X, panel.y, strict=True)
        ]
        (tmp_path / f"{file.stem}.tsv").write_text("\n".join(lines) + "\n")
    expected = original.load().panel.fingerprint()
    assert fingerprint_from(tmp_path, name, monkeypatch) == expected


def test_a_changed_value_changes_the_fingerprint(tmp_path, monkeypatch):
    name = "ItalyPowerDemand"
    for file in ArchiveDataset(name).files():
        shutil.copy(file, tmp_path)
    before = fingerprint_from(tmp_path, name, monkeypatch)
    changed = tmp_path / f"{name}_TEST.ts"
    changed.write_text(changed.read_text().replace("0.", "0.1", 1))
    assert fingerprint_from(tmp_path, name, monkeypatch) != before


# --- copies


def test_another_copy_that_differs_is_told(tmp_path, monkeypatch):
    for folder, value in (("a", 1), ("b/ucr", 1), ("c", 2), ("d", 2)):
        (tmp_path / folder / "Coffee").mkdir(parents=True)
        for part in ("TRAIN", "TEST"):
            text = f"0\t1\t{value}\n1\t3\t{value}\n"
            (tmp_path / folder / "Coffee" / f"Coffee_{part}.{'txt' if folder == 'd' else 'tsv'}").write_text(text)

    def files(*folders):
        monkeypatch.setenv("TSBENCH_DATA", os.pathsep.join(str(tmp_path / folder) for folder in folders))
        return ArchiveDataset("Coffee").files()

    files("a", "b", "d")  # the same, and another format: no warning, which would be an error here
    with pytest.warns(TsbenchWarning) as caught:
        assert files("a", "b", "c") == files("a", "b", "c") == files("a")
    (warning,) = caught  # once
    used, other = tmp_path / "a/Coffee/Coffee_TRAIN.tsv", tmp_path / "c/Coffee/Coffee_TRAIN.tsv"
    assert str(warning.message).startswith(f"{used} is used; {other} differs from it")


def test_the_command_line_tells_it_in_one_line(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        for part in ("TRAIN", "TEST"):
            (tmp_path / folder / f"Coffee_{part}.tsv").write_text(f"0\t1\n1\t{ord(folder)}\n")
    code = "from tsbench.cli import main; main()"
    job = ["run", "--method", "majority,1nn-ed", "--dataset", "Coffee", "--data-dir", "a", "--data-dir", "b"]
    done = subprocess.run([sys.executable, "-c", code, *job], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "differs" in line]
    assert len(told) == 1 and told[0].startswith(f"warning: {tmp_path / 'a' / 'Coffee_TRAIN.tsv'} is used; ")
