"""What is known of classes as latents: with few of them every expectation is a sum."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.discrete.gumbel_vae import GumbelVAE

LATENTS, CLASSES, DRAWS = 2, 3, 40_000
TOO_FAR = 4.5
"""Standard errors."""


@torch.no_grad()
def gumbel_vae() -> Iterator[Case]:
    """ELBO and ln p(x) are sums over all 9 values of 2 latents of 3 classes; relaxed samples peak by the same law."""
    model, x = _model(), torch.tensor([[1.0, 0, 0, 1, 1], [0, 1, 1, 0, 0]])
    z = model.latents(torch.tensor(list(itertools.product(range(CLASSES), repeat=LATENTS))))  # [9, 2, 3]
    q, p = model.posterior(x), model.prior()
    weights = q.log_prob(z[:, None].expand(9, 2, LATENTS, CLASSES)).double()  # ln q(z|x), [9, B]
    joint = torch.stack([p.log_prob(z) + model.likelihood(z).log_prob(one) for one in x], 1).double()
    bound = (weights.exp() * (joint - weights)).sum(0)
    log_p = joint.logsumexp(0)
    gap = (weights.exp() * (weights - (joint - log_p))).sum(0)
    yield Case("Σ q(z|x) over the 9 values", weights.exp().sum(0).mean().item(), 1.0, 1e-5)
    yield Case("−ELBO by all values is above −ln p(x), nats", -bound.sum().item(), -log_p.sum().item(), 0.0, True)
    yield Case("ln p(x) − ELBO is KL(q‖p(z|x)), nats", (log_p - bound).sum().item(), gap.sum().item(), 1e-5)
    kl = (weights.exp() * (weights - p.log_prob(z).double()[:, None])).sum(0)
    inference = model.infer(genzoo.Batch(x), DRAWS)
    yield Case("KL(q‖p) in closed form, nats", inference.kl().sum().item(), kl.sum().item(), 1e-5)
    values = inference.px.log_prob(x).double() - inference.kl()
    found, error = _mean(values[:, 0])
    yield Case("ELBO of one image by samples of a model in evaluation, nats", found, bound[0].item(), TOO_FAR * error)
    drawn = torch.cat([inference.z.amax(-1).flatten() - 1, inference.z.sum(-1).flatten() - 1]).abs().max().item()
    yield Case("samples in evaluation, minus one-hot vectors", drawn, 0.0, 1e-6)
    yield from _relaxed(model.train(), x)


def _relaxed(model: GumbelVAE, x: Tensor) -> Iterator[Case]:
    """Yield the cases of relaxed samples: the law of their largest number, and their sums."""
    q = model.posterior(x[:1])
    z = q.rsample((DRAWS,))
    shares = torch.nn.functional.one_hot(z.argmax(-1), CLASSES).double().mean(0)
    p = q.mean.double()
    deviations = (shares - p).abs() / (p * (1 - p) / DRAWS).sqrt()
    yield Case("largest number of relaxed samples: deviation from π in s.e.", deviations.max().item(), 0.0, TOO_FAR)
    yield Case("relaxed samples, distance of sums from 1", (z.sum(-1) - 1).abs().max().item(), 0.0, 1e-5)
    relaxed = ((z.amax(-1) < 0.99).double().mean() > 0.1).item()
    yield Case("share of relaxed samples that are not one-hot is above 0.1", float(relaxed), 1.0, 0.0)


def _mean(values: Tensor) -> tuple[float, float]:
    """Return the mean of values [N], and its standard error."""
    return values.mean().item(), values.std().item() / len(values) ** 0.5


def _model() -> GumbelVAE:
    """Return an untrained model of five bits, whose code probabilities are unequal."""
    with seeded(0):
        config = GumbelVAE.Config(latents=LATENTS, classes=CLASSES, hidden=(8,))
        model = GumbelVAE(genzoo.DataSpec((5,), "bernoulli", binary=True), config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()
