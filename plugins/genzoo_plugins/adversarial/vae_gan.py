"""A VAE whose reconstructions are compared with the data by what a discriminator sees in both."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.registry.parts import is_for_unit
from genzoo_plugins.adversarial.gan import Game, nonsaturating
from genzoo_plugins.autoencoders.with_prior import prior_samples
from genzoo_plugins.vae.vae import VAE


class VAEGAN(VAE):
    """A VAE whose p(x|z) has no spread that is learned: the loss compares features and would not train it."""

    def make_head(self) -> genzoo.Likelihood:
        head = super().make_head()
        if head.outputs == 1 and next(head.parameters(), None) is None:
            return head
        return genzoo.make_likelihood("bernoulli" if is_for_unit(self.spec.likelihood) else "gaussian")


class LearnedSimilarity(Game):
    """KL(q(z|x)‖p(z)) + ½‖f(x) − f(x̂)‖²/σ² − λ·ln D of reconstructions and samples, for the model; a discriminator's
    cross-entropy, whose last hidden layer is f (Larsen et al. 2016, arXiv 1512.09300, algorithm 1), in nats.

    ½‖f(x) − f(x̂)‖²/σ² is −ln p(f(x)|z) for a Gaussian around f(x̂), up to a constant; the paper has σ = 1. D's answers
    train what decodes and not the posterior, and the distance does not train f. λ is 1/γ of the paper: it weights the
    answers instead of the distance, so that one term trains the whole model. The generator's loss is the non-saturating
    one. Reconstructions and samples count half each, so that D is ½ at the solution. D's rate is a tenth of the
    model's, in place of the paper's thresholds on its loss, which a step would have to read.
    """

    accepts = VAEGAN
    phases = (
        genzoo.Phase(of="model"),
        genzoo.Phase("critic", of="loss", lr=0.1, betas=(0.5, 0.999)),
    )

    @genzoo.config
    class Config(Game.Config):
        answer_weight: genzoo.NonNegative = 1.0
        """λ, weight of the critic's answers."""
        feature_deviation: genzoo.Positive = 0.2
        """σ, deviation of the features: the less, the closer reconstructions are and the larger the KL."""

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        if phase == 1:
            with torch.no_grad():
                inference = model.infer(batch)
                fakes = model.decode(torch.cat([inference.z[0], drawn(inference)]))
            return {"critic": nonsaturating(self.scores(batch.x), self.scores(fakes))}
        inference = model.infer(batch)
        kl = inference.kl().mean()
        apart = self.features(batch.x) - self.features(inference.px.centre[0])
        distance = 0.5 * (apart / self.config.feature_deviation).square().sum(1).mean()
        fakes = model.decode(torch.cat([inference.z[0], drawn(inference)]).detach())
        fooling = F.softplus(-self.scores(fakes)).mean()
        return {
            "loss": kl + distance + self.config.answer_weight * fooling,
            "kl": kl.detach(),
            "distance": distance.detach(),
            "fooling": fooling.detach(),
        }


def drawn(inference: genzoo.Inference) -> Tensor:
    """Return as many samples of p(z) as the batch has codes: [B, *D]."""
    assert inference.p is not None
    return prior_samples(inference.p, inference.z[0])
