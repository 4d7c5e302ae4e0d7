"""What is known of codes: they number their vectors one to one, and with few of them ln p(x) is a sum."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.discrete.codebook import Quantised, Residual
from genzoo_plugins.discrete.vq_vae import VQVAE

TINY_SPEC = genzoo.DataSpec((1, 2, 2), "bernoulli", binary=True)
EXACT = 1e-5


def vq_vae() -> Iterator[Case]:
    """With one code an image ln p(x) is a sum over all codes; the rate of uniform codes is ln K each."""
    yield from _bound("vq", codes=6)
    model = _model("vq", genzoo.DataSpec((1, 8, 8), "bernoulli"), codes=12, levels=2)
    torch.nn.init.zeros_(model.scaled_logits)
    rate = model.infer(genzoo.Batch(torch.rand(3, 1, 8, 8))).kl().mean().item()
    yield Case("rate of 4 uniform codes of 12, nats", rate, 4 * math.log(12), EXACT)
    yield _straight("vq", model.codebook)


def fsq_vae() -> Iterator[Case]:
    """With one of six codes an image ln p(x) is a sum over all codes."""
    yield from _bound("fsq:2,3")


def finite_scalar() -> Iterator[Case]:
    """Codes and vectors are numbered one to one, all levels are reached, and the gradient is 1."""
    quantiser = genzoo.make_part("quantiser", "fsq:8,5,5,5", 1, 1)
    yield from _numbered("fsq:8,5,5,5", quantiser)
    yield _straight("fsq:8,5,5,5", quantiser)
    for levels in (2, 3, 4, 5, 7, 8):
        one = genzoo.make_part("quantiser", f"fsq:{levels}", 1, 1)
        line = torch.linspace(-9, 9, 2001).view(1, 1, -1)
        found = one.look_up(one(one.bound(line))[1]).flatten()
        half = levels // 2
        wanted = (torch.arange(levels) - half) / half
        yield Case(f"levels of {levels} reached", len(found.unique()), levels, 0)
        yield Case(f"lowest of {levels} levels", found[0].item(), wanted[0].item(), EXACT)
        yield Case(f"highest of {levels} levels", found[-1].item(), wanted[-1].item(), EXACT)
        beyond = (one.bound(line)[0, 0, -1] - wanted[-1]).item() * half
        yield Case(f"largest output above the highest of {levels} levels, in steps", beyond, 0.0, 0.01)
        middle = one.bound(torch.zeros(1, 1, 1)).abs().item()
        yield Case(f"distance from 0 to the level of 0, of {levels} levels", middle, 0.0, EXACT)


def lookup_free() -> Iterator[Case]:
    """Codes and signs are numbered one to one, and the penalty is that of all 2ᴮ codes."""
    quantiser = genzoo.make_part("quantiser", "lfq:5", 1, 1)
    yield from _numbered("lfq:5", quantiser)
    yield _straight("lfq:5", quantiser)
    with seeded(0):
        point = torch.randn(1, 5, 1, 1)
    vectors = quantiser.look_up(torch.arange(32)[:, None])[..., 0]  # [B, K]
    shares = (-(point[0, :, :, 0] - vectors).square().sum(0)).softmax(0)
    bits = quantiser.penalty(point.expand(2, 5, 1, 1)).item()
    yield Case("penalty of equal points: their entropy cancels", bits, 0.0, EXACT)
    opposite = torch.cat([point, -point])
    sure = torch.special.entr(shares).sum().item()
    found = quantiser.penalty(opposite).item() / 0.1
    yield Case("penalty of z and −z: entropy over all codes minus B ln 2, nats", found, sure - 5 * math.log(2), EXACT)


def residual() -> Iterator[Case]:
    """What several codes leave of a point is its difference from their sum."""
    depth, (quantiser, points) = 3, _started("rq:3")
    left, codes = quantiser(points)
    vectors = quantiser.look_up(codes)
    rest = (left - vectors)[..., -points.shape[-2] :, :]
    off = (quantiser.joined(vectors) + rest - points).abs().max().item()
    yield Case("sum of 3 vectors and the rest, minus the point", off, 0.0, EXACT)
    yield _straight("rq:3", quantiser)
    table = quantiser.look_up(torch.arange(quantiser.size)[:, None])[..., 0].mT
    greedy = points.movedim(-3, -1)
    for stage, chosen in enumerate(codes.chunk(depth, -2)):
        distances = (greedy[..., None, :] - table).square().sum(-1)
        more = (distances.gather(-1, chosen[..., None])[..., 0] - distances.amin(-1)).max().item()
        yield Case(f"code {stage + 1}: squared distance above the least", more, 0.0, EXACT)
        greedy = greedy - table[chosen]


@torch.no_grad()
def _bound(quantiser: str, **options: Any) -> Iterator[Case]:
    """Yield ln p(x) = ln Σ_z p(z) p(x|z) by all codes: what the bound lacks is −ln p(z|x) of the posterior's code."""
    model = _model(quantiser, TINY_SPEC, **options)
    x = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 1], [0, 0, 0, 0]]).view(3, 1, 2, 2)
    inference = model.infer(genzoo.Batch(x))
    bound = (inference.px.log_prob(x)[0] - inference.kl()).double()
    codes = torch.arange(model.vocabulary).view(-1, 1, 1)
    z = model.latents(codes)
    prior = model.prior().log_prob(z)
    joint = torch.stack([prior + model.likelihood(z).log_prob(one) for one in x]).double()  # [B, K]
    log_p = joint.logsumexp(1)
    chosen = model.codes(x).flatten()
    missing = -(joint - log_p[:, None])[torch.arange(3), chosen]
    yield Case(f"{quantiser}: Σ p(z) over all codes", prior.exp().sum().item(), 1.0, EXACT)
    yield Case(f"{quantiser}: −ELBO of 3 images, nats", -bound.sum().item(), -log_p.sum().item(), 0.0, one_sided=True)
    yield Case(f"{quantiser}: ln p(x) − ELBO, nats", (log_p - bound).sum().item(), missing.sum().item(), EXACT)


