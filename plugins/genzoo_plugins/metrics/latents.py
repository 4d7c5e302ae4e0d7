"""Metrics of the latent space: its information, and its distance to the prior."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.evaluation.intervals import NORMAL_QUANTILE
from genzoo.evaluation.samplers import sampled_codes
from genzoo_plugins.metrics.bound import why_no_prior
from genzoo_plugins.metrics.classifier import WHAT, TwoSets
from genzoo_plugins.metrics.resampling import Interval
from genzoo_plugins.metrics.samples import beside, chosen
from genzoo_plugins.metrics.total_correlation import (
    correlations,
    covariance,
    gaussian_total_correlation,
    null_total_correlation,
    total_correlation_interval,
)

COLLAPSED = 0.01
"""KL in nats below which a latent carries no information on an example."""
SHARE = 0.99
"""Share of such examples at or above which a latent counts as collapsed."""
TRUSTED = 2000
"""Number of examples below which the estimate of the mutual information, at most ln N, is marked as too low."""
TOO_NEAR = 10
"""N must be at least this multiple of exp(I); with fewer examples the estimate is only a bound."""
SINGULAR = 1e-10
"""Eigenvalue of the correlation matrix below which a latent counts as a function of the others."""
CHUNK = 512


class KLMetric(genzoo.Metric):
    """A metric of the KL of each latent of each example."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        example = context.example
        assert example.p is not None
        return "the KL has no closed form" if example.q.kl_per_dim(example.p) is None else None

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        inference = examined.inference
        assert inference.p is not None
        terms = inference.q.kl_per_dim(inference.p)
        assert terms is not None
        return terms.flatten(1)

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some KLs are not finite"

    def standard_error(self, values: Tensor) -> float | None:
        return None


class KLPerDim(KLMetric):
    """The largest mean KL of one latent; details: the mean KL of every latent, in descending order."""

    label = "largest KL of a latent"
    unit = "nats"
    better = None

    def summarise(self, values: Tensor) -> float:
        return values.mean(0).max().item()

    def details(self, values: Tensor) -> dict[str, Any]:
        kl = values.mean(0).sort(descending=True).values
        above = int((kl >= COLLAPSED).sum())
        return {"sorted": kl.tolist(), "note": f"{above} of {len(kl)} latents at least {COLLAPSED}"}


class Collapsed(KLMetric):
    """Share of latents whose KL is below 0.01 nats for at least 99 % of the examples (Lucas et al. 2019)."""

    label = "collapsed latents"

    def summarise(self, values: Tensor) -> float:
        return ((values < COLLAPSED).double().mean(0) >= SHARE).double().mean().item()


class AggregateMetric(genzoo.Metric):
    """A metric of the aggregate posterior q(z), the mixture of the posteriors of at most 10,000 examples."""

    chosen: Tensor
    """[n]: indices of the examples."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        self.chosen = chosen(context.data)
        gaussian = isinstance(context.example.q, genzoo.DiagGaussian)
        return None if gaussian else "q(z|x) is not a diagonal Gaussian"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """Return mean and variance of q(z|x), one sample z and ln p(z): [B, 3D + 1]."""
        inference = examined.inference
        q = inference.q
        assert isinstance(q, genzoo.DiagGaussian)
        assert inference.p is not None
        parts = (q.mean, q.variance, inference.z[0])
        return torch.cat([part.flatten(1) for part in parts] + [inference.p.log_prob(inference.z[0])[:, None]], 1)

    def standard_error(self, values: Tensor) -> float | None:
        return None

    def split(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return means, variances and samples [N, D], and ln p(z) [N]."""
        values = values[self.chosen]
        mean, variance, z = values[:, :-1].chunk(3, 1)
        return mean, variance, z, values[:, -1]

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some codes are not finite"

    def noted(self, *notes: str, **known: Any) -> dict[str, Any]:
        """Return details, including those that all these metrics share."""
        n = len(self.chosen)
        parts = [f"ln N {math.log(n):.2f}", *([] if n >= TRUSTED else ["N too small"]), *notes]
        return {"n": n, "ln_n": math.log(n), **known, "note": ", ".join(parts)}


class MixtureMetric(AggregateMetric):
    """A metric based on ln q(z). The mixture of N posteriors overestimates q(z) at samples of its own components."""

    bound: ClassVar[str]
    """Which bound the metric is if N is small compared with exp(I), since I is at most ln N."""
    own: Tensor
    mixture: Tensor
    prior: Tensor

    def why_not_available(self, values: Tensor) -> str | None:
        if reason := super().why_not_available(values):
            return reason
        return None if bool((self.split(values)[1] > 0).all()) else "some posterior variances are 0"

    def summarise(self, values: Tensor) -> float:
        mean, variance, z, self.prior = self.split(values)
        self.own, self.mixture = log_densities(mean, variance, z)
        return self.terms(self.mixture).mean().item()

    def terms(self, mixture: Tensor) -> Tensor:
        """Return [N] values whose mean is the metric, given ln q(z) of each code."""
        raise NotImplementedError(f"{type(self).__name__} must define terms(mixture)")

    def details(self, values: Tensor) -> dict[str, Any]:
        n = len(self.chosen)
        flagged = (self.own - self.mixture).mean().item() > math.log(n / TOO_NEAR)
        interval = None if flagged else self.interval()
        notes = [*([self.bound] if flagged else []), *beside("95 %", interval)]
        return self.noted(*notes, interval_95=interval, bound=self.bound if flagged else None)

    def interval(self) -> Interval:
        """Return the 95 % interval: ln q(z) is too large with the code's own posterior and too small without it."""
        n, terms = len(self.own), self.terms(self.mixture)
        part = (self.own - self.mixture).exp() / n
        without = self.mixture + (-part.clamp_max(1 - 1e-12)).log1p() + math.log(n / (n - 1))
        half = NORMAL_QUANTILE * (terms.std() / n**0.5).item()
        low, high = sorted([terms.mean().item(), self.terms(without).mean().item()])
        return low - half, high + half


