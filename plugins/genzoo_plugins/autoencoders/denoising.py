"""The objective of denoising autoencoders."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal


class Denoising(genzoo.Loss):
    """−ln p(x|z) for the code z of x + σε, ε ~ N(0, I), in nats an example (Vincent et al. 2008, section 2.3; with
    Gaussian noise Vincent et al. 2010, section 3.3).

    For a Gaussian p(x|z) the best reconstruction of x̃ is x̃ + σ²∇ln p_σ(x̃), where p_σ is the density of the noisy
    data (Vincent 2011, Alain & Bengio 2014). The noise is part of this loss alone: codes, reconstructions and metrics
    are of x itself.
    """

    accepts = genzoo.LatentModel

    @genzoo.config
    class Config:
        sigma: genzoo.Positive = 0.3
        """σ, standard deviation of the noise, in the units of the model's input."""

    config: Config

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        if reason := super().refuses(model):
            return reason
        return "it adds noise to numbers, and these data are tokens" if model.spec.kind == "tokens" else None

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        noisy = batch._replace(x=batch.x + self.config.sigma * standard_normal((), batch.x))
        return {"loss": -model.infer(noisy).px.log_prob(batch.x).mean()}
