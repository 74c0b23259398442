"""The nets: a vision transformer of timm, and a BERT of transformers that is text encoder and multimodal encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tsbench.errors import UsageError
from tsbench_ecgtext.text import ENC, PAD

HELP = "pip install 'tsbench[retrieval]'"


@dataclass(frozen=True)
class Size:
    """Width, layers and heads of a transformer.

    drop_path : share of the vision layers that is skipped in training. spread : of the first weights of text layers;
    with that of BERT, 0.02, narrow nets hardly tell inputs apart at first, and do not start to learn. place : of the
    first positions of patches. A white patch becomes values of about 2, beside which 0.02 does not say where it is.
    """

    width: int
    depth: int
    heads: int
    drop_path: float = 0.0
    spread: float = 0.02
    place: float = 0.02


VISION: Mapping[str, Size] = {
    "small": Size(96, 3, 4, spread=0.1, place=2.0),
    "base": Size(768, 12, 12),
    "large": Size(1024, 24, 16, drop_path=0.1),
}
TEXT: Mapping[str, Size] = {"small": Size(96, 2, 4, spread=0.1), "base": Size(768, 12, 12), "large": Size(768, 12, 12)}


class Vision(nn.Module):
    """A vision transformer: pictures (n, 3, size, size) to tokens (n, 1 + patches, width), of which the first is [CLS].

    checkpointed : how many of its last layers keep no activations for the backward pass.
    """

    def __init__(self, size: Size, image_size: int, patch: int, checkpointed: int = 0) -> None:
        super().__init__()
        try:
            from timm.models.vision_transformer import VisionTransformer
        except ImportError:
            raise UsageError(f"pictures are seen by a model of timm: {HELP}") from None
        self.net = VisionTransformer(
            img_size=image_size,
            patch_size=patch,
            embed_dim=size.width,
            depth=size.depth,
            num_heads=size.heads,
            num_classes=0,
            drop_path_rate=size.drop_path,
            weight_init="" if size.spread == Size.spread else "jax",  # by the width of each layer
        )
        if size.place != Size.place:
            nn.init.normal_(self.net.get_parameter("pos_embed"), std=size.place)
        self.width, self.checkpointed = size.width, checkpointed

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the tokens after the last normalisation."""
        tokens: Tensor
        if not self.checkpointed or not self.training:
            tokens = self.net.forward_features(pictures)
            return tokens
        from torch.utils.checkpoint import checkpoint

        x = self.net.norm_pre(self.net.patch_drop(self.net._pos_embed(self.net.patch_embed(pictures))))
        kept = len(self.net.blocks) - self.checkpointed
        for number, block in enumerate(self.net.blocks):
            x = block(x) if number < kept else checkpoint(block, x, use_reentrant=False)
        tokens = self.net.norm(x)
        return tokens


class Text(nn.Module):
    """A BERT with cross-attention in every layer; as a text encoder it skips these, and shares all else.

    n_words : of the vocabulary; n_tokens : of a report at most; seen : width of the vision tokens.
    """

    def __init__(self, size: Size, n_words: int, n_tokens: int, seen: int, dropout: float = 0.1) -> None:
        super().__init__()
        try:
            from transformers import BertConfig, BertModel
        except ImportError:
            raise UsageError(f"reports are read by a model of transformers: {HELP}") from None
        config = BertConfig(
            vocab_size=n_words,
            hidden_size=size.width,
            num_hidden_layers=size.depth,
            num_attention_heads=size.heads,
            intermediate_size=4 * size.width,
            max_position_embeddings=n_tokens,
            pad_token_id=PAD,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            initializer_range=size.spread,
            is_decoder=True,  # what transformers asks for where there is cross-attention; the masks make it see all
            add_cross_attention=True,
            use_cache=False,
        )
        config._attn_implementation = "eager"
        self.bert: Any = BertModel(config, add_pooling_layer=False)
        self.width = size.width
        self.see = nn.Identity() if seen == size.width else nn.Linear(seen, size.width)

    def forward(self, tokens: Tensor, image: Tensor | None = None) -> Tensor:
        """Return (n, n_tokens, width) of tokens (n, n_tokens), grounded in an image's tokens where these are given.

        With an image the first token is [ENC] in place of [CLS].
        """
        there = tokens != PAD
        hidden = torch.zeros(there.shape, device=tokens.device).masked_fill(~there, torch.finfo(torch.float32).min)
        mask = hidden[:, None, None, :].expand(-1, 1, tokens.shape[1], -1)
        if image is not None:
            tokens = tokens.clone()
            tokens[:, 0] = ENC
            image = self.see(image)
        found: Tensor = self.bert(
            input_ids=tokens, attention_mask=mask, encoder_hidden_states=image, use_cache=False
        ).last_hidden_state
        return found


class WordHead(nn.Module):
    """From hidden states to scores of the words, whose embeddings are those of the text encoder."""

    def __init__(self, width: int, n_words: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12))
        self.bias = nn.Parameter(torch.zeros(n_words))

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        """Return (n, n_tokens, n_words); words : the embeddings (n_words, width)."""
        scores: Tensor = self.transform(hidden) @ words.T + self.bias
        return scores
