"""What theory says of the very deep VAE: one level is conv-vae, and the densities of many levels agree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.hierarchical.vdvae import VDVAE
from genzoo_plugins.vae.conv_vae import ConvVAE

SPEC = genzoo.DataSpec((1, 16, 16), "bernoulli", binary=True)
SMALL: dict[str, Any] = {"channels": (4, 8), "base": 4, "latent_dim": 2}
DRAWS = 100


def built(kind: type[Any], **options: Any) -> Any:
    """Return a model with the weights of one seed."""
    with seeded(0):
        return kind(SPEC, kind.Config(**SMALL, **options)).eval()


@torch.no_grad()
def vdvae() -> Iterator[Case]:
    """One level is the convolutional VAE; with weights of 0 each KL is known; of eleven levels the KLs add up."""
    with seeded(1):
        x = torch.rand(6, *SPEC.shape).round()
    yield from one_level(genzoo.Batch(x))
    model = built(VDVAE, latent_maps=1, width=4)
    yield Case("levels", len(model.sizes), 11, 0)
    yield from blank(genzoo.Batch(x))
    yield from agree(model, genzoo.Batch(x))


def one_level(batch: genzoo.Batch) -> Iterator[Case]:
    """Without blocks it has the weights, the samples and the bound of conv-vae."""
    one, conv = built(VDVAE, blocks=0), built(ConvVAE)
    found = []
    for model in (one, conv):
        with seeded(2):
            inference = model.infer(batch, 3)
        found.append(torch.stack([inference.px.log_prob(batch.x).mean(0), inference.kl()]))
    yield Case.largest("one level: ln p(x|z) and KL of conv-vae, nats", found[0], found[1], 1e-5)
    with seeded(3):
        own = one.sample(4)
    with seeded(3):
        yield Case.largest("one level: samples of conv-vae", own, conv.sample(4), 1e-6)


def blank(batch: genzoo.Batch) -> Iterator[Case]:
    """With weights of 0, an image of 256 pixels costs 256 ln 2 nats: not a value a pixel, and no KL is left out."""
    model = built(VDVAE, latent_maps=1, width=4)
    for parameter in model.parameters():
        parameter.zero_()
    inference = model.infer(batch)
    yield Case(
        "blank: −ln p(x|z), nats an image", -inference.px.log_prob(batch.x).mean().item(), 256 * math.log(2), 1e-3
    )
    yield Case("blank: KL of all levels, nats", inference.kl().mean().item(), 0.0, 1e-6)
    for block in model.blocks:  # q(z|x) = N(1, 1) on each level below the top: ½ nat a number
        block.posterior[-1].bias[: len(block.posterior[-1].bias) // 2] = 1.0
    numbers = sum(model.sizes[1:])
    yield Case(f"KL of {numbers} numbers, ½ nat each", model.infer(batch).kl().mean().item(), numbers / 2, 1e-3)


def agree(model: VDVAE, batch: genzoo.Batch) -> Iterator[Case]:
    """ln q and ln p are those of the samples; KL in closed form is their mean difference; E_q p(z)/q(z|x) is 1."""
    with seeded(4):
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        inference = model.infer(batch, DRAWS)
    assert inference.p is not None
    ratio = inference.p.log_prob(inference.z) - inference.q.log_prob(inference.z)
    copied = model.posterior(batch.x).log_prob(inference.z.clone())
    yield Case.largest("ln q of samples, and of a copy, nats", inference.q.log_prob(inference.z), copied, 1e-3)
    gap = (-ratio - inference.q.along(inference.z).kl.sum(1).view(ratio.shape)).mean(1)  # type: ignore[attr-defined]
    yield Case.mean("ln q − ln p of samples, minus the KL, nats", gap, 0.0)
    with seeded(5):
        z = model.prior().rsample((DRAWS,))
    same = batch.x[:1].expand(DRAWS, *SPEC.shape)
    raw = model.likelihood(z).log_prob(same)
    walked = model.head(model.posterior(batch.x[:1]).along(z[:, None]).raw).log_prob(same)
    yield Case.largest("ln p(x|z) by the prior's and by the posterior's way, nats", raw, walked, 1e-2)
