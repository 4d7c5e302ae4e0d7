"""Values for figures of the latent space: posteriors, scales, principal axes, grids of codes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.distributions import DiagGaussian
from genzoo.core.model import Decoder, Encoder, LatentModel, Model
from genzoo.data.batching import evaluation_batch, in_parts
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.evaluation.pca import axes_of_covariance, axes_of_points

FITTED = 1024
"""Number of points for principal axes in more dimensions than this."""


class Posteriors(NamedTuple):
    """q(z|x) of a whole split, latents flattened to D, float64 on the CPU."""

    mean: Tensor
    """[N, D] posterior means."""
    kl: Tensor | None
    """[D] KL(q‖p) of each latent in nats, the mean over examples; None without a prior or a closed form."""

    @property
    def variance(self) -> Tensor:
        """[D] variance of the posterior mean over examples; active units exceed a threshold (Burda et al. 2016)."""
        return self.mean.var(0, unbiased=False)

    def ranking(self) -> Tensor:
        """Return the latents [D] sorted by KL, largest first, or by variance without a KL."""
        return (self.variance if self.kl is None else self.kl).argsort(descending=True, stable=True)


@torch.no_grad()
def posteriors(model: Model, data: Resident) -> Posteriors:
    """Return the posteriors, or the codes of a model without posterior, of every example of a split."""
    if not isinstance(model, LatentModel):
        return Posteriors(codes(model, data), None)
    prior = model.prior()
    means, total = [], None
    for index in torch.arange(len(data), device=data.device).split(evaluation_batch(model.spec)):
        q = model.posterior(data.batch(index).x)
        means.append(q.centre.flatten(1).cpu().double())
        terms = None if prior is None else q.kl_per_dim(prior)
        if terms is not None:
            part = terms.flatten(1).cpu().double().sum(0)
            total = part if total is None else total + part
    return Posteriors(torch.cat(means), None if total is None else total / len(data))


def codes(model: Model, data: Resident) -> Tensor:
    """Return encode(x) of every example of a split, [N, D] float64 on the CPU."""
    assert isinstance(model, Encoder)
    every = torch.arange(len(data), device=data.device)
    return in_parts(
        lambda index: model.encode(data.batch(index).x).flatten(1).cpu().double(), every, evaluation_batch(model.spec)
    )


class Scale(NamedTuple):
    """Centre and spread of each latent, [D] float64 on the CPU."""

    centre: Tensor
    deviation: Tensor


def prior_scale(model: Decoder) -> Scale | None:
    """Return mean and standard deviation of a Gaussian prior; None for another prior."""
    prior = model.prior()
    if not isinstance(prior, DiagGaussian):
        return None
    return Scale(prior.mean.flatten().cpu().double(), prior.variance.flatten().cpu().double().sqrt())


class PrincipalAxes(NamedTuple):
    """The two directions in which points vary most."""

    centre: Tensor
    """[F] mean of the points."""
    vectors: Tensor
    """[F, 2] unit vectors; the largest entry of each is positive."""
    share: list[float]
    """Fraction of the total variance along each vector."""


def principal_axes(points: Tensor) -> PrincipalAxes:
    """Return the principal axes of points [N, F], F ≥ 2."""
    centre = points.mean(0)
    if points.shape[1] > FITTED:
        points = points[fixed_permutation(len(points))[:FITTED]]
    centred = (points if len(points) > 1 else points.repeat(2, 1)) - centre
    if len(centred) < centred.shape[1]:
        values, vectors = axes_of_points(centred, 2)
    else:
        values, vectors = axes_of_covariance(centred.T.cov(correction=0), 2)
    vectors = vectors[:, [-1, -2]]
    signs = vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
    share = values[[-1, -2]].clamp_min(0) / values.clamp_min(0).sum().clamp_min(1e-30)
    return PrincipalAxes(centre, vectors * signs, share.tolist())


def share_text(share: float) -> str:
    """Return a fraction of the variance as text."""
    return f"{100 * share:.0f} % of the variance"


def sweep(code: Tensor, dims: Tensor, deviation: Tensor, offsets: Tensor) -> Tensor:
    """Return copies of a code [D], each with one latent moved by `offsets` times its deviation: [len(dims), T, D]."""
    codes = code.expand(len(dims), len(offsets), -1).clone()
    for row, dim in enumerate(dims.tolist()):
        codes[row, :, dim] += offsets * deviation[dim]
    return codes


def quantile_grid(scale: Scale, n: int) -> Tensor:
    """Return codes at the (i + ½)/n quantiles of a 2-D Gaussian: [n, n, 2], z₂ falling with the row, z₁ rising."""
    normal = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)
    across, down = (scale.centre[d] + scale.deviation[d] * normal for d in (0, 1))
    return torch.stack(torch.meshgrid(across, down.flip(0), indexing="xy"), -1)
