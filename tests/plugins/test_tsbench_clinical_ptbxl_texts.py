"""PTB-XL with the statements of its codes, or a table of the user's, in place of the reports."""

import shutil

import clinical_files as make
import numpy as np
import pytest

from tsbench.errors import InvalidDataError, MissingDataError
from tsbench_clinical.ptbxl import PtbXl
from tsbench_clinical.ptbxl_texts import OWN, PtbXlOwnTexts, PtbXlStatements


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TSBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    make.write_ptbxl(tmp_path / "ptb-xl")
    return tmp_path / "ptb-xl"


def write_own(folder, *lines):
    (folder / OWN).write_text("\n".join(["text,ecg_id", *lines]) + "\n", encoding="utf-8")


def test_statements_are_the_descriptions_of_the_codes_and_all_else_is_the_same(folder):
    found, plain = PtbXlStatements().load(), PtbXl().load()
    assert found.panel.text[:2].tolist() == ["normal ECG, sinus rhythm", "inferior infarction, left hypertrophy"]
    assert found.folds.keys() == plain.folds.keys()
    np.testing.assert_array_equal(found.panel.X, plain.panel.X)
    np.testing.assert_array_equal(found.panel.y, plain.panel.y)
    assert plain.panel.text[0] == "sinusrhythmus, nr 0"
    assert found.fingerprint() != plain.fingerprint()


def test_the_card_says_of_what_language_the_texts_are(folder):
    assert "German" in PtbXl().card.facts["text"]
    assert PtbXlStatements().card.facts["text"].startswith("English statements")
    assert PtbXlStatements().card.summary.endswith("with English statements")


def test_a_code_without_a_description_is_refused(folder):
    table = folder / "scp_statements.csv"
    table.write_text(table.read_text().replace("normal ECG", " "))
    with pytest.raises(InvalidDataError, match=r"scp_statements.csv, line 2: the code NORM has no description"):
        PtbXlStatements().load()


@pytest.mark.parametrize("zipped", [False, True])
def test_texts_of_the_users_are_read_beside_the_table_or_the_archive(folder, zipped):
    if zipped:
        shutil.make_archive(str(folder.parent / "ptb-xl-1"), "zip", folder)
        shutil.rmtree(folder)
        folder.mkdir()
        (folder.parent / "ptb-xl-1.zip").rename(folder / "ptb-xl-1.zip")
    write_own(folder, "steep ST é,2", "normal,1", "of no record,99")
    text = PtbXlOwnTexts().load().panel.text.tolist()
    assert text[:3] == ["normal", "steep ST é", ""]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,1", "b,1"], r"ptbxl_texts.csv, line 3: record 1 is there twice"),
        (["a,x"], r"ptbxl_texts.csv, line 2: 'x' is not a number"),
        (["a,99", ",1"], r"ptbxl_texts.csv: has a text for none of the 8 records"),
        (["a,1,2"], r"ptbxl_texts.csv, line 2: has 3 fields for 2 columns"),
    ],
)
def test_a_table_of_texts_that_cannot_be_is_refused(folder, lines, message):
    write_own(folder, *lines)
    with pytest.raises(InvalidDataError, match=message):
        PtbXlOwnTexts().load()


def test_without_the_table_of_texts_it_is_not_here(folder):
    assert not PtbXlOwnTexts().available()
    with pytest.raises(MissingDataError, match=r"ptbxl_texts.csv, of columns ecg_id and text"):
        PtbXlOwnTexts().load()
