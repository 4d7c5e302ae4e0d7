"""Masked diffusion of tokens: symbols are hidden one after the other, and a transformer learns to restore them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import PADDING
from genzoo.core.distributions import full_precision
from genzoo.core.noise import exponential, uniform
from genzoo_plugins.autoregressive.transformer import Transformer, refuse_uneven_heads


class MDLM(genzoo.Density):
    """ln p(x) ≥ E ∫ 1/t Σ ln p(x_i | x_t) dt over the hidden places i. In x_t each symbol is hidden with probability t
    (Sahoo et al. 2024, eq. 11, with the linear schedule).

    The number k of hidden places is then distributed as 1/k under the integral, and the places are any k of L. So k is
    drawn uniformly from 1 … L, with the weight L/k: the same mean without the large weights of small t. If p has the
    true conditionals, the bound is ln p(x).
    """

    kinds = ("tokens",)
    measure = "probability"
    exactness = "bound"

    Config = Transformer.Config

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 32
        """Steps in which samples are drawn, equally many places each; at least the length: one place each."""
        temperature: genzoo.Positive = 1.0
        """The logits are divided by this: below 1, samples are likelier and vary less."""

    def __init__(self, spec: genzoo.DataSpec, config: Transformer.Config) -> None:
        refuse_uneven_heads(config.width, config.heads)
        super().__init__(spec, config)
        (self.length,) = spec.shape
        self.tokens = nn.Embedding(spec.levels + 1, config.width)  # the last one stands for a hidden symbol
        self.places = nn.Parameter(0.02 * torch.randn(self.length, config.width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width, config.heads, 4 * config.width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.depth)
        )
        self.after = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, spec.levels)
        nn.init.normal_(self.tokens.weight, std=0.02)

    def logits(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Return the logits of p(x_i | the symbols of x that are not hidden), [B, L, levels]; x, hidden [B, L]."""
        h = self.tokens(torch.where(hidden, self.spec.levels, x)) + self.places
        for block in self.blocks:
            h = block(h)
        return full_precision(self.out(self.after(h)))

    def hidden_log_prob(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Return Σ ln p(x_i | the symbols of x that are not hidden) over the hidden places, [B]."""
        each = -F.cross_entropy(self.logits(x, hidden).transpose(1, 2), x, reduction="none")
        return each.masked_fill(~hidden, 0.0).sum(1)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return an unbiased estimate of the bound on ln p(x) of tokens x [B, L] in nats, [B]."""
        like = x.to(self.anchor)
        count = 1 + (uniform(like[:, 0]) * self.length).long().clamp_max(self.length - 1)
        rank = uniform(like).argsort(1).argsort(1)
        return self.hidden_log_prob(x, rank < count[:, None]) * (self.length / count)

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n sequences, int64 [n, L]: places are restored in random order. What follows the padding is padding."""
        how = options or self.sampling
        steps = min(how.steps, self.length)
        like = self.anchor.new_zeros(n, self.length)
        order = uniform(like).argsort(1)
        x, hidden = torch.zeros_like(order), torch.ones_like(order, dtype=torch.bool)
        for places in order.tensor_split(steps, 1):
            logits = self.logits(x, hidden) / how.temperature
            drawn = (logits - exponential(logits).log()).argmax(2)  # the exponential race
            x = x.scatter(1, places, drawn.gather(1, places))
            hidden = hidden.scatter(1, places, False)
        return x.masked_fill((x == PADDING).cumsum(1) > 0, PADDING)
