"""Losses of the image-text model (BLIP, arXiv 2201.12086; ALBEF, arXiv 2107.07651): contrast, matching, masking."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

GUARD = 1e-4  # added to the probabilities that hard negatives are drawn with, before those of equal id become 0
IGNORED = -100  # a position whose token is not asked for


def itc_targets(ids: Tensor, all_ids: Tensor, similarity: Tensor, alpha: float) -> Tensor:
    """Return the soft targets (n, n_all) of the image-text contrast; each row sums to 1.

    ids : (n,) of the queries, all_ids : (n_all,) of batch and queue; every equal id is a positive. similarity : (n,
    n_all) of the momentum features over the temperature, whose softmax has the share alpha.
    """
    hits = (ids[:, None] == all_ids[None]).to(similarity.dtype)
    return alpha * similarity.softmax(dim=1) + (1 - alpha) * hits / hits.sum(dim=1, keepdim=True)


def itc_loss(
    image: Tensor,
    text: Tensor,
    image_m: Tensor,
    text_m: Tensor,
    ids: Tensor,
    queue: tuple[Tensor, Tensor, Tensor],
    temperature: Tensor | float,
    alpha: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the image-text contrast, and the similarities (n, n) within the batch, image to text and text to image.

    image, text, image_m, text_m : unit vectors (n, d), of the nets that train and of their momentum copies. ids : (n,).
    queue : image features (q, d), text features (q, d) and ids (q,) of earlier batches. The loss is the mean of the
    cross-entropies of both directions.
    """
    images, texts, all_ids = (torch.cat(pair) for pair in zip((image_m, text_m, ids), queue, strict=True))
    to_text, to_image = image @ texts.T / temperature, text @ images.T / temperature
    with torch.no_grad():
        soft_text = itc_targets(ids, all_ids, image_m @ texts.T / temperature, alpha)
        soft_image = itc_targets(ids, all_ids, text_m @ images.T / temperature, alpha)
    loss = (functional.cross_entropy(to_text, soft_text) + functional.cross_entropy(to_image, soft_image)) / 2
    n = len(ids)
    return loss, to_text[:, :n].detach(), to_image[:, :n].detach()


def hard_negatives(similarity: Tensor, ids: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return which queries have a negative, (k,), and the index of one each, drawn by softmax(similarity).

    similarity : (n, n); what has the query's own id is never drawn. A query whose row has no other id is left out.
    """
    weights = similarity.softmax(dim=1) + GUARD
    weights = weights.masked_fill(ids[:, None] == ids[None], 0.0)
    queries = (weights.sum(dim=1) > 0).nonzero()[:, 0]
    if not len(queries):
        return queries, queries
    return queries, torch.multinomial(weights[queries], 1, generator=rng)[:, 0]


def itm_loss(logits: Tensor, n_positives: int) -> Tensor:
    """Return the cross-entropy of matching; logits : (n, 2), the first n_positives of pairs that belong together."""
    labels = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    labels[:n_positives] = 1
    return functional.cross_entropy(logits, labels)


def mask_tokens(
    tokens: Tensor, kept: Tensor, share: float, mask_id: int, n_words: int, first_word: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return tokens with some hidden, and what stood there, IGNORED elsewhere; both (n, n_tokens).

    Each token is chosen with probability `share`, but none where `kept` is True. Of those chosen 80 % become mask_id,
    10 % a random word (from first_word to n_words - 1), and 10 % stay.
    """

    def draw(probability: float) -> Tensor:
        return torch.rand(tokens.shape, generator=rng, device=tokens.device) < probability

    chosen = draw(share) & ~kept
    targets = tokens.masked_fill(~chosen, IGNORED)
    masked = chosen & draw(0.8)
    replaced = chosen & ~masked & draw(0.5)
    words = torch.randint(first_word, max(n_words, first_word + 1), tokens.shape, generator=rng, device=tokens.device)
    return torch.where(replaced, words, tokens.masked_fill(masked, mask_id)), targets


def mlm_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of the tokens asked for; logits : (n, n_tokens, n_words); 0 where none is."""
    total = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)
