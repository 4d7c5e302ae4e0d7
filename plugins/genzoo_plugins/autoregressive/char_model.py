"""A causal transformer over tokens: exact ln p of a text, one conditional a character."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import PADDING
from genzoo.core.distributions import full_precision
from genzoo.core.noise import exponential
from genzoo_plugins.autoregressive.temperature import Temperature

Cache = tuple[Tensor, Tensor]
"""Keys and values of the tokens so far, [N, heads, T, width / heads] each."""


class Block(nn.Module):
    """Attention to the token itself and earlier ones, then a perceptron; both are added to their normalised input.

    Args:
        width: Length of the vector of a token.
        heads: Number of heads of the attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.between = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, h: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the vectors [N, T, width] after the block, and the cache with their keys and values.

        Args:
            h: Vectors of a sequence [N, T, width], or of its next token [N, 1, width] after those of the cache.
            cache: Of the earlier tokens; None: there are none.
        """
        n, length, width = h.shape
        split = self.attention(self.before(h)).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if cache is not None:
            key, value = (torch.cat(parts, 2) for parts in zip(cache, (key, value), strict=True))
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=cache is None)
        h = h + self.joined(seen.transpose(1, 2).reshape(n, length, width))
        return h + self.perceptron(self.between(h)), (key, value)


class CharModel(genzoo.Density):
    """p(x) = Π p(x_t | x_<t) over the tokens up to the first padding, by a causal transformer (Radford et al. 2018).

    The padding is the symbol of the end: a text of n tokens has n + 1 factors, or n if it fills the whole length. What
    follows the end is padding with probability 1, so p sums to 1 over all sequences. A sequence with tokens after the
    padding is impossible: its ln p is −∞.
    """

    kinds = ("tokens",)
    measure = "probability"
    Sampling = Temperature

    @genzoo.config
    class Config:
        width: genzoo.Count = 64
        """Length of the vector of a token; a multiple of heads."""
        depth: genzoo.Count = 2
        """Number of blocks."""
        heads: genzoo.Count = 4
        """Heads of the attention."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if config.width % config.heads:
            raise genzoo.UsageError(
                f"--width {config.width} is not a multiple of --heads {config.heads}",
                f"--width {math.ceil(config.width / config.heads) * config.heads}",
            )
        super().__init__(spec, config)
        (self.length,) = spec.shape
        self.tokens = nn.Embedding(spec.levels, config.width)  # that of the padding stands for the beginning
        self.places = nn.Parameter(0.02 * torch.randn(self.length, config.width))
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.after = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, spec.levels)
        nn.init.normal_(self.tokens.weight, std=0.02)

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of p(x_t | x_<t) at each place of x [B, L]: [B, L, levels]."""
        shifted = F.pad(x[:, :-1], (1, 0), value=PADDING)
        h = self.tokens(shifted) + self.places
        for block in self.blocks:
            h, _ = block(h)
        return full_precision(self.out(self.after(h)))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        each = -F.cross_entropy(self.logits(x).transpose(1, 2), x, reduction="none")
        padding = x == PADDING
        ended = F.pad(padding[:, :-1].cumsum(1) > 0, (1, 0))  # whether the end is before this place
        possible = (~ended | padding).all(1)
        return torch.where(possible, each.masked_fill(ended, 0.0).sum(1), -math.inf)

    def next_logits(self, token: Tensor, place: int, caches: list[Cache | None]) -> Tensor:
        """Return the logits at one place, [N, levels], given the token before it [N]; the caches are updated."""
        h = (self.tokens(token) + self.places[place])[:, None]
        for number, block in enumerate(self.blocks):
            h, caches[number] = block(h, caches[number])
        return full_precision(self.out(self.after(h[:, 0])))

    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Temperature | None = None
    ) -> Tensor:
        """Draw n sequences, int64 [n, L], token by token. Keys and values of earlier tokens are kept."""
        temperature = (options or self.sampling).temperature
        token = torch.full((n,), PADDING, device=self.anchor.device)
        caches: list[Cache | None] = [None] * len(self.blocks)
        drawn: list[Tensor] = []
        for place in range(self.length):
            logits = self.next_logits(token, place, caches) / temperature
            chosen = (logits - exponential(logits).log()).argmax(1)  # the exponential race
            ended = (token == PADDING) & (place > 0)
            token = torch.where(ended, PADDING, chosen)
            drawn.append(token)
        return torch.stack(drawn, 1)
