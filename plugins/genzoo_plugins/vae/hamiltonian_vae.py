"""VAE whose posterior is improved by Hamiltonian dynamics."""

from __future__ import annotations

import itertools
import math
from typing import Annotated

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import Activation
from genzoo_plugins.vae.vae import VAE

LARGEST_STEP = 0.5
"""Bound of the step sizes."""
ROWS = 8192
"""Codes whose force is computed at once: each takes the memory of the decoder's gradient."""


class HamiltonianVAE(VAE):
    """q(z|x) after K leapfrog steps on −ln p(x, z), with momenta ρ (Caterini, Doucet & Sejdinovic 2018, algorithm 1).

    A code is (z, ρ), of 2D numbers, with p(z, ρ) = N(0, I), and x is decoded from z alone. The dynamics is a bijection
    of (z, ρ) with a known volume, so q(z, ρ|x) is a density in closed form, and the bound is that on ln p(x). The step
    sizes, one for each dimension, and the tempering β₀ are learned.
    """

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """D, the length of z; a code has twice as many numbers."""
        hidden: tuple[genzoo.Count, ...] = (400,)
        """Widths of the encoder's hidden layers. Empty: a linear model."""
        decoder_hidden: tuple[genzoo.Count, ...] | None = None
        """Widths of the decoder's hidden layers; None: those of the encoder, reversed."""
        activation: Activation = "silu"
        """Nonlinearity between layers; the dynamics needs its derivative."""
        leapfrogs: genzoo.Count = 3
        """K, the number of leapfrog steps."""
        step_size: Annotated[float, genzoo.Range(0.0001, 0.49)] = 0.1
        """Initial size ε of a step."""
        tempering: Annotated[float, genzoo.Range(0.01, 0.99)] = 0.6
        """Initial β₀: the momenta begin with the variance 1/β₀."""

    config: Config

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        share, start = config.step_size / LARGEST_STEP, config.tempering
        self.step_logits = nn.Parameter(torch.full((config.latent_dim,), math.log(share / (1 - share))))
        self.tempering_logit = nn.Parameter(torch.tensor(math.log(start / (1 - start))))

    def prior(self) -> genzoo.StandardNormal:
        return genzoo.StandardNormal((2 * self.config.latent_dim,), like=self.anchor)

    def posterior(self, x: Tensor) -> genzoo.Transformed:
        q = genzoo.DiagGaussian.from_parameters(self.encoder(x))
        assert isinstance(q.log_var, Tensor)
        spread = -nn.functional.logsigmoid(self.tempering_logit)
        mean = torch.cat([q.mean, torch.zeros_like(q.mean)], 1)
        log_var = torch.cat([q.log_var, spread.expand_as(q.log_var)], 1)
        return genzoo.Transformed(genzoo.DiagGaussian(mean, log_var), Leapfrogs(self), x.flatten(1))

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return super().likelihood(z[..., : self.config.latent_dim])


class Leapfrogs:
    """The bijection (z, ρ) ↦ (z_K, ρ_K) for one x, which is the context: [*, 2D].

    Each step moves ρ by half a step, z by the new ρ, and ρ by half a step again, which has volume 1 and is its own
    inverse up to the sign of time; ρ is then cooled by √(β_{k−1}/β_k), with volume β₀^(D/2) in all.
    """

    def __init__(self, model: HamiltonianVAE) -> None:
        self.model = model
        self.dim = model.config.latent_dim

    def force(self, z: Tensor, x: Tensor) -> Tensor:
        """Return ∇_z ln p(x, z) at z [N, D], for x [N, *S]."""
        slope = torch.func.grad(lambda at, given: self.model.likelihood(at).log_prob(given).sum())
        toward = torch.cat([slope(*rows) for rows in zip(z.split(ROWS), x.split(ROWS), strict=True)])
        return toward - z

    def cooling(self) -> tuple[list[Tensor], Tensor]:
        """Return √(β_{k−1}/β_k) for k = 1 … K, and ln of their product to the D (section 3.2, fixed tempering)."""
        steps, root = self.model.config.leapfrogs, torch.sigmoid(self.model.tempering_logit).rsqrt()
        roots = [root + (1 - root) * (k / steps) ** 2 for k in range(steps + 1)]  # β_k^(−½)
        return [after / before for before, after in itertools.pairwise(roots)], -self.dim * root.log()

    def __call__(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        factors, log_det = self.cooling()
        z, momentum, given = self.parts(x, context)
        step = LARGEST_STEP * torch.sigmoid(self.model.step_logits)
        force = self.force(z, given)
        for factor in factors:
            half = momentum + 0.5 * step * force
            z = z + step * half
            force = self.force(z, given)
            momentum = factor * (half + 0.5 * step * force)
        return torch.cat([z, momentum], 1).view(x.shape), log_det.expand(x.shape[:-1])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        factors, log_det = self.cooling()
        z, momentum, given = self.parts(y, context)
        step = LARGEST_STEP * torch.sigmoid(self.model.step_logits)
        force = self.force(z, given)
        for factor in reversed(factors):
            half = momentum / factor - 0.5 * step * force
            z = z - step * half
            force = self.force(z, given)
            momentum = half - 0.5 * step * force
        return torch.cat([z, momentum], 1).view(y.shape), -log_det.expand(y.shape[:-1])

    def parts(self, code: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return z and ρ, [N, D], and x, [N, *S], of all elements of a code [*, 2D] and its context."""
        assert context is not None
        z, momentum = code.reshape(-1, 2 * self.dim).chunk(2, 1)
        given = context.expand(*code.shape[:-1], -1).reshape(-1, *self.model.spec.shape)
        return z, momentum, given
