"""The evidence lower bound and its two terms, always at β = 1, and when they exist."""

from __future__ import annotations

from torch import Tensor

import genzoo
from genzoo.core.distributions import Support
from genzoo.evaluation.measures import measure_of, why_no_bound


class Reconstruction(genzoo.Metric):
    """E[−ln p(x|z)] under q(z|x), from one sample per example."""

    label = "reconstruction"
    unit = "nats"
    role = "distortion"

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.LatentModel) else "no latent variables"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return -examined.inference.px.log_prob(examined.batch.x)[0]


class BoundMetric(genzoo.Metric):
    """A metric that needs KL(q(z|x)‖p(z))."""

    unit = "nats"

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        return why_no_bound(context)


class KL(BoundMetric):
    """KL(q(z|x)‖p(z))."""

    label = "KL"
    better = None  # it is 0 for a model that ignores its codes
    role = "rate"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return examined.inference.kl()


class NegativeELBO(BoundMetric):
    """Reconstruction + KL at β = 1, whatever the β of the training (Kingma & Welling 2014, eq. 3)."""

    label = "−ELBO"
    role = "bound"
    baselines = ("independent_pixels", "uniform")

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return negative_elbo(examined)


def negative_elbo(examined: genzoo.EvaluationBatch) -> Tensor:
    """Return reconstruction + KL of each example in nats, [B], from one posterior sample."""
    inference = examined.inference
    return inference.kl() - inference.px.log_prob(examined.batch.x)[0]


def why_no_prior(model: genzoo.Model) -> str | None:
    """Return why a model has no prior, and so no KL and no ELBO; None if it has one."""
    if not isinstance(model, genzoo.LatentModel):
        return "no latent variables"
    return "no prior p(z)" if model.prior() is None else None


def why_no_likelihood(context: genzoo.EvaluationContext) -> str | None:
    """Return why p(x|z) is no likelihood of these data; None if it is one."""
    px = context.example.px
    if measure_of(px, context.data) != "none":
        return None
    return why_outside("p(x|z)", px.support)


def why_outside(called: str, support: Support) -> str:
    """Return why a distribution is no likelihood of data outside its support."""
    if support == "binary":
        return "pixels between black and white have no likelihood; use --binarize"
    kind = f"; they are not all {support}" if support != "any" else ""
    return f"{called} of these values is neither a density nor a probability{kind}"
