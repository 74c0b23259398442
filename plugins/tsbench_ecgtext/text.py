"""Reports as tokens: one spelling, an id for equal ones, and word pieces learnt from the reports themselves."""

from __future__ import annotations

import hashlib
import re
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tsbench.errors import UsageError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[ENC]")
PAD, UNKNOWN, CLS, SEP, MASK, ENC = range(len(SPECIAL))
PIECE_BYTES = 32  # of a word piece at most
_PUNCTUATION = re.compile(r"[.!\"()*#:;~]")  # as BLIP's captions leave out
_WORDS = re.compile(r"[^\W_]+|\S")  # letters and digits together, any other sign by itself, as BERT splits
_LETTERS = string.ascii_lowercase + string.digits + "äöüß,-/%?'+<>=&å"


def normalised(report: str, n_words: int | None = None) -> str:
    """Return a report in lower case, without BLIP's punctuation and runs of blanks, cut at n_words words."""
    words = _PUNCTUATION.sub(" ", report.lower()).split()
    return " ".join(words[:n_words])


def words_of(report: str) -> set[str]:
    """Return the words of a report, letters and digits, in lower case."""
    return {word for word in _WORDS.findall(normalised(report)) if word.isalnum()}


def text_ids(reports: Iterable[str]) -> Tensor:
    """Return int64 (n,): one number for all reports that are equal once normalised."""
    digests = (hashlib.sha256(normalised(report).encode()).digest() for report in reports)
    return torch.tensor([int.from_bytes(one[:8], "big", signed=True) for one in digests], dtype=torch.int64)


def letters() -> list[str]:
    """Return the vocabulary before any is learnt: letters at the start of a word and within one."""
    return [*SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]


def learn_pieces(reports: Iterable[str], size: int) -> list[str]:
    """Return at most `size` word pieces learnt from reports, the special ones first; same reports, same pieces.

    The pair of pieces that stands side by side most often becomes one piece, again and again, as BPE has it; of pairs
    that are as frequent the first in the alphabet. The trainers of tokenizers give another order each time.
    """
    counts = Counter(word for report in reports for word in _WORDS.findall(normalised(report)))
    words = [[word[0], *(f"##{letter}" for letter in word[1:])] for word in counts]
    pieces = dict.fromkeys([*letters(), *sorted({piece for word in words for piece in word})])
    often, where = Counter[tuple[str, str]](), defaultdict[tuple[str, str], set[int]](set)

    def count(at: int, times: int) -> None:
        for pair in pairwise(words[at]):
            often[pair] += times * number[at]
            where[pair].add(at)

    number = list(counts.values())
    for at in range(len(words)):
        count(at, 1)
    while len(pieces) < size and often:
        best = min(often, key=lambda pair: (-often[pair], pair))
        joined = best[0] + best[1].removeprefix("##")
        if often[best] < 2 or len(joined.encode()) > PIECE_BYTES:
            del often[best]
            continue
        pieces[joined] = None
        for at in sorted(where.pop(best)):
            count(at, -1)
            words[at] = _merged(words[at], best, joined)
            count(at, 1)
        del often[best]
    return list(pieces)[:size]


def _merged(word: list[str], pair: tuple[str, str], joined: str) -> list[str]:
    """Return the pieces of a word in which a pair has become one."""
    found: list[str] = []
    for piece in word:
        if found and (found[-1], piece) == pair:
            found[-1] = joined
        else:
            found.append(piece)
    return found


def to_bytes(pieces: Sequence[str], size: int) -> Tensor:
    """Return word pieces as uint8 (size, PIECE_BYTES), so that a checkpoint of tensors holds them."""
    table = np.zeros((size, PIECE_BYTES), dtype=np.uint8)
    for row, piece in zip(table, pieces, strict=False):
        content = piece.encode()
        row[: len(content)] = np.frombuffer(content, np.uint8)
    return torch.from_numpy(table)


def from_bytes(table: Tensor) -> list[str]:
    """Return the word pieces that `to_bytes` wrote."""
    rows: npt.NDArray[np.uint8] = table.cpu().numpy()
    return [piece for piece in (row.tobytes().rstrip(b"\0").decode(errors="replace") for row in rows) if piece]


class Tokens:
    """From reports to tokens by a vocabulary; n_tokens : of a report with its special ones, to which it is padded."""

    def __init__(self, pieces: Sequence[str], n_tokens: int) -> None:
        self.n_pieces = len(pieces)
        self._tokenizer = _tokenizer(_library(), {piece: i for i, piece in enumerate(pieces)})
        self._tokenizer.enable_truncation(n_tokens - 2)
        self.n_tokens = n_tokens

    def __call__(self, reports: Sequence[str], n_words: int) -> Tensor:
        """Return int64 (n, n_tokens): [CLS], the pieces of each report's first words, [SEP], then [PAD]."""
        found = self._tokenizer.encode_batch([normalised(report, n_words) for report in reports])
        rows = torch.full((len(found), self.n_tokens), PAD, dtype=torch.int64)
        for row, one in zip(rows, found, strict=True):
            ids = [CLS, *one.ids, SEP]
            row[: len(ids)] = torch.tensor(ids)
        return rows


def _tokenizer(tokenizers: Any, vocabulary: dict[str, int]) -> Any:
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)  # noqa: S106
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return made


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise UsageError("reports become word pieces by 'tokenizers': pip install 'tsbench[retrieval]'") from None
    return tokenizers
