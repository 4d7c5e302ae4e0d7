"""DIP-VAE's objective: the covariance of the aggregate posterior is brought to the identity."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision
from genzoo_plugins.vae.gaussian_posterior import why_not_gaussian


def covariance(q: genzoo.Distribution, version: Literal["I", "II"]) -> Tensor:
    """Return Cov μ(x) over a batch (I), or with the mean of the posterior variances added (II): then it is that of
    q(z) = E q(z|x), by the law of total covariance. [D, D].

    Args:
        q: q(z|x), batch shape [B], a diagonal Gaussian for II.
        version: The version of the paper.
    """
    mean = full_precision(genzoo.gather(q.centre.flatten(1)))
    centred = mean - mean.mean(0)
    found = centred.T @ centred / len(mean)
    if version == "I":
        return found
    assert isinstance(q, genzoo.DiagGaussian)
    return found + genzoo.gather(q.variance.flatten(1)).mean(0).diag()


class DIP(genzoo.Loss):
    """−ELBO + λ_o·Σ_{i≠j} C_ij² + λ_d·Σ (C_ii − 1)², C the covariance of the means (I) or of the codes (II) (Kumar,
    Sattigeri & Balakrishnan 2018, eq. 6 and 7).

    C is that of the batch, divided by B: exact for a batch of all data. So the examples of a batch are compared with
    each other, and the loss of a batch is not the mean of the losses of its examples.
    """

    accepts = genzoo.LatentModel
    needs_prior = True
    rate_options = {"off_diagonal": "λ"}

    @genzoo.config
    class Config:
        version: Literal["I", "II"] = "II"
        """Whose covariance: that of the posterior's means (I), or of its samples (II)."""
        off_diagonal: genzoo.NonNegative = 10.0
        """λ_o, weight of the squared covariances of two latents."""
        diagonal: genzoo.NonNegative = 10.0
        """λ_d, weight of (variance − 1)² of each latent."""

    config: Config

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        if reason := super().refuses(model):
            return reason
        assert isinstance(model, genzoo.LatentModel)
        return why_not_gaussian(model)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        c = covariance(inference.q, self.config.version)
        variances = c.diagonal()
        diagonal = (variances - 1).square().sum()
        others = (c - variances.diag()).square().sum()
        penalty = self.config.off_diagonal * others + self.config.diagonal * diagonal
        return {
            "loss": reconstruction + kl + penalty,
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            "covariances": others.detach(),
            "variances": diagonal.detach(),
        }
