"""Gaussians over several levels, each given those above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal


def merge(one: genzoo.DiagGaussian, other: genzoo.DiagGaussian) -> genzoo.DiagGaussian:
    """Return the normalised product of two Gaussian densities: precisions add up and weight the means (eq. 17-19)."""
    assert isinstance(one.log_var, Tensor)
    assert isinstance(other.log_var, Tensor)
    weight = torch.sigmoid(other.log_var - one.log_var)  # the part of one's precision in the sum
    log_var = -torch.logaddexp(-one.log_var, -other.log_var)
    return genzoo.DiagGaussian(other.mean + weight * (one.mean - other.mean), log_var)


class Ladder(genzoo.Distribution):
    """p(z₂) p(z₁|z₂), or with evidence q(z₂|x) q(z₁|z₂, x): densities of z = (z₁, z₂), side by side.

    With a ladder as its top it has more levels: z₂ then stands for all levels above the first.

    Args:
        top: Of z₂: [*batch, D₂].
        generate: p(z₁|z₂), [*, D₂] → [*, D₁].
        lower_dim: D₁.
        evidence: The Gaussian of z₁ given x alone, [*batch, D₁], to be merged with that given z₂; None: the prior.
    """

    def __init__(
        self,
        top: genzoo.DiagGaussian | Ladder,
        generate: Callable[[Tensor], genzoo.DiagGaussian],
        lower_dim: int,
        evidence: genzoo.DiagGaussian | None = None,
    ) -> None:
        super().__init__(event_dims=1)
        self.top = top
        self.generate = generate
        self.lower_dim = lower_dim
        self.evidence = evidence

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.top.shape[:-1], self.lower_dim + self.top.shape[-1]))

    def lower(self, z2: Tensor) -> genzoo.DiagGaussian:
        """Return the distribution of z₁ given z₂ [*, D₂]: [*, D₁]."""
        generated = self.generate(z2)
        return generated if self.evidence is None else merge(self.evidence, generated)

    @property
    def mean(self) -> Tensor:
        """(E[z₁|z₂ = E z₂], E z₂): the mean of z₂, and the mean of z₁ given that."""
        return torch.cat([self.lower(self.top.mean).mean, self.top.mean], -1)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        z2 = self.top.rsample(sample_shape)
        lower = self.lower(z2)
        # Of an event's shape for each example, as z₂'s noise: the K samples of an example draw from its own stream.
        like = z2.new_empty(self.lower_dim) if self.evidence is None else self.evidence.mean
        noise = standard_normal(sample_shape, like, batched=self.evidence is not None)
        return torch.cat([lower.mean + lower.variance.sqrt() * noise, z2], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        z1, z2 = value[..., : self.lower_dim], value[..., self.lower_dim :]
        return self.top.log_prob(z2) + self.lower(z2).log_prob(z1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        evidence = None if self.evidence is None else self.evidence.unflatten(sizes)
        return type(self)(self.top.unflatten(sizes), self.generate, self.lower_dim, evidence)


def kl_of_levels(q: genzoo.Distribution, p: genzoo.Distribution, z: Tensor) -> list[Tensor]:
    """Return KL(q‖p) of each level in nats, [B] each, the lowest first: in closed form given the levels above it, and
    averaged over their K samples z [K, B, D]."""
    if not isinstance(q, Ladder):
        top = q.kl(p)
        assert top is not None
        return [top]
    assert isinstance(p, Ladder)
    above = z[..., q.lower_dim :]
    lower = q.lower(above).kl(p.lower(above))
    assert lower is not None
    return [lower.mean(0), *kl_of_levels(q.top, p.top, above)]


class LadderInference(genzoo.Inference):
    """A ladder's distributions for one batch. The KL is in closed form given the levels above, which are sampled."""

    def kl_of_levels(self) -> list[Tensor]:
        """Return the KL of each level, E KL(q(z₁|z₂, x)‖p(z₁|z₂)) first: nats, [B] each."""
        assert self.p is not None
        return kl_of_levels(self.q, self.p, self.z)

    def kl(self) -> Tensor:
        levels = self.kl_of_levels()
        return sum(levels[1:], levels[0])
