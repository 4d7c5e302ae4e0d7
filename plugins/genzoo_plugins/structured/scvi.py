"""A VAE of the counts of genes in cells, whose sums depend on how deeply a cell was sequenced."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import Activation
from genzoo.registry.parts import likelihood_class
from genzoo_plugins.vae.vae import VAE


class Library(nn.Module):
    """The decoder: (z, l) ↦ ln μ = l + ln softmax of the net, and what else the likelihood needs.

    Args:
        net: z [N, D] → [N, outputs·G].
        genes: G.
    """

    def __init__(self, net: nn.Module, genes: int) -> None:
        super().__init__()
        self.net, self.genes = net, genes

    def forward(self, z: Tensor) -> Tensor:
        """(z, l) [N, D + 1] → [N, outputs·G]."""
        shares, others = self.net(z[:, :-1]).tensor_split([self.genes], 1)
        return torch.cat([z[:, -1:] + shares.log_softmax(1), others], 1)


class SCVI(VAE):
    """p(x|z, l) has the means exp(l) ρ(z), Σ ρ = 1, with l the logarithm of a cell's library size (Lopez et al. 2018).

    A code is (z, l): p(z) = N(0, I), and p(l) = N(m, s²) with the moments of ln Σx in the first batch.

    The likelihood is that of the data, `nb` or `zinb`.
    """

    mean: Tensor
    log_var: Tensor

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 10
        """Length of z."""
        hidden: tuple[genzoo.Count, ...] = (128,)
        """Widths of the encoder's hidden layers."""
        decoder_hidden: tuple[genzoo.Count, ...] | None = None
        """Widths of the decoder's hidden layers; None: those of the encoder, reversed."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        if spec.likelihood and likelihood_class(spec.likelihood).values != "counts":
            what = f"scvi is for counts 0, 1, 2, …, and the likelihood of these data is {spec.likelihood}"
            raise genzoo.UsageError(what, "for counts: --likelihood nb, or zinb")
        super().__init__(spec, config)
        self.register_buffer("mean", torch.zeros(config.latent_dim + 1))
        self.register_buffer("log_var", torch.zeros(config.latent_dim + 1))

    def make_encoder(self, outputs: int) -> nn.Module:
        """ln(1 + x) [B, G] → mean and ln variance of (z, l), [B, 2(D + 1)]."""
        return nn.Sequential(LogCounts(), super().make_encoder(outputs + 2))

    def make_decoder(self, shape: tuple[int, ...]) -> nn.Module:
        return Library(super().make_decoder(shape), self.spec.numel)

    def prepare(self, batch: genzoo.Batch) -> None:
        sizes = batch.x.sum(1).clamp_min(1.0).log()
        self.mean[-1] = sizes.mean()
        self.log_var[-1] = sizes.var(correction=0).clamp_min(1e-2).log()

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        """q(z, l|x); the encoder's l is relative to ln Σx."""
        q = genzoo.DiagGaussian.from_parameters(self.encoder(x))
        offset = torch.cat([torch.zeros_like(q.mean[:, :-1]), x.sum(1, keepdim=True).clamp_min(1.0).log()], 1)
        return genzoo.DiagGaussian(q.mean + offset, q.log_var)

    def prior(self) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian(self.mean, self.log_var)


class LogCounts(nn.Module):
    """x ↦ ln(1 + x)."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, G] → [B, G]."""
        return x.clamp_min(0.0).log1p()
