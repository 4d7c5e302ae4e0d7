"""Theory of scvi: the library size, and ln p(x) by integration over both of its latents."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.structured.scvi import SCVI
from genzoo_plugins.toy.cells import Cells

DRAWS = 1000


def small(name: str) -> tuple[SCVI, genzoo.Batch, Tensor]:
    """Return a model with one latent beside the library size, 8 cells, and those that it was prepared with."""
    data = Cells(Cells.Config(train=64))
    x = torch.as_tensor(data.split("train", 64).x[:]).double()
    with genzoo.seeded(0):
        model = SCVI(data.spec._replace(likelihood=name), SCVI.Config(latent_dim=1, hidden=(8,))).double()
        model.prepare(genzoo.Batch(x))
    return model, genzoo.Batch(x[:8]), x


@torch.no_grad()
def scvi() -> Iterator[Case]:
    """The bound by many samples is ln p(x) by quadrature, the ELBO is below it; means grow with the library size."""
    for name in ("nb", "zinb"):
        model, batch, _ = small(name)
        truth = log_evidence(model, batch.x)
        with genzoo.seeded(1):
            inference = model.infer(batch, DRAWS)
        p = model.prior()
        weights = inference.px.log_prob(batch.x) + p.log_prob(inference.z) - inference.q.log_prob(inference.z)
        bound = weights.logsumexp(0) - math.log(DRAWS)
        yield Case(f"{name}: bound by {DRAWS} samples: ln p(x) by quadrature, nats",
                   bound.mean().item(), truth.mean().item(), 0.05)  # fmt: skip
        elbo = inference.px.log_prob(batch.x).mean(0) - inference.kl()
        yield Case(f"{name}: ln p(x) − ELBO, nats", (truth - elbo).mean().item(), 0.0, 0.0, one_sided=True)
    z = torch.tensor([[0.3, 1.0], [0.3, 1.0 + math.log(7.0)]], dtype=torch.float64)
    one, seven = (small("nb")[0].likelihood(z).mean).unbind(0)
    yield Case("sum of the means: e^l", one.sum().item(), math.e, 1e-9)
    yield Case.largest("means at 7 times the library size", seven, 7 * one, 1e-9)
    sizes = small("nb")[2].sum(1).log()
    yield Case("mean of p(l): that of ln Σx", model.prior().mean[-1].item(), sizes.mean().item(), 1e-6)
    yield Case(
        "variance of p(l): that of ln Σx", model.prior().variance[-1].item(), sizes.var(correction=0).item(), 1e-6
    )
    yield from beta_is_1()


def beta_is_1() -> Iterator[Case]:
    """A warm-up weights the KL of the loss alone: the reported bound is at β = 1 from the first step on."""
    model, batch, _ = small("nb")
    terms = []
    for options in ({}, {"kl_warmup": 400}):
        with genzoo.seeded(2):
            terms.append(ELBO(model, ELBO.Config(**options))(model, batch, torch.tensor(0)))
    plain, warm = terms
    yield Case("−ELBO in the first step of a warm-up, nats", warm["negative_elbo"].item(), plain["loss"].item(), 1e-9)
    yield Case("its loss: without the KL", warm["loss"].item(), plain["reconstruction"].item(), 1e-9)


def log_evidence(model: SCVI, x: Tensor) -> Tensor:
    """Return ln ∫∫ p(x|z, l) p(z) p(l) dz dl of cells [N, G] by the trapezoid rule, [N]."""
    line = torch.linspace(-7, 7, 141, dtype=torch.float64)
    p = model.prior()
    codes = p.mean + p.variance.sqrt() * torch.cartesian_prod(line, line)
    weights = (-0.5 * torch.cartesian_prod(line, line).square().sum(1)).log_softmax(0)
    px = model.likelihood(codes)
    return torch.stack([(px.log_prob(one.expand(len(codes), -1)) + weights).logsumexp(0) for one in x])
