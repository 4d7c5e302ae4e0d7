"""A variational autoencoder of several views, and the bounds of fewer views than all."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.combinators import joined
from genzoo.core.distributions import full_precision
from genzoo.core.nets import Activation, mlp
from genzoo.core.observation import Laplace
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.structured.columns import NamesHead, Units, for_net, parts_of, size_of, width_of

MOST = 6
"""The largest number of views: six have 63 sets."""


class MultimodalVAE(genzoo.LatentModel):
    """p(z) Π p(x_m|z) over the views x_m, with p(z) = N(0, I) and a posterior for every set S of views.

    Each view has an expert, a diagonal Gaussian of z. The product of those of a set, q_S(z) ∝ p(z) Π_{m∈S} N(z; μ_m,
    σ_m²), is a Gaussian whose precision is 1 + Σ 1/σ_m². The posterior given the views V is

    - poe: q_V (Wu & Goodman 2018, section 2.2);
    - moe: the mean of q_S over the single views S = {m} of V (Shi et al. 2019, section 3);
    - mopoe: the mean of q_S over all sets S of views of V (Sutter et al. 2021, eq. 6).

    Data without parts have one view for each value. Where the width of a view of numbers is learned, `prepare` takes
    the units in which the nets see it from one training batch, as `TVAE` does.
    """

    kinds = ("vector",)

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        hidden: tuple[genzoo.Count, ...] = (400,)
        """Widths of the hidden layers of each view's encoder; its decoder has the same, reversed."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""
        experts: Literal["poe", "moe", "mopoe"] = "poe"
        """The posterior: a product of the views' experts, a mixture of them, or a mixture of products."""

    config: Config
    sets: Tensor
    smaller: Tensor

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.parts = parts_of(spec)
        if len(self.parts) > MOST:
            raise genzoo.UsageError(
                f"multimodal-vae is for at most {MOST} views; these data have {len(self.parts)}", "use vae or tvae"
            )
        heads = [head_of(part, spec.likelihood) for part in self.parts]
        self.heads, self.encoders, self.decoders = nn.ModuleList(heads), nn.ModuleList(), nn.ModuleList()
        self.units = nn.ModuleList(Units(size_of(part)) for part in self.parts)
        for part, head in zip(self.parts, heads, strict=True):
            self.encoders.append(mlp(width_of(part), config.hidden, 2 * config.latent_dim, config.activation))
            outputs = size_of(part) * head.outputs
            self.decoders.append(mlp(config.latent_dim, config.hidden[::-1], outputs, config.activation))
        self.register_buffer("sets", self.sets_within(range(len(self.parts))), persistent=False)
        smaller = every_set(range(len(self.parts)))[:-1] if config.experts == "poe" else []
        self.register_buffer("smaller", indicators(smaller, len(self.parts)), persistent=False)

    def sets_within(self, views: Sequence[int]) -> Tensor:
        """Return the sets of these views whose products of experts the posterior is the mean of, [sets, M]."""
        every = every_set(views)
        chosen = {"poe": every[-1:], "moe": every[: len(views)], "mopoe": every}[self.config.experts]
        return indicators(chosen, len(self.parts))

    def each_units(self) -> list[Units]:
        """Return the units of each view."""
        return [units for units in self.units if isinstance(units, Units)]

    def prepare(self, batch: genzoo.Batch) -> None:
        pieces = batch.x.split([size_of(part) for part in self.parts], -1)
        for units, head, piece in zip(self.each_units(), self.heads, pieces, strict=True):
            if learns_width(head):
                units.fit(piece)

    def products(self, x: Tensor, sets: Tensor) -> genzoo.DiagGaussian:
        """Return q_S for each of the sets [S, M] of views: batch shape [B, S], event shape [D]."""
        pieces = x.split([size_of(part) for part in self.parts], -1)
        each = zip(self.encoders, self.each_units(), pieces, self.parts, strict=True)
        experts = [encoder(for_net(units.inverse(piece)[0], part)) for encoder, units, piece, part in each]
        mean, log_var = full_precision(torch.stack(experts, 1)).chunk(2, -1)  # [B, M, D]
        members = sets.to(mean)
        weights = torch.exp(-log_var)
        precision = 1 + members @ weights
        return genzoo.DiagGaussian(members @ (weights * mean) / precision, -precision.log())

    def posterior(self, x: Tensor, views: Sequence[str] | None = None) -> genzoo.Distribution:
        """Return q(z|x), or q(z|x_V) given these views V only; the values of the others are not used.

        Raises:
            UsageError: There is no such view, or none is named.
        """
        q = self.products(x, self.sets if views is None else self.sets_within(self.places(views)).to(x.device))
        sets = q.shape[1]
        if sets == 1:
            return genzoo.DiagGaussian(q.mean[:, 0], q.log_var[:, 0])  # type: ignore[index]
        return genzoo.Mixture(q, q.mean.new_zeros(sets))

    def places(self, views: Sequence[str]) -> list[int]:
        """Return the numbers of views, in their order.

        Raises:
            UsageError: There is no such view, or none is named.
        """
        names = [part.name for part in self.parts]
        if wrong := [view for view in views if view not in names]:
            raise genzoo.UsageError(f"there is no view {wrong[0]}", f"views: {', '.join(names)}")
        if not views:
            raise genzoo.UsageError("no view is given", f"views: {', '.join(names)}")
        return sorted({names.index(view) for view in views})

    def prior(self) -> genzoo.StandardNormal:
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def likelihood(self, z: Tensor) -> genzoo.Composite:
        each = zip(self.heads, self.each_units(), self.decoders, strict=True)
        given = [(head(decoder(z)), units if learns_width(head) else None) for head, units, decoder in each]
        return genzoo.Composite([p if units is None else genzoo.Transformed(p, units) for p, units in given])

    def complete(self, x: Tensor, views: Sequence[str]) -> Tensor:
        """Return rows [B, F] decoded from these views of x alone: the others are guessed from them."""
        return self.decode(self.posterior(x, views).centre)

    def bounds(self, x: Tensor, sets: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
        """Return E −ln p(x_S|z) and KL(q_S‖p(z)) in nats for each of the sets [S, M] of views: [B, S] each."""
        q = self.products(x, sets)
        z = joined(q, 1).rsample((k,))  # an example's noise is that of all its sets
        px = self.likelihood(z.flatten(0, 2)).unflatten(tuple(z.shape[:3]))
        rows = x[:, None].expand(-1, len(sets), -1).split(px.sizes, -1)
        each = [view.log_prob(piece).mean(0) for view, piece in zip(px.parts, rows, strict=True)]  # [B, S] of M
        kl = q.kl(self.prior())
        assert kl is not None, "two Gaussians have a closed form"
        return -(torch.stack(each, -1) * sets).sum(-1), kl


def every_set(views: Sequence[int]) -> list[tuple[int, ...]]:
    """Return all sets of views but the empty one, single views first and the set of all last."""
    return [chosen for size in range(len(views)) for chosen in itertools.combinations(views, size + 1)]


def indicators(sets: Sequence[Sequence[int]], views: int) -> Tensor:
    """Return which views each set has, as 0 and 1: [sets, views]."""
    return torch.tensor([[float(view in members) for view in range(views)] for members in sets]).view(-1, views)


def head_of(part: genzoo.Part, likelihood: str) -> NamesHead | genzoo.Likelihood:
    """Return what makes p(x_m|z) of a view: names are categorical, numbers have the likelihood of the data."""
    return NamesHead(part.levels) if part.levels else genzoo.make_likelihood(likelihood)


def learns_width(head: nn.Module) -> bool:
    """Return whether p(x_m|z) is of real numbers, with a width that is learned: then it can be in any units."""
    if not isinstance(head, genzoo.Likelihood) or head.symbol:
        return False
    return issubclass(head.family, (genzoo.DiagGaussian, Laplace))


class Views(ELBO):
    """−ELBO of all views, plus that of every smaller set of views S, E −ln p(x_S|z) + KL(q_S‖p(z)), times `smaller`.

    A product of experts needs the smaller sets: else no expert is trained to be alone (Wu & Goodman 2018, eq. 4, with
    every set in place of random ones). In the posterior of a mixture each expert has its own part of the one ELBO, and
    there are no further terms. "negative_elbo" is always that of all views. All bounds are over the same examples.
    """

    accepts = MultimodalVAE

    @genzoo.config
    class Config(ELBO.Config):
        smaller: genzoo.NonNegative = 1.0
        """Weight of the bounds of smaller sets of views, for a product of experts."""

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, MultimodalVAE)
        terms = super().forward(model, batch, step)
        if not self.config.smaller or not len(model.smaller):
            return terms
        reconstruction, kl = (
            part.mean(0) for part in model.bounds(batch.x, model.smaller, self.config.posterior_samples)
        )
        smaller = (reconstruction + self.pressure(kl, step)).sum()
        loss = terms["loss"] + self.config.smaller * smaller
        return {**terms, "loss": loss, "smaller": smaller.detach()}