def _model(quantiser: str, spec: genzoo.DataSpec, codes: int = 6, levels: int = 1) -> VQVAE:
    """Return an untrained model whose codes have unequal probabilities."""
    with seeded(0):
        config = VQVAE.Config(quantiser=quantiser, codes=codes, levels=levels, width=4, residual_blocks=0, code_dim=3)
        model = VQVAE(spec, config)
        torch.nn.init.normal_(model.scaled_logits, std=0.1)
        for parameter in model.decoder.parameters():
            torch.nn.init.normal_(parameter)
    return model.eval()


def _numbered(name: str, quantiser: genzoo.Quantiser) -> Iterator[Case]:
    """Yield that codes and vectors are numbered one to one."""
    codes = torch.arange(quantiser.size)[:, None]
    vectors = quantiser.look_up(codes)
    wrong = (quantiser.nearest(vectors) != codes).sum().item()
    yield Case(f"{name}: codes that do not come back from their vectors", wrong, 0, 0)
    yield Case(f"{name}: distinct vectors", len(vectors[..., 0].mT.unique(dim=0)), quantiser.size, 0)


def _started(name: str) -> tuple[Residual, Tensor]:
    """Return a quantiser whose 16 codes were chosen by points [8, 3, 2, 2], and the points."""
    with seeded(0), torch.no_grad():
        quantiser = genzoo.make_part("quantiser", name, 16, 3)
        points = quantiser.bound(torch.randn(8, 3, 2, 2))
        quantiser.start(points)
    return quantiser.requires_grad_(False), points


def _straight(name: str, quantiser: genzoo.Quantiser) -> Case:
    """Return that the decoder's input has the gradient 1 with respect to the points."""
    with seeded(1):
        points = torch.randn(4, quantiser.dim, 2, 2).requires_grad_()
    left, codes = quantiser(points)
    q = Quantised(left, codes, quantiser.look_up(codes), quantiser.depth)
    (gradient,) = torch.autograd.grad(quantiser.joined(q.mean).sum(), points)
    return Case(f"{name}: gradient of the vectors, minus 1", (gradient - 1).abs().max().item(), 0.0, EXACT)
