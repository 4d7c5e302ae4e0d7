"""A variational autoencoder of texts: one latent for the whole text, and a decoder that also sees the text so far."""

from __future__ import annotations

from typing import Annotated, Any, Self

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import PADDING
from genzoo.core.distributions import split_batch
from genzoo.core.noise import uniform
from genzoo_plugins.autoregressive.transformer import Block, Transformer


class TextGiven(genzoo.Distribution):
    """p(x|z) = Π p(x_t | x_<t, z) over sequences of tokens, with an end, as a transformer has it.

    Args:
        decoder: The transformer.
        context: What z adds to the vector of each token, [*batch, width].
        unseen: The share of the earlier tokens that the decoder does not see in `log_prob`.
    """

    measure = "probability"

    def __init__(self, decoder: Transformer, context: Tensor, unseen: float = 0.0) -> None:
        super().__init__(event_dims=1)
        self.decoder = decoder
        self.context = context
        self.unseen = unseen

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.context.shape[:-1], self.decoder.length))

    @property
    def centre(self) -> Tensor:
        """The text whose every token is the most probable one after those before it."""
        return self._drawn((), 0.0)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw texts, int64 [*sample_shape, *batch, L]. They have no gradient."""
        return self._drawn(sample_shape, 1.0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of texts in nats, [*batch]; what follows the end of a text costs nothing."""
        self._check(value)
        batch = torch.broadcast_shapes(value.shape[:-1], self.context.shape[:-1])
        x = value.expand(*batch, -1).reshape(-1, value.shape[-1])
        seen, context = x, self.context.expand(*batch, -1).reshape(len(x), -1)
        if self.unseen:
            seen = torch.where(uniform(self.decoder.anchor.new_zeros(x.shape)) < self.unseen, PADDING, x)
        return self.decoder.score(self.decoder.logits(seen, context), x).view(batch)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.decoder, split_batch(self.context, sizes), self.unseen)

    def _drawn(self, sample_shape: tuple[int, ...], temperature: float) -> Tensor:
        context = self.context.expand(*sample_shape, *self.context.shape)
        rows = context.reshape(-1, context.shape[-1])
        return self.decoder.draw(len(rows), temperature, rows).view(*context.shape[:-1], -1)


class TextEncoder(nn.Module):
    """Tokens [B, L] → [B, outputs]: blocks of a transformer, and the mean of its vectors over the text's tokens.

    Args:
        decoder: The transformer of the same text, for its sizes.
        outputs: The length of the result.
    """

    def __init__(self, decoder: Transformer, outputs: int) -> None:
        super().__init__()
        width, config = decoder.config.width, decoder.config
        self.ends = decoder.ends
        self.tokens = nn.Embedding(decoder.tokens.num_embeddings, width)
        self.places = nn.Parameter(0.02 * torch.randn(decoder.length, width))
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.depth))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))
        nn.init.normal_(self.tokens.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, L] → [B, outputs]."""
        h = self.tokens(x) + self.places
        for block in self.blocks:
            h, _ = block(h)
        if not self.ends:
            return self.out(h.mean(1))  # type: ignore[no-any-return]
        inside = (x != PADDING).to(h)[..., None]
        return self.out((h * inside).sum(1) / inside.sum(1).clamp_min(1))  # type: ignore[no-any-return]


class TextVAE(genzoo.LatentModel):
    """p(z) Π p(x_t | x_<t, z) with p(z) = N(0, I) and a diagonal Gaussian q(z|x) (Bowman et al. 2016, section 3).

    Encoder and decoder are causal transformers, in place of the paper's LSTMs; z is added, by a linear map, to every
    token's vector. A decoder that can do without z tends to ignore it (section 3.1). Against that, the loss has
    `kl_warmup` and `free_bits`, and the model `word_dropout`. A text of n tokens has n + 1 factors, and padding none.
    """

    kinds = ("tokens",)

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 32
        """Length of the latent vector z."""
        width: genzoo.Count = 64
        """Length of the vector of a token; a multiple of heads."""
        depth: genzoo.Count = 2
        """Number of blocks of the encoder, and of the decoder."""
        heads: genzoo.Count = 4
        """Heads of the attention."""
        word_dropout: Annotated[float, genzoo.Range(0, 1)] = 0.0
        """Share of the earlier tokens that the decoder does not see in training, so that it needs z."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        net = Transformer.Config(width=config.width, depth=config.depth, heads=config.heads)
        self.decoder = Transformer(spec, net)
        self.told = nn.Linear(config.latent_dim, config.width)
        self.encoder = TextEncoder(self.decoder, 2 * config.latent_dim)

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian.from_parameters(self.encoder(x))

    def prior(self) -> genzoo.StandardNormal:
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def likelihood(self, z: Tensor) -> TextGiven:
        return TextGiven(self.decoder, self.told(z), self.config.word_dropout if self.training else 0.0)
