"""β-TCVAE's objective: the KL in three parts, of which the total correlation has its own weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.vae.gaussian_posterior import why_not_gaussian


class Parts(NamedTuple):
    """The parts of ln q(z|x) − ln p(z), in nats, [B] each (Chen et al. 2018, eq. 2). Their sum is exact."""

    mutual_information: Tensor
    """ln q(z|x) − ln q(z)"""
    total_correlation: Tensor
    """ln q(z) − Σ ln q(z_d)"""
    dimension_wise: Tensor
    """Σ ln q(z_d) − ln p(z)"""


def decompose(q: genzoo.DiagGaussian, p: genzoo.Distribution, z: Tensor, size: int) -> Parts:
    """Decompose the KL of a batch, with q(z) = 1/N Σ q(z|xₙ) estimated from the batch alone.

    The estimate is the paper's stratified one (appendix C.2): a code's own posterior has weight 1/N, as among all N
    examples, and the others share the rest equally. (The paper gives one of the others a different weight: the same
    mean, more noise.) The weights sum to 1, so TC is exactly 0 if all posteriors are equal. In a batch of all N
    examples q(z) is exact.

    Args:
        q: q(z|x), batch shape [B].
        p: p(z).
        z: [B, *D], one sample of each.
        size: N, the number of training examples.
    """
    b = len(z)
    mean, log_var = q.mean, q.log_var * torch.ones_like(q.mean)
    each = genzoo.DiagGaussian(mean.flatten(1), log_var.flatten(1), event_dims=0)
    pairs = each.log_prob(z.flatten(1)[:, None].expand(b, b, -1))  # [i, j, d]: ln q(z_d of example i | x of example j)
    n = max(size, b) if b > 1 else 1
    others = (n - 1) / (n * max(b - 1, 1))
    weights = torch.full_like(pairs[..., 0], math.log(others) if n > 1 else 0.0).fill_diagonal_(-math.log(n))
    joint = (pairs.sum(2) + weights).logsumexp(1)
    product = (pairs + weights[..., None]).logsumexp(1).sum(1)
    return Parts(q.log_prob(z) - joint, joint - product, product - p.log_prob(z))


class TC(genzoo.Loss):
    """−ELBO + (β − 1)·TC, with TC = KL(q(z)‖Π q(z_d)) in nats (Chen et al. 2018, eq. 4 with α = γ = 1).

    So the total correlation, a part of the KL, has weight β in all, and β = 1 is the ELBO. The KL is the model's own,
    in closed form if it has one; "mutual_information", "total_correlation" and "dimension_wise" are the batch's
    estimates of its parts. They compare the examples of a batch with each other, so the loss of a batch is not the mean
    of the losses of its examples.
    """

    accepts = genzoo.LatentModel
    needs_prior = True
    rate_options = {"beta": "β"}

    @genzoo.config
    class Config:
        beta: genzoo.NonNegative = 6.0
        """Weight of the total correlation within the KL; 1 is the ELBO."""

    config: Config

    @classmethod
    def against_collapse(cls, options: Mapping[str, Any]) -> list[str]:
        beta = options.get("beta", 0)
        return [f"lower --beta, now {beta:g}"] if beta > 1 else []

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        if reason := super().refuses(model):
            return reason
        assert isinstance(model, genzoo.LatentModel)
        if not model.spec.size:
            return "it needs the number of training examples, which this dataset does not say"
        return why_not_gaussian(model)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        q, p = inference.q, inference.p
        assert isinstance(q, genzoo.DiagGaussian)
        assert p is not None
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        mean, log_var = (genzoo.gather(part) for part in (q.mean, q.log_var * torch.ones_like(q.mean)))
        whole = genzoo.DiagGaussian(mean, log_var, q.event_dims)
        parts = Parts(*(part.mean() for part in decompose(whole, p, genzoo.gather(inference.z[0]), model.spec.size)))
        return {
            "loss": reconstruction + kl + (self.config.beta - 1) * parts.total_correlation,
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            **{name: part.detach() for name, part in parts._asdict().items()},
        }
