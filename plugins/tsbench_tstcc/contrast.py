"""The temporal contrasting module of TS-TCC: a small transformer, linear predictors and a projection head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsbench.nn import Dropout, projection_head


class Contrast(nn.Module):
    """Summarises past steps in a context, predicts the K steps after them, projects the context (section 3.2 and 3.3).

    A learned token is put before the steps, mapped to `hidden` sizes; what it has become after `depth` layers is the
    context. There is no positional encoding, as in the published code.
    """

    def __init__(
        self, step_dim: int, n_futures: int, hidden: int, depth: int, heads: int, mlp: int, dropout: float
    ) -> None:
        super().__init__()
        self.n_futures = n_futures
        self.embed = nn.Linear(step_dim, hidden)
        self.token = nn.Parameter(torch.randn(1, 1, hidden))
        self.layers = nn.ModuleList([Layer(hidden, heads, mlp, dropout) for _ in range(depth)])
        self.predict = nn.Linear(hidden, n_futures * step_dim)  # the K maps W_k, held as one
        self.project = projection_head(hidden, max(1, step_dim // 2), max(1, step_dim // 4))

    def forward(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Map past (n, n_steps, step_dim) to the context (n, hidden) and predictions (K, n, step_dim)."""
        tokens = torch.cat([self.token.expand(len(past), -1, -1), self.embed(past)], dim=1)
        for number, layer in enumerate(self.layers, start=1):
            # of the last layer's output only the first token is used
            tokens = layer(tokens, 1 if number == len(self.layers) else tokens.shape[1])
        context = tokens[:, 0]
        predictions: Tensor = self.predict(context)
        return context, predictions.view(len(past), self.n_futures, -1).transpose(0, 1)


class Layer(nn.Module):
    """Pre-norm attention and MLP, each around a residual; (n, n_tokens, size) -> (n, n_out, size).

    Scores are scaled by the root of the full size, not of a head's, as in the published code.
    """

    def __init__(self, size: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(size)
        self.qkv = nn.Linear(size, 3 * size, bias=False)
        self.out = nn.Linear(size, size)
        self.mlp_norm = nn.LayerNorm(size)
        self.widen, self.narrow = nn.Linear(size, mlp), nn.Linear(mlp, size)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, n_out: int) -> Tensor:
        """Return the first n_out tokens of the layer's output."""
        normal, size = self.attention_norm(tokens), tokens.shape[2]
        if n_out == tokens.shape[1]:  # no slices, whose gradients are filled up with zeros
            q, k, v = self.qkv(normal).chunk(3, dim=2)
        else:
            of_q, of_kv = torch.split(self.qkv.weight, [size, 2 * size])
            q = functional.linear(normal[:, :n_out], of_q)
            k, v = functional.linear(normal, of_kv).chunk(2, dim=2)
            tokens = tokens[:, :n_out]
        q, k, v = (part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in (q, k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, scale=size**-0.5).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.out(mixed))
        wide = self.dropout(functional.relu(self.widen(self.mlp_norm(tokens))))
        out: Tensor = tokens + self.dropout(self.narrow(wide))
        return out
