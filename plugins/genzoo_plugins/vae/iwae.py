"""The importance-weighted bound as an objective."""

from __future__ import annotations

import math

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
        k = self.config.posterior_samples
        inference = model.infer(batch, k)
        assert inference.p is not None
        log_likelihood = inference.px.log_prob(batch.x)  # [K, B]
        log_weights = log_likelihood + inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
        reconstruction, kl = -log_likelihood.detach().mean(), inference.kl().detach().mean()
        return {
            "loss": math.log(k) - log_weights.logsumexp(0).mean(),
            "negative_elbo": reconstruction + kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }
