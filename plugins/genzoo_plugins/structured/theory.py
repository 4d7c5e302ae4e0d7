"""Theory of several views: linear Gaussian views of one latent, whose posteriors and densities are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.structured.multimodal_vae import MultimodalVAE, Views, every_set, indicators

SIGMA, LATENTS, EXAMPLES, REPEATS = 0.5, 2, 20, 400
PARTS = genzoo.Part("sound", (3,)), genzoo.Part("sight", (2,)), genzoo.Part("touch", (2,))
SPEC = genzoo.DataSpec((7,), f"gaussian:{SIGMA}", parts=PARTS)


class Linear(NamedTuple):
    """x = Wz + b + σε with z ~ N(0, I); the columns of W are orthogonal in each view, so q_S has no correlation."""

    weights: Tensor
    """W, [7, 2]."""
    bias: Tensor
    """b, [7]."""

    def log_prob(self, x: Tensor, places: list[int]) -> Tensor:
        """Return ln p of some values of the rows [B, 7], [B]."""
        w = self.weights[places]
        covariance = w @ w.T + SIGMA**2 * torch.eye(len(places), dtype=w.dtype)
        log_p: Tensor = MultivariateNormal(self.bias[places], covariance).log_prob(x[:, places])
        return log_p

    def latent(self, x: Tensor, places: list[int]) -> Tensor:
        """Return E[z|x_S], [B, 2]."""
        w = self.weights[places]
        precision = w.T @ w + SIGMA**2 * torch.eye(LATENTS, dtype=w.dtype)
        mean: Tensor = torch.linalg.solve(precision, w.T @ (x[:, places] - self.bias[places]).T).T
        return mean


def linear(experts: str) -> tuple[MultimodalVAE, Linear, Tensor]:
    """Return a linear model whose products of experts are the exact posteriors, its density, and rows to test."""
    with genzoo.seeded(0):
        config = MultimodalVAE.Config(latent_dim=LATENTS, hidden=(), experts=experts)  # type: ignore[arg-type]
        model = MultimodalVAE(SPEC, config).double().eval()
        blocks = [torch.linalg.qr(torch.randn(part.shape[0], LATENTS, dtype=torch.float64)).Q for part in PARTS]
        x = torch.randn(EXAMPLES, 7, dtype=torch.float64)
    biases = []
    with torch.no_grad():
        for number, block in enumerate(blocks):
            w = block * torch.tensor([0.7 + number, 1.9 - 0.6 * number])
            encoder: Any = model.encoders[number]
            decoder: Any = model.decoders[number]
            encoder, decoder, own = encoder[-1], decoder[-1], w.square().sum(0)
            decoder.weight.copy_(w)
            encoder.weight[:LATENTS] = w.T / own[:, None]
            encoder.weight[LATENTS:] = 0.0
            encoder.bias[:LATENTS] = -(w.T / own[:, None]) @ decoder.bias
            encoder.bias[LATENTS:] = (SIGMA**2 / own).log()
            blocks[number] = w
            biases.append(decoder.bias.clone())
    return model, Linear(torch.cat(blocks), torch.cat(biases)), x


def places(views: tuple[int, ...]) -> list[int]:
    """Return the places of the values of some views in a row."""
    return [place for view in views for place in ((0, 1, 2), (3, 4), (5, 6))[view]]


def multimodal_vae() -> Iterator[Case]:
    """With the exact experts every set of views has its exact ln p(x_S), and no mixture has more than ln p(x)."""
    with torch.no_grad():
        yield from _products()
        for experts in ("moe", "mopoe"):
            yield from _mixtures(experts)


def _products() -> Iterator[Case]:
    model, truth, x = linear("poe")
    every = every_set(range(3))
    names = [[PARTS[view].name for view in views] for views in every]
    prior = model.prior()
    wanted = torch.stack([truth.log_prob(x, places(views)) for views in every], 1)
    found, guessed = [], []
    with genzoo.seeded(0):
        for views, given in zip(every, names, strict=True):
            q = model.posterior(x, given)
            z = q.rsample()
            px, rows = model.likelihood(z), SPEC.split(x)
            each = [part.log_prob(rows[PARTS[view].name]) for view, part in enumerate(px.parts) if view in views]
            found.append(torch.stack(each).sum(0) + prior.log_prob(z) - q.log_prob(z))
            guessed.append(model.complete(x, given) - (truth.latent(x, places(views)) @ truth.weights.T + truth.bias))
    yield Case.largest("ln p(x_S, z) − ln q(z|x_S): ln p(x_S) of 7 sets, nats", torch.stack(found, 1), wanted, 1e-9)
    yield Case.largest("E[x|x_S] of 7 sets of views", torch.stack(guessed), 0.0, 1e-9)
    many = x.repeat(REPEATS, 1)
    with genzoo.seeded(1):
        reconstruction, kl = model.bounds(many, indicators(every, 3))
        terms = Views(model, Views.Config())(model, genzoo.Batch(many), torch.tensor(0))
    gap = (reconstruction + kl + wanted.repeat(REPEATS, 1)).sum(1)
    yield Case.mean("Σ_S −ELBO(x_S): Σ_S −ln p(x_S), nats", gap, 0.0)
    added = terms["loss"] - terms["negative_elbo"] - terms["smaller"]
    yield Case("loss: −ELBO of all plus those of smaller sets, nats", added.item(), 0.0, 1e-9)
    error = 5 * gap.std().item() / len(gap) ** 0.5
    smaller = -wanted[:, :-1].sum(1).mean().item()
    yield Case("smaller: Σ −ln p(x_S) of all sets but the whole, nats", terms["smaller"].item(), smaller, error)
    lowest = -wanted[:, -1].mean().item()
    yield Case("negative_elbo is that of all views alone, nats", terms["negative_elbo"].item(), lowest, error)


def _mixtures(experts: str) -> Iterator[Case]:
    model, truth, x = linear(experts)
    products, _, _ = linear("poe")
    every = every_set(range(3))
    members = every[:3] if experts == "moe" else every
    each = [products.posterior(x, [PARTS[view].name for view in views]) for views in members]
    with genzoo.seeded(0):
        z = model.posterior(x).rsample((9,))
    wanted = torch.stack([q.log_prob(z) for q in each]).exp().mean(0).log()
    yield Case.largest(f"{experts}: ln q(z|x) of {len(each)} Gaussians", model.posterior(x).log_prob(z), wanted, 1e-9)
    two = model.posterior(x, ["sight", "sound"]).mean
    single = [products.posterior(x, names).mean for names in (["sight"], ["sound"], ["sight", "sound"])]
    wanted = torch.stack(single[:2] if experts == "moe" else single).mean(0)
    yield Case.largest(f"{experts}: E[z] given two views", two, wanted, 1e-9)
    many = x.repeat(REPEATS, 1)
    with genzoo.seeded(2):
        inference = model.infer(genzoo.Batch(many))
    gap = inference.kl() - inference.px.log_prob(many)[0] + truth.log_prob(many, list(range(7)))
    yield Case.mean(f"{experts}: −ELBO is not below −ln p(x), nats", gap, 0.0, one_sided=True)
