"""A variational autoencoder of tables, with a likelihood of its own for each column."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import mlp
from genzoo_plugins.structured.columns import NamesHead, for_net, parts_of, size_of, width_of
from genzoo_plugins.vae.vae import VAE

FLOOR = 1e-3
"""The least standard deviation of a mode, as a share of the column's: the density of equal numbers stays finite."""


class Modes(nn.Module):
    """p(x|z) of one column of numbers: a mixture of K Gaussians (Xu et al. 2019, section 4.2).

    The modes start at quantiles of the column, which also give its location and spread. A net has the weight of each
    mode, and how far z moves it; their widths are learned. The mode that a number comes from is summed over.

    Args:
        modes: K.
    """

    location: Tensor
    spread: Tensor
    centres: Tensor

    def __init__(self, modes: int) -> None:
        super().__init__()
        self.outputs = 2 * modes
        self.register_buffer("location", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("centres", torch.zeros(modes))
        self.log_var = nn.Parameter(torch.full((modes,), -2 * math.log(modes)))

    def fit(self, column: Tensor) -> None:
        """Set location, spread and centres by a sample [N] of the column."""
        spread, location = torch.std_mean(column, correction=0)
        self.location.copy_(location)
        self.spread.copy_(torch.where(spread > 0, spread, 1.0))
        places = (torch.arange(len(self.centres), device=column.device) + 0.5) / len(self.centres)
        self.centres.copy_(torch.quantile(self.standardised(column), places.to(column)))

    def standardised(self, x: Tensor) -> Tensor:
        """Return numbers of the column in units of its spread from its location."""
        return (x - self.location) / self.spread

    def forward(self, raw: Tensor) -> genzoo.Mixture:
        """Convert raw [N, 2K] to the distribution of values [N, 1]."""
        logits, moved = full_precision(raw).chunk(2, 1)
        mean = self.location + self.spread * (self.centres + moved)
        log_var = torch.logaddexp(self.log_var, self.log_var.new_tensor(2 * math.log(FLOOR))) + 2 * self.spread.log()
        return genzoo.Mixture(genzoo.DiagGaussian(mean[..., None], log_var[:, None].expand(*mean.shape, 1)), logits)


class Columns(genzoo.Likelihood):
    """p(x|z) of a row: independent columns given z, each with its own head.

    Args:
        parts: The parts of a row; each of their values is a column.
        modes: The number of modes of a column of numbers.
    """

    family = genzoo.Composite

    def __init__(self, parts: tuple[genzoo.Part, ...], modes: int) -> None:
        super().__init__()
        self.parts = parts
        heads = [
            NamesHead(part.levels) if part.levels else Modes(modes) for part in parts for _ in range(size_of(part))
        ]
        self.heads = nn.ModuleList(heads)
        self.sizes = [head.outputs for head in heads]

    def forward(self, raw: Tensor) -> genzoo.Composite:
        """Convert raw [N, numbers] to p(x|z) of rows [N, F]."""
        return genzoo.Composite([head(piece) for head, piece in zip(self.heads, raw.split(self.sizes, 1), strict=True)])


class RowInputs(nn.Module):
    """Rows [B, F] → [B, width]: numbers in units of their column's spread, names as indicators.

    Args:
        parts: The parts of a row.
    """

    location: Tensor
    spread: Tensor

    def __init__(self, parts: tuple[genzoo.Part, ...]) -> None:
        super().__init__()
        self.parts = parts
        self.width = sum(map(width_of, parts))
        self.register_buffer("location", torch.zeros(sum(map(size_of, parts))))
        self.register_buffer("spread", torch.ones_like(self.location))

    def fit(self, x: Tensor) -> None:
        """Set location and spread of the columns of numbers by rows [N, F]."""
        numbers = torch.cat([x.new_full((size_of(part),), float(not part.levels)) for part in self.parts]) > 0
        spread, location = torch.std_mean(x, 0, correction=0)
        self.location.copy_(torch.where(numbers, location, 0.0))
        self.spread.copy_(torch.where(numbers & (spread > 0), spread, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, F] → [B, width]."""
        pieces = ((x - self.location) / self.spread).split([size_of(part) for part in self.parts], 1)
        return torch.cat([for_net(piece, part) for piece, part in zip(pieces, self.parts, strict=True)], 1)


class TVAE(VAE):
    """A VAE of tables (Xu et al. 2019, section 4.4): p(x|z) is a product over the columns.

    A column of names is categorical, one of numbers a mixture of Gaussians; see `Modes`. The objective is the ELBO,
    whose reconstruction has the weight 1, and names in samples are drawn. Data without parts have a column of numbers
    for each value. `prepare` takes location, spread and modes of the columns from one training batch.
    """

    kinds = ("vector",)
    head: Columns
    encoder: nn.Sequential

    @genzoo.config
    class Config(VAE.Config):
        hidden: tuple[genzoo.Count, ...] = (128, 128)
        """Widths of the encoder's hidden layers. Empty: a linear model."""
        modes: genzoo.Count = 10
        """Number of Gaussians of a column of numbers."""

    def make_head(self) -> Columns:
        return Columns(parts_of(self.spec), self.config.modes)

    def make_encoder(self, outputs: int) -> nn.Module:
        config, inputs = self.config, RowInputs(self.head.parts)
        return nn.Sequential(inputs, mlp(inputs.width, config.hidden, outputs, config.activation))

    def make_decoder(self, shape: tuple[int, ...]) -> nn.Module:
        return super().make_decoder((sum(self.head.sizes),))

    def prepare(self, batch: genzoo.Batch) -> None:
        inputs = self.encoder[0]
        assert isinstance(inputs, RowInputs)
        inputs.fit(batch.x)
        for head, column in zip(self.head.heads, batch.x.unbind(1), strict=True):
            if isinstance(head, Modes):
                head.fit(column)
        super().prepare(batch)
