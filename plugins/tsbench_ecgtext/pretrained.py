"""A trained BERT as the text side: its weights, and its words in the order that special ones come first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor, nn

from tsbench.errors import UsageError
from tsbench.methods.frozen import read_weights
from tsbench.methods.weights import find, place_of
from tsbench_ecgtext.nets import Size
from tsbench_ecgtext.text import PIECE_BYTES, SPECIAL

PARAMETER = "text_weights"
WORDS, PLACES = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"
UNUSED = "[unused0]"  # of BERT's vocabulary, whose place [ENC] takes
HEADS = 12  # of BERT-base and of MiniLM, whatever their width


@dataclass(frozen=True)
class Pretrained:
    """The size of a BERT, its word pieces and its weights, by the names that transformers gives them."""

    size: Size
    pieces: list[str]
    state: dict[str, Tensor]
    file: str


def read(value: str, n_tokens: int) -> Pretrained:
    """Read the weights that a parameter names and vocab.txt beside them; raises UsageError where they are none.

    n_tokens : of a report, of whose places alone the embeddings are taken. Words longer than PIECE_BYTES are unknown.
    """
    state = {name.removeprefix("bert."): tensor for name, tensor in read_weights(value, PARAMETER).items()}
    path = find(place_of(value), PARAMETER)
    vocabulary = path.with_name("vocab.txt")
    try:
        words = vocabulary.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{PARAMETER}: {vocabulary} cannot be read: {error.strerror or error}") from None
    words = words[:-1] if words and not words[-1] else words
    missing = [name for name in (WORDS, PLACES) if name not in state]
    if missing or len(words) != len(state[WORDS]):
        fault = f"has no '{missing[0]}'" if missing else f"has {len(state[WORDS])} words, vocab.txt {len(words)}"
        raise UsageError(f"{PARAMETER}: {path} {fault}, so it is no BERT with this vocabulary")
    if n_tokens > len(state[PLACES]):
        raise UsageError(f"{PARAMETER}: {path} has places for {len(state[PLACES])} tokens; lower n_tokens to that")
    known = {word: place for place, word in enumerate(words)}
    special = [known.get(UNUSED if name == "[ENC]" else name) for name in SPECIAL]
    if None in special:
        raise UsageError(f"{PARAMETER}: {vocabulary} lacks one of {', '.join(SPECIAL[:-1])}, {UNUSED}")
    first = [place for place in special if place is not None]
    order = [*first, *(place for place in range(len(words)) if place not in set(first))]
    pieces = [*SPECIAL, *(words[place] for place in order[len(SPECIAL) :])]
    state[WORDS], state[PLACES] = state[WORDS][order], state[PLACES][:n_tokens]
    layers = {found[1] for name in state if (found := re.match(r"encoder\.layer\.(\d+)\.", name))}
    pieces = [piece if len(piece.encode()) <= PIECE_BYTES else f"[long{at}]" for at, piece in enumerate(pieces)]
    kept = {name: tensor for name, tensor in state.items() if name.startswith(("embeddings.", "encoder."))}
    return Pretrained(Size(state[WORDS].shape[1], len(layers), HEADS), pieces, kept, str(path))


def fill(bert: nn.Module, given: Pretrained) -> None:
    """Give a BERT the weights; what only it has, its cross-attention, stays as it is. Raises UsageError."""
    own = bert.state_dict()
    wrong = [name for name, tensor in given.state.items() if name in own and own[name].shape != tensor.shape]
    missing = [name for name in own if name not in given.state and "crossattention" not in name]
    if odd := [*wrong, *missing]:
        size = f"{given.size.depth} layers of {given.size.width}"
        raise UsageError(f"{PARAMETER}: {given.file} does not fit a BERT of {size} ('{odd[0]}')")
    bert.load_state_dict({name: tensor for name, tensor in given.state.items() if name in own}, strict=False)
