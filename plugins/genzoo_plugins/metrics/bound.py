"""The evidence lower bound and its two terms, always at β = 1."""

from __future__ import annotations

from torch import Tensor

import genzoo


class Reconstruction(genzoo.Metric):
    """E[−ln p(x|z)] under q(z|x), one sample an example."""

    label = "reconstruction"
    unit = "nats"

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.LatentModel) else "no latent variables"

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        return -examined.inference.px.log_prob(examined.batch.x)[0]


class KL(genzoo.Metric):
    """KL(q(z|x)‖p(z))."""

    label = "KL"
    unit = "nats"

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        return examined.inference.kl()


class NegativeELBO(genzoo.Metric):
    """Reconstruction + KL, whatever β the model was trained with (Kingma & Welling 2014, eq. 3)."""

    label = "−ELBO"
    unit = "nats"

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        inference = examined.inference
        return inference.kl() - inference.px.log_prob(examined.batch.x)[0]


def why_no_prior(model: genzoo.Model) -> str | None:
    """Why a model has no prior, and so neither KL nor ELBO; None if it has."""
    if not isinstance(model, genzoo.LatentModel):
        return "no latent variables"
    return "no prior p(z)" if model.prior() is None else None
