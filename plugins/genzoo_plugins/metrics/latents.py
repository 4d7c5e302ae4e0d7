"""Whether the latent space is used, and whether its codes fill the prior."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.metrics.bound import why_no_prior
from genzoo_plugins.metrics.classifier import WHAT, c2st
from genzoo_plugins.metrics.samples import chosen

COLLAPSED = 0.01
"""Nats below which one latent of one example says nothing."""
SHARE = 0.99
"""Share of examples in which that makes a latent collapsed."""
TRUSTED = 2000
"""Examples below which the mutual information, at most ln N, is too low."""
CHUNK = 512


class KLMetric(genzoo.Metric):
    """Looks at the KL of each latent of each example."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, subject: genzoo.Subject) -> str | None:
        example = subject.example
        assert example.p is not None
        return "the KL has no closed form" if example.q.kl_per_dim(example.p) is None else None

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        inference = examined.inference
        assert inference.p is not None
        terms = inference.q.kl_per_dim(inference.p)
        assert terms is not None
        return terms.flatten(1)

    def standard_error(self, values: Tensor) -> float | None:
        return None


class KLPerDim(KLMetric):
    """The largest KL of one latent, averaged over examples; beside it those of all, in falling order."""

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
    """Share of latents whose KL is below 0.01 nats in 99 % of examples or more (Lucas et al. 2019)."""

    label = "collapsed latents"

    def summarise(self, values: Tensor) -> float:
        return ((values < COLLAPSED).double().mean(0) >= SHARE).double().mean().item()


class AggregateMetric(genzoo.Metric):
    """Looks at q(z), the mixture of all posteriors, of at most 10,000 examples."""

    chosen: Tensor
    """[n]: which examples."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, subject: genzoo.Subject) -> str | None:
        self.chosen = chosen(subject.data)
        gaussian = isinstance(subject.example.q, genzoo.DiagGaussian)
        return None if gaussian else "q(z|x) is no diagonal Gaussian"

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        """[B, 3D + 1]: mean, variance and one sample of q(z|x), and ln p(z) of that."""
        inference = examined.inference
        q = inference.q
        assert isinstance(q, genzoo.DiagGaussian)
        assert inference.p is not None
        parts = (q.mean, q.variance, inference.z[0])
        return torch.cat([part.flatten(1) for part in parts] + [inference.p.log_prob(inference.z[0])[:, None]], 1)

    def standard_error(self, values: Tensor) -> float | None:
        return None

    def split(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Means, variances and samples [N, D], and ln p(z) [N]."""
        values = values[self.chosen]
        mean, variance, z = values[:, :-1].chunk(3, 1)
        return mean, variance, z, values[:, -1]

    def details(self, values: Tensor) -> dict[str, Any]:
        n = len(self.chosen)
        return {"n": n, "ln_n": math.log(n), "note": f"ln N {math.log(n):.2f}{'' if n >= TRUSTED else ', N too small'}"}


class MutualInformation(AggregateMetric):
    """I(x; z) under q: E[ln q(z|x) − ln q(z)] (Hoffman & Johnson 2016).

    q(z) is the mixture of N posteriors, so that the figure is at most ln N: near it, it says no more than that the
    posteriors do not overlap, and the marginal KL is too large by what is missing.
    """

    label = "mutual information"
    unit = "nats"
    better = None

    def summarise(self, values: Tensor) -> float:
        mean, variance, z, _ = self.split(values)
        own, mixture = log_densities(mean, variance, z)
        return (own - mixture).mean().item()


class MarginalKL(AggregateMetric):
    """KL(q(z)‖p(z)) = KL − I(x; z): how far the codes of all examples are from the prior (same source)."""

    label = "marginal KL"
    unit = "nats"

    def summarise(self, values: Tensor) -> float:
        mean, variance, z, prior = self.split(values)
        return (log_densities(mean, variance, z)[1] - prior).mean().item()


class TotalCorrelation(AggregateMetric):
    """KL(N(0, C)‖ΠN(0, C_ii)) with C the covariance of z ~ q(z): what its latents share (Locatello et al. 2019)."""

    label = "total correlation, Gaussian"
    unit = "nats"

    def summarise(self, values: Tensor) -> float:
        return gaussian_total_correlation(torch.atleast_2d(self.split(values)[2].T.cov()))


class PriorC2ST(genzoo.Metric):
    """AUROC of a classifier that tells codes z ~ q(z) of the data from z ~ p(z): ½ where the codes fill the prior."""

    label = "codes told from prior, AUROC"
    ideal = 0.5
    chosen: Tensor
    drawn: Tensor
    """[n, D]: as many codes from the prior."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model)

    def begin(self, subject: genzoo.Subject) -> str | None:
        if len(subject.data) < 10:
            return "needs 10 examples"
        self.chosen = chosen(subject.data)
        prior = subject.example.p
        assert prior is not None
        self.drawn = prior.rsample((len(self.chosen),)).flatten(1).cpu().double()
        return None

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        return examined.inference.z[0].flatten(1)

    def summarise(self, values: Tensor) -> float:
        return c2st(self.drawn, values[self.chosen])

    def standard_error(self, values: Tensor) -> float | None:
        return None

    def details(self, values: Tensor) -> dict[str, Any]:
        return {"n": len(self.chosen), "classifier": WHAT, "note": f"n {len(self.chosen):,}"}


def log_densities(mean: Tensor, variance: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """ln q(z_i|x_i) and ln q(z_i) = ln (1/N) Σ_j q(z_i|x_j), each [N], of diagonal Gaussians; all [N, D], float64."""
    constant = variance.log().sum(1) + mean.shape[1] * math.log(2 * math.pi)
    own = -0.5 * ((z - mean).square() / variance).sum(1) - 0.5 * constant
    # The square of z − μ multiplied out: N² pairs as one product of matrices.
    weights = torch.cat([1 / variance, -2 * mean / variance], 1)
    offset = (mean.square() / variance).sum(1) + constant
    sums = [
        torch.logsumexp(-0.5 * (torch.cat([part.square(), part], 1) @ weights.T + offset), 1) for part in z.split(CHUNK)
    ]
    return own, torch.cat(sums) - math.log(len(mean))


def gaussian_total_correlation(covariance: Tensor) -> float:
    """½ (Σ ln C_ii − ln |C|) in nats: 0 for a diagonal C."""
    return 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance)).item()
