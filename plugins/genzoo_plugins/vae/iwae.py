"""The importance-weighted bound as an objective, and its variants with several bounds."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import genzoo


class ImportanceWeighted(genzoo.Loss):
    """−L_k = −E ln (1/k) Σᵢ p(x|zᵢ)p(zᵢ)/q(zᵢ|x), zᵢ ~ q(z|x), in nats an example (Burda et al. 2016, eq. 8).

    L_1 is the evidence lower bound with its KL estimated from the sample; L_k rises with k towards ln p(x). The terms
    "negative_elbo", "reconstruction" and "kl" are of the same samples: "negative_elbo" − "loss" is what the importance
    weights gain.
    """

    accepts = genzoo.LatentModel
    needs_prior = True

    @genzoo.config
    class Config:
        posterior_samples: genzoo.Count = 5
        """k, posterior samples an example in the bound; the paper has 5 and 50."""

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch, self.samples())
        assert inference.p is not None
        log_likelihood = inference.px.log_prob(batch.x)  # [K, B]
        log_weights = log_likelihood + inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
        reconstruction, kl = -log_likelihood.detach().mean(), inference.kl().detach().mean()
        return {
            "loss": self.objective(log_weights, model, batch, inference),
            "negative_elbo": reconstruction + kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }

    def samples(self) -> int:
        """Return how many posterior samples an example a step draws."""
        return self.config.posterior_samples

    def objective(
        self, log_weights: Tensor, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> Tensor:
        """Return what is minimised, a scalar, from the ln p(x, z)/q(z|x) of all samples, [K, B]."""
        return negative_bound(log_weights)


def negative_bound(log_weights: Tensor, groups: int = 1) -> Tensor:
    """Return −L_k of the ln p(x, z)/q(z|x) [M·K, B], averaged over M groups of k samples and over the batch."""
    k = len(log_weights) // groups
    return math.log(k) - log_weights.view(groups, k, -1).logsumexp(1).mean()


class MultiplyImportanceWeighted(ImportanceWeighted):
    """−1/M Σ_m L_k of M independent groups of k samples (MIWAE; Rainforth et al. 2018, eq. 11).

    k = 1 gives the ELBO, M = 1 the importance-weighted bound. The encoder's gradient is less noisy for more groups.
    """

    @genzoo.config
    class Config:
        groups: genzoo.Count = 4
        """M, the number of bounds that are averaged; the paper has 8."""
        posterior_samples: genzoo.Count = 4
        """k, posterior samples an example in each bound."""

    config: Config  # type: ignore[assignment]

    def samples(self) -> int:
        return self.config.groups * self.config.posterior_samples

    def objective(
        self, log_weights: Tensor, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> Tensor:
        return negative_bound(log_weights, self.config.groups)


class PartiallyImportanceWeighted(MultiplyImportanceWeighted):
    """The encoder is trained by −1/M Σ_m L_k, decoder and prior by −L_{M·k} of the same samples (PIWAE; Rainforth et
    al. 2018, section 4). "loss" is the latter.

    Each z is decoded once more, without its gradient. The encoder gets ∂ ln p(x, z)/∂z of that pass.
    """

    second_order = True

    def objective(
        self, log_weights: Tensor, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> Tensor:
        assert inference.p is not None
        z, log_q = inference.z, inference.q.log_prob(inference.z)
        with torch.enable_grad():
            point = z.detach().requires_grad_()
            px = model.likelihood(point.flatten(0, 1)).unflatten((len(z), len(batch.x)))
            joint = px.log_prob(batch.x) + inference.p.log_prob(point)
            (slope,) = torch.autograd.grad(joint.sum(), point, retain_graph=True)
        along = (slope * (z - z.detach())).flatten(2).sum(2)  # 0, with the gradient of ln p(x, z) to the encoder
        encoder = negative_bound(joint.detach() + along - log_q, self.config.groups)
        return negative_bound(joint - log_q.detach()) + encoder - encoder.detach()


class CombinedImportanceWeighted(ImportanceWeighted):
    """β·(−ELBO) + (1 − β)·(−L_k), both of the same samples (CIWAE; Rainforth et al. 2018, eq. 12)."""

    @genzoo.config
    class Config:
        share: genzoo.Fraction = 0.5
        """β, the share of the ELBO."""
        posterior_samples: genzoo.Count = 16
        """k, posterior samples an example in both bounds."""

    config: Config  # type: ignore[assignment]

    def objective(
        self, log_weights: Tensor, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> Tensor:
        return torch.lerp(negative_bound(log_weights), -log_weights.mean(), self.config.share)
