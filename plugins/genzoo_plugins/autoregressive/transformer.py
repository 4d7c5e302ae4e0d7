"""A causal transformer: exact ln p of a text, of the codes of another model, or of pixels, one conditional a value."""

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
from genzoo.core.observation import LEVELS
from genzoo.registry.parts import likelihood_class
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


def refuse_uneven_heads(width: int, heads: int) -> None:
    """Refuse a width that the heads of the attention cannot share.

    Raises:
        UsageError: It is no multiple of their number.
    """
    if width % heads:
        whole = f"--width {math.ceil(width / heads) * heads}"
        raise genzoo.UsageError(f"--width {width} is not a multiple of --heads {heads}", whole)


class Transformer(genzoo.Density):
    """p(x) = Π p(x_t | x_<t) over the values in their order, by a causal transformer (Radford et al. 2018).

    Values are symbols from 1 on: tokens as they are, and levels of pixels in the order of rows (Chen et al. 2020). In a
    text the padding, 0, is the symbol of the end: a text of n tokens has n + 1 factors, or n if it fills the whole
    length. What follows the end is padding with probability 1, so p sums to 1 over all sequences. A sequence with
    tokens after the padding is impossible: its ln p is −∞. Codes on a grid and pixels have no end and no padding.
    """

    kinds = ("image", "tokens")
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
        refuse_uneven_heads(config.width, config.heads)
        super().__init__(spec, config)
        self.length = spec.numel
        self.ends = spec.is_discrete and not spec.grid
        self.top = self.levels_of(spec) - 1
        """The largest pixel value, in levels."""
        if not spec.is_discrete:
            self.support = "binary" if spec.binary else "levels" if self.top == LEVELS - 1 else "any"
        symbols = spec.levels if spec.is_discrete else self.top + 2
        self.tokens = nn.Embedding(symbols, config.width)  # that of 0 stands for the beginning
        self.places = nn.Parameter(0.02 * torch.randn(self.length, config.width))
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.after = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, symbols)
        nn.init.normal_(self.tokens.weight, std=0.02)

    @staticmethod
    def levels_of(spec: genzoo.DataSpec) -> int:
        """Return the number of values of a pixel or a token.

        Raises:
            UsageError: It is not known.
        """
        grey = bool(spec.likelihood) and likelihood_class(spec.likelihood).values == "grey"
        levels = 2 if spec.binary else spec.levels or LEVELS * grey
        if levels < 2:
            how = "--binarize dynamic, or --likelihood=discretised-logistic for 256 levels"
            raise genzoo.UsageError("a transformer needs pixels of known levels", how)
        return levels

    def symbols(self, x: Tensor) -> Tensor:
        """Return data x [B, *S] as symbols, int64 [B, L]."""
        if self.spec.is_discrete:
            return x
        return (self.spec.original(x).flatten(1) * self.top).round().long() + 1

    def values(self, symbols: Tensor) -> Tensor:
        """Return symbols [N, L] as data [N, *S]: the inverse of `symbols`."""
        if self.spec.is_discrete:
            return symbols
        return self.spec.view((symbols - 1).view(-1, *self.spec.shape) / self.top).to(self.anchor)

    def logits(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the logits of p(x_t | x_<t) at each place of symbols [B, L]: [B, L, symbols].

        Args:
            x: The symbols.
            context: Added to the vector of each token, [B, width]; None: nothing.
        """
        shifted = F.pad(x[:, :-1], (1, 0), value=PADDING)
        h = self.tokens(shifted) + self.places
        if context is not None:
            h = h + context[:, None]
        for block in self.blocks:
            h, _ = block(h)
        return self.possible(full_precision(self.out(self.after(h))))

    def possible(self, logits: Tensor) -> Tensor:
        """Return logits [*, symbols], of which the first, that of the end, is −∞ if there is none."""
        return logits if self.ends else F.pad(logits[..., 1:], (1, 0), value=-math.inf)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        x = self.symbols(x)
        return self.score(self.logits(x), x)

    @staticmethod
    def score(logits: Tensor, x: Tensor) -> Tensor:
        """Return Σ_t ln p(x_t | x_<t) of symbols [B, L], up to the end, given their logits [B, L, symbols]: [B]."""
        each = -F.cross_entropy(logits.transpose(1, 2), x, reduction="none")
        padding = x == PADDING
        ended = F.pad(padding[:, :-1].cumsum(1) > 0, (1, 0))  # whether the end is before this place
        possible = (~ended | padding).all(1)
        return torch.where(possible, each.masked_fill(ended, 0.0).sum(1), -math.inf)

    def next_logits(
        self, token: Tensor, place: int, caches: list[Cache | None], context: Tensor | None = None
    ) -> Tensor:
        """Return the logits at one place, [N, symbols], given the token before it [N]; the caches are updated."""
        h = (self.tokens(token) + self.places[place])[:, None]
        if context is not None:
            h = h + context[:, None]
        for number, block in enumerate(self.blocks):
            h, caches[number] = block(h, caches[number])
        return self.possible(full_precision(self.out(self.after(h[:, 0]))))

    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Temperature | None = None
    ) -> Tensor:
        """Draw n examples [n, *S], symbol by symbol. Keys and values of earlier symbols are kept."""
        return self.values(self.draw(n, (options or self.sampling).temperature))

    def draw(self, n: int, temperature: float = 1.0, context: Tensor | None = None) -> Tensor:
        """Draw n rows of symbols, int64 [n, L].

        Args:
            n: The number of rows.
            temperature: T > 0, or 0: the most probable symbol at each place.
            context: As for `logits`, [n, width].
        """
        token = torch.full((n,), PADDING, device=self.anchor.device)
        caches: list[Cache | None] = [None] * len(self.blocks)
        drawn: list[Tensor] = []
        for place in range(self.length):
            logits = self.next_logits(token, place, caches, context)
            if temperature:
                logits = logits / temperature
                logits = logits - exponential(logits).log()  # the exponential race
            chosen = logits.argmax(1)
            ended = (token == PADDING) & (place > 0)
            token = torch.where(ended, PADDING, chosen)
            drawn.append(token)
        return torch.stack(drawn, 1)
