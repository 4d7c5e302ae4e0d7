"""Distributions over levels of latents that a decoder draws on its way, each given those before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal

Choose = Callable[[genzoo.DiagGaussian, genzoo.DiagGaussian | None], Tensor]
"""Returns z of a level, [N, D], given p(z|…) of it and q(z|…, x), which is None without x."""
Pick = Callable[[genzoo.DiagGaussian], Tensor]
"""Returns z of a level, [N, D], given its distribution."""


class Descending(Protocol):
    """A model whose decoder draws the levels."""

    sizes: list[int]
    """The length of each level, the top one first."""

    def descend(self, choose: Choose, seen: Sequence[Tensor]) -> Tensor:
        """Return the decoder's output for the latents that are chosen on the way down; `seen` is that of `TopDown`."""
        ...


class Walk(NamedTuple):
    """One way through all levels, for N rows."""

    z: Tensor
    """[N, D]."""
    raw: Tensor
    """What the decoder puts out, [N, …]."""
    log_prob: Tensor
    """ln of the density of z, [N]."""
    kl: Tensor
    """KL(q‖p) of each level given those before it, [N, L]; without x there is none."""


class TopDown(genzoo.Distribution):
    """p(z) = Π p(z_l|z_<l), or q(z|x) = Π q(z_l|z_<l, x): the levels of z side by side, the top one first.

    Args:
        model: The model whose decoder draws the levels.
        batch: The batch shape; () for p(z).
        seen: What the encoder says of x, for all N elements of the batch: the parameters of the top level [N, 2D], and
            the maps for each scale; None: p(z).
    """

    def __init__(self, model: Descending, batch: tuple[int, ...] = (), seen: Sequence[Tensor] = ()) -> None:
        super().__init__(event_dims=1)
        self.model, self.batch, self.seen = model, batch, seen
        self.drawn: tuple[Tensor, Walk] | None = None
        """The samples drawn last, and how."""

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.batch, sum(self.model.sizes)))

    @property
    def centre(self) -> Tensor:
        """The mean of each level, given the means of those before it."""
        return self.walk(lambda d: d.mean.view(-1, d.mean.shape[-1])).z.view(self.shape)

    def walk(self, pick: Pick, times: int = 1) -> Walk:
        """Go through the levels, `times` for each element of the batch."""
        taken: list[Tensor] = []
        costs: list[Tensor] = []
        levels: list[Tensor] = []

        def choose(p: genzoo.DiagGaussian, q: genzoo.DiagGaussian | None) -> Tensor:
            own = p if q is None else q
            taken.append(pick(own))
            costs.append(own.log_prob(taken[-1]))
            if q is not None and (divergence := q.kl(p)) is not None:
                levels.append(divergence)
            return taken[-1]

        raw = self.model.descend(choose, [part.repeat(times, *(1,) * (part.dim() - 1)) for part in self.seen])
        total = torch.stack(costs, 1).sum(1)
        return Walk(torch.cat(taken, 1), raw, total, torch.stack(levels, 1) if levels else total.new_zeros(0))

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        def drawn(d: genzoo.DiagGaussian) -> Tensor:
            size = d.mean.shape[-1]
            noise = standard_normal(sample_shape, d.mean.new_empty(*self.batch, size), len(self.batch))
            return d.mean + d.variance.sqrt() * noise.reshape(-1, size)

        walk = self.walk(drawn, math.prod(sample_shape))
        z = walk.z.view(*sample_shape, *self.shape)
        self.drawn = z, walk
        return z

    def along(self, z: Tensor) -> Walk:
        """Return the way of given latents, [*, *batch, D]."""
        if self.drawn is not None and self.drawn[0] is z:
            return self.drawn[1]
        levels = iter(z.reshape(-1, z.shape[-1]).split(self.model.sizes, 1))
        return self.walk(lambda _: next(levels), math.prod(z.shape[: z.dim() - len(self.shape)]))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        value = value if value.dim() >= len(self.shape) else value.expand(self.shape)
        return self.along(value).log_prob.view(value.shape[:-1])

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.model, (*sizes, *self.batch[1:]), self.seen)


class TopDownInference(genzoo.Inference):
    """The distributions for one batch. The KL of each level is in closed form given samples of those before it."""

    def kl(self) -> Tensor:
        assert isinstance(self.q, TopDown)
        return self.q.along(self.z).kl.sum(1).view(self.z.shape[:-1]).mean(0)
