"""Theory of the codebook: the nearest codes, their prior by enumeration, and the straight-through gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.discrete.codebook import Codebook, CodePrior
from genzoo_plugins.discrete.moving_codebook import MovingVQ
from genzoo_plugins.discrete.vq_vae import LOGIT_SCALE, VQ, VQVAE, CodePerplexity

STEP = torch.tensor(0)


def model_of(codes: int) -> tuple[VQVAE, genzoo.Batch]:
    """Return a model of a 2×2 grid of codes in 3 dimensions, which has seen 8 images, and these."""
    with genzoo.seeded(0):
        config = VQVAE.Config(codes=codes, code_dim=3, levels=2, width=8, residual_blocks=1)
        model = VQVAE(genzoo.DataSpec((1, 8, 8), "bernoulli", size=8), config)
        batch = genzoo.Batch(torch.rand(8, 1, 8, 8))
        with torch.no_grad():
            model.prepare(batch)
            vectors_of(model).add_(0.3 * torch.randn_like(vectors_of(model)))
            model.scaled_logits.normal_(std=1 / LOGIT_SCALE)
    return model, batch


def vectors_of(model: VQVAE) -> torch.Tensor:
    """Return the learned vectors of the codes, [K, D]."""
    assert isinstance(model.codebook, Codebook)
    return model.codebook.vectors


@torch.no_grad()
def codebook() -> Iterator[Case]:
    """KL = −Σ ln p(code); a uniform prior costs ln K a code; the prior's probabilities sum to 1."""
    model, batch = model_of(6)
    encoded, q = model.encoded(batch.x), model.posterior(batch.x)
    distances = (encoded[:, None] - vectors_of(model)[None, :, :, None, None]).square().sum(2)
    found = (encoded - q.mean).square().sum(1)
    yield Case.largest("squared distance to the code: the least to any", found, distances.amin(1), 1e-5)
    table = (LOGIT_SCALE * model.scaled_logits).log_softmax(-1)
    wanted = -table.expand(8, -1, -1, -1).gather(3, q.codes[..., None]).sum((1, 2, 3))
    yield Case.largest("KL: −Σ ln p(code), nats", model.infer(batch).kl(), wanted, 1e-5)
    model.scaled_logits.zero_()
    kl = model.infer(batch).kl().mean().item()
    yield Case("KL of a uniform prior on 2×2 places: 4 ln 6, nats", kl, 4 * math.log(6), 1e-5)
    with genzoo.seeded(1):
        codebook, logits = Codebook(3, 2), torch.randn(2, 1, 3)
        codebook.reset()
    prior = CodePrior(logits, codebook)
    grids = torch.cartesian_prod(torch.arange(3), torch.arange(3)).view(9, 2, 1)
    p = prior.log_prob(codebook.look_up(grids)).exp()
    yield Case("Σ p(z) over the 9 grids", p.sum().item(), 1.0, 1e-5)
    with genzoo.seeded(2):
        codes = codebook.nearest(prior.rsample((20_000,)))
    often = torch.bincount((codes * torch.tensor([[3], [1]])).flatten(1).sum(1), minlength=9) / 20_000
    yield Case.largest("frequencies of 20,000 samples: p(z)", often, p, 5 * 0.5 / math.sqrt(20_000))


def vq() -> Iterator[Case]:
    """The gradient of the codebook is 2Σ(z − e)/B over the vectors e nearest to each code z."""
    model, batch = model_of(6)
    terms = VQ(model, VQ.Config(commitment=0.5))(model, batch, STEP)
    (found,) = torch.autograd.grad(terms["loss"], [vectors_of(model)])
    with torch.no_grad():
        encoded, q = model.encoded(batch.x), model.posterior(batch.x)
        distances = (encoded - q.mean).movedim(1, -1).flatten(0, 2)
        own = torch.zeros_like(found).index_add_(0, q.codes.flatten(), -2 * distances / 8)
    yield Case.largest("gradient of the codebook: 2Σ(z − e)/B", found, own, 1e-5)
    yield Case("distortion: ‖e − z‖²", terms["distortion"].item(), distances.square().sum().item() / 8, 1e-4)
    added = terms["loss"] - terms["negative_elbo"]
    yield Case("the loss is −ELBO + (1 + β) distortion", added.item(), 1.5 * terms["distortion"].item(), 1e-3)


@torch.no_grad()
def vq_moving() -> Iterator[Case]:
    """With a fixed encoder the codes become the means of what is nearest to them, a fixed point of k-means."""
    model, batch = model_of(6)
    loss = MovingVQ(model, MovingVQ.Config(decay=0.9, restart=0.0))
    loss.begin(model, 10)
    points = model.encoded(batch.x).movedim(1, -1).flatten(0, 2)
    nearest = torch.cdist(points, vectors_of(model)).argmin(1)
    counts = torch.bincount(nearest, minlength=6)
    sums = torch.zeros(6, 3).index_add_(0, nearest, points)
    wanted = (0.9 * vectors_of(model) + 0.1 * sums) / (0.9 + 0.1 * counts)[:, None]
    with genzoo.seeded(3):
        loss.after_step(model, batch, STEP)
    yield Case.largest("codes after a step: (γm + (1 − γ)Σz) / (γN + (1 − γ)n)", vectors_of(model), wanted, 1e-5)
    for _ in range(200):
        loss.after_step(model, batch, STEP)
    nearest = torch.cdist(points, vectors_of(model)).argmin(1)
    used = nearest.unique()
    means = torch.stack([points[nearest == code].mean(0) for code in used])
    yield Case.largest("codes after 200 steps: means of their points", vectors_of(model)[used], means, 1e-4)


def code_perplexity() -> Iterator[Case]:
    """exp H of the frequencies: K for equal ones."""
    metric = CodePerplexity(CodePerplexity.Config())
    for values, truth in (([0.0, 7.0, 7.0, 0.0], 2.0), ([4.0] * 6, 1.0), ([1.0, 1.0, 1.0, 0.0], 4 / 3**0.75)):
        yield Case(f"perplexity of {len(values)} codes", metric.summarise(torch.tensor(values).double()), truth, 1e-9)
