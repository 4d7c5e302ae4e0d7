"""Theory of annealed importance sampling: a linear Gaussian model, and a curved one by numerical integration."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import content_keys
from genzoo.core.options import NoOptions
from genzoo.core.theory import Case
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.metrics.ais import AIS

SIGMA = 0.3
"""Noise of the curve."""
SETTINGS = ":chains=4:leapfrogs=3:simulated=40"


class Curve(genzoo.LatentModel):
    """x = (z, z² − 1) + σε: given the second value alone, z has two modes."""

    Config = NoOptions

    def __init__(self) -> None:
        super().__init__(genzoo.DataSpec((2,), "gaussian"), NoOptions())
        self.register_buffer("scale", torch.ones(()))

    def prior(self) -> genzoo.StandardNormal:
        return genzoo.StandardNormal((1,), like=self.anchor)

    def likelihood(self, z: Tensor) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian(torch.cat([0.3 * z, z.square() - 1], 1), 2 * math.log(SIGMA))


def by_quadrature(model: Curve, x: Tensor) -> Tensor:
    """Return ln ∫ p(z) p(x|z) dz of points [N, 2] by the trapezoid rule, [N]."""
    z = torch.linspace(-7, 7, 2001)[:, None]
    px = model.likelihood(z)
    given = torch.stack([px.log_prob(one.expand(len(z), 2)) for one in x])
    return (model.prior().log_prob(z) + given).double().logsumexp(1) + math.log(14 / 2000)


def estimates(model: genzoo.LatentModel, metric: AIS, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return samples of a model, [number, *S], and the lower and the upper bound on ln p of each."""
    prior = model.prior()
    assert prior is not None
    z = prior.rsample((number,))
    x = model.likelihood(z).rsample()
    keys = content_keys(x)
    with genzoo.of_examples(keys):
        lower, _, upper = metric.bounds(model, x, keys, z).unbind(1)
    return x, lower, upper


def bracket(what: str, exact: Tensor, lower: Tensor, upper: Tensor) -> Iterator[Case]:
    """p(x) lies between the bounds, and both are unbiased: of p(x), and of 1/p(x)."""
    yield Case.mean(f"{what}: p(x) estimated, over p(x)", (lower - exact).exp(), 1.0)
    yield Case.mean(f"{what}: 1/p(x) estimated, over 1/p(x)", (exact - upper).exp(), 1.0)
    yield Case.mean(f"{what}: ln p(x) over the lower bound, nats", exact - lower, 0.0, one_sided=True)
    yield Case.mean(f"{what}: the upper bound over ln p(x), nats", upper - exact, 0.0, one_sided=True)


@torch.no_grad()
def ais() -> Iterator[Case]:
    """ln p(x) of a linear and of a curved model lies in the bracket, which is narrower with more temperatures."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned")
    linear.set_optimum(model, ppca)
    metric = AIS(AIS.Config(temperatures=40, chains=4, leapfrogs=3))
    x, lower, upper = estimates(model, metric, 100)
    yield from bracket("linear model", ppca.marginal.log_prob(x.double()), lower, upper)
    data = Resident(genzoo.Split(ppca.x[:60].float()), torch.device("cpu"))
    names = [f"ais:{number}{SETTINGS}" for number in (4, 50)]
    found = evaluate(model, data, find_metrics(registry(), names))
    coarse, fine = (found[key] for key in found if key.startswith("ais"))
    truth = -ppca.marginal.log_prob(ppca.x[:60]).mean().item()
    yield Case("−ln p(x) of data by 50 temperatures, nats", fine, truth, 0.2)
    wide, narrow = (found["details"][key]["gap"] for key in found["details"])
    yield Case("bracket of 4 temperatures over that of 50, nats", wide - narrow, 0.0, 0.0, one_sided=True)
    yield Case("bracket of 50 temperatures, nats", narrow, 0.0, 0.6)
    yield Case("−ln p(x) by 4 temperatures over that by 50, nats", coarse - fine, 0.0, 0.0, one_sided=True)
    curve = Curve()
    x, lower, upper = estimates(curve, metric, 100)
    yield from bracket("curve", by_quadrature(curve, x), lower, upper)
