"""Reports as tokens: one spelling, ids, word pieces that a checkpoint keeps."""

from importlib.util import find_spec

import pytest
import torch

from tsbench_ecgtext import text

REPORTS = [
    "sinusrhythmus normales ekg",
    "sinus rhythm. normal ecg.",
    "vorhofflimmern, linkstyp",
    "sinusrhythmus linkstyp",
] * 3

needs_tokenizers = pytest.mark.skipif(
    find_spec("tokenizers") is None, reason="tokenizers is not installed: pip install 'tsbench[retrieval]'"
)


def test_a_report_has_one_spelling():
    assert text.normalised("  Sinus Rhythm.  NORMAL (ecg)! ") == "sinus rhythm normal ecg"
    assert text.normalised("a b c d", 2) == "a b"


def test_equal_reports_have_one_id_and_others_another():
    one, same, other = text.text_ids(["Sinus rhythm.", "sinus  rhythm", "sinus rhythms"])
    assert one == same != other


def test_pieces_survive_as_bytes():
    pieces = [*text.letters(), "##rhythmus", "größe"]
    table = text.to_bytes(pieces, 200)
    assert table.shape == (200, text.PIECE_BYTES) and table.dtype == torch.uint8
    assert text.from_bytes(table) == pieces


@needs_tokenizers
def test_reports_become_padded_rows_of_pieces_learnt_from_them():
    pieces = text.learn_pieces(REPORTS, 200)
    assert pieces == text.learn_pieces(REPORTS, 200) and len(pieces) <= 200
    assert tuple(pieces[: len(text.SPECIAL)]) == text.SPECIAL
    rows = text.Tokens(pieces, 12)(["sinusrhythmus linkstyp", ""], 30)
    assert rows.shape == (2, 12)
    assert rows[0, 0] == text.CLS and text.SEP in rows[0] and text.UNKNOWN not in rows[0]
    assert rows[1].tolist() == [text.CLS, text.SEP] + [text.PAD] * 10
    words = [pieces[i] for i in rows[0].tolist() if i >= len(text.SPECIAL)]
    assert "".join(words).replace("##", "") == "sinusrhythmuslinkstyp"


@needs_tokenizers
def test_a_report_longer_than_the_encoder_is_cut_and_ends_with_sep():
    row = text.Tokens(text.letters(), 8)(["abcdefghijkl " * 20], 30)[0]
    assert row[0] == text.CLS and row[-1] == text.SEP and text.PAD not in row


@needs_tokenizers
def test_without_a_learnt_vocabulary_words_are_letters():
    row = text.Tokens(text.letters(), 10)(["ekg"], 30)[0].tolist()
    assert [text.letters()[i] for i in row[1:4]] == ["e", "##k", "##g"]


def test_pieces_are_the_most_frequent_pairs_first():
    pieces = text.learn_pieces(["aab aab aab", "ab ab ab ab"], 10_000)[len(text.letters()) :]
    assert pieces == ["ab", "##ab", "aab"]  # a ##b four times, ##a ##b three times, then what is left of aab


def test_a_letter_of_another_language_is_a_piece():
    assert {"ż", "##ń"} <= set(text.learn_pieces(["żeń"], 1000))