class MutualInformation(MixtureMetric):
    """I(x; z) under q: E[ln q(z|x) − ln q(z)] (Hoffman & Johnson 2016).

    q(z) is the mixture of N posteriors, so the value is at most ln N. Close to ln N it only shows that the posteriors
    do not overlap, and the marginal KL is too large by the difference.
    """

    label = "mutual information"
    unit = "nats"
    bound = "a lower bound"
    better = None

    def terms(self, mixture: Tensor) -> Tensor:
        return self.own - mixture


class MarginalKL(MixtureMetric):
    """KL(q(z)‖p(z)) = KL − I(x; z): from the aggregate posterior to the prior (Hoffman & Johnson 2016)."""

    label = "marginal KL"
    unit = "nats"
    bound = "an upper bound"

    def terms(self, mixture: Tensor) -> Tensor:
        return mixture - self.prior


class TotalCorrelation(AggregateMetric):
    """KL(N(0, C)‖ΠN(0, C_ii)) with C the covariance of z ~ q(z) (Locatello et al. 2019)."""

    label = "total correlation, Gaussian"
    unit = "nats"

    def why_not_available(self, values: Tensor) -> str | None:
        if reason := super().why_not_available(values):
            return reason
        z = self.split(values)[2]
        if len(z) <= z.shape[1]:
            return f"needs more than {z.shape[1]} examples"
        singular = torch.linalg.eigvalsh(correlations(covariance(z)))[0] < SINGULAR
        return "a latent is a function of others" if singular else None

    def summarise(self, values: Tensor) -> float:
        return gaussian_total_correlation(covariance(self.split(values)[2]))

    def details(self, values: Tensor) -> dict[str, Any]:
        """Return details: a bias-corrected interval, and the null interval for independent latents."""
        z = self.split(values)[2]
        n, latents = z.shape
        null = null_total_correlation(n, latents)
        notes = [*beside("independent latents", null), *beside("95 %", interval := total_correlation_interval(z))]
        bias = latents * (latents - 1) / (4 * n)
        return self.noted(*notes, null_95=null, interval_95=interval, bias=bias)


class PriorC2ST(genzoo.Metric):
    """AUROC of a classifier between codes z ~ q(z) of the data and z ~ p(z): ½ if the codes fill the prior."""

    label = "codes against prior, AUROC"
    ideal = 0.5
    chosen: Tensor
    drawn: Tensor
    """[n, D]: the same number of codes from the prior."""
    sets: TwoSets

    def refuses(self, model: genzoo.Model) -> str | None:
        if not isinstance(model, genzoo.Autoencoder):
            return "no latent variables"
        return "no prior p(z)" if model.prior() is None else None

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        if len(context.data) < 10:
            return "needs at least 10 examples"
        self.chosen = chosen(context.data)
        assert isinstance(context.model, genzoo.Decoder)
        prior = context.model.prior()
        assert prior is not None
        with seeded(torch.initial_seed()):  # independent of what was drawn before
            self.drawn = prior.rsample((len(self.chosen),)).flatten(1).cpu().double()
        return None if bool(self.drawn.isfinite().all()) else "some codes of the prior are not finite"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return sampled_codes(examined.model, examined.batch.x).flatten(1)

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some codes are not finite"

    def summarise(self, values: Tensor) -> float:
        self.sets = TwoSets(self.drawn, values[self.chosen])
        return self.sets.auroc()

    def standard_error(self, values: Tensor) -> float | None:
        return None

    def details(self, values: Tensor) -> dict[str, Any]:
        n, null = len(self.chosen), self.sets.null()
        note = ", ".join([*beside("one distribution", null), f"n {n:,}"])
        return {"n": n, "null_95": null, "classifier": WHAT, "note": note}


def log_densities(mean: Tensor, variance: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return ln q(z_i|x_i) and ln q(z_i) = ln (1/N) Σ_j q(z_i|x_j), each [N], for diagonal Gaussians.

    Args:
        mean, variance, z: [N, D], float64.
    """
    constant = variance.log().sum(1) + mean.shape[1] * math.log(2 * math.pi)
    own = -0.5 * ((z - mean).square() / variance).sum(1) - 0.5 * constant
    # (z − μ)² is expanded, so that all N² pairs are one matrix product.
    weights = torch.cat([1 / variance, -2 * mean / variance], 1)
    offset = (mean.square() / variance).sum(1) + constant
    sums = [
        torch.logsumexp(-0.5 * (torch.cat([part.square(), part], 1) @ weights.T + offset), 1) for part in z.split(CHUNK)
    ]
    return own, torch.cat(sums) - math.log(len(mean))
