"""Theory of the VAE of texts: enumeration of all texts, quadrature over z, and data of known probability."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.structured.text_vae import TextVAE
from genzoo_plugins.toy.hmm import HMM

LEVELS, LENGTH = 3, 3
SPEC = genzoo.DataSpec((LENGTH,), "", kind="tokens", levels=LEVELS)
STEPS, TEST = 80, 500


def text_vae() -> Iterator[Case]:
    """Σ p(x|z) over all texts is 1; the ELBO is ln p(x) − KL by quadrature; a z that says nothing costs nothing."""
    with torch.no_grad():
        yield from _enumerated()
        yield from _deaf()
    yield from _chain()


def small() -> TextVAE:
    """Return an untrained model with large weights and one latent."""
    with genzoo.seeded(0):
        model = TextVAE(SPEC, TextVAE.Config(latent_dim=1, width=8, depth=1, heads=2))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model.eval()


def every_text() -> Tensor:
    """Return all 27 rows of tokens; 15 of them are texts, without a token after the end."""
    return torch.tensor(list(itertools.product(range(LEVELS), repeat=LENGTH)))


def _enumerated() -> Iterator[Case]:
    model, x = small(), every_text()
    z = torch.linspace(-7, 7, 141)[:, None]
    given = model.likelihood(z.repeat_interleave(len(x), 0)).log_prob(x.repeat(len(z), 1)).view(len(z), -1).double()
    yield Case.largest("Σ p(x|z) over all texts, of 141 z", given.exp().sum(1), 1.0, 1e-5)
    prior = model.prior().log_prob(z).double()[:, None] + torch.tensor(0.1).double().log()
    log_p = (given + prior).logsumexp(0)
    yield Case("Σ p(x) over all texts, by quadrature", log_p.exp().sum().item(), 1.0, 1e-5)
    texts = x[log_p.isfinite()]
    q = model.posterior(texts)
    with genzoo.seeded(0):
        inference = model.infer(genzoo.Batch(texts), 2000)
    bounds = inference.px.log_prob(texts).mean(0) - inference.kl()
    log_q = q.log_prob(z[:, None].expand(-1, len(texts), 1)).double()
    posterior = (given + prior)[:, log_p.isfinite()] - log_p[log_p.isfinite()]
    divergence = (log_q.exp() * (log_q - posterior + torch.tensor(0.1).double().log())).sum(0) * 0.1
    wanted = log_p[log_p.isfinite()] - divergence
    yield Case.largest("ELBO: ln p(x) − KL(q‖p(z|x)) by quadrature, nats", bounds.double(), wanted, 0.05)
    with genzoo.seeded(1):
        drawn = model.likelihood(z[70:71]).rsample((4000,))[:, 0]
    p = given[70].exp()
    often = (drawn[:, None] == x).all(2).double().mean(0)
    deviations = (often - p).abs() / (p * (1 - p) / 4000).sqrt().clamp_min(1e-9)
    yield Case(
        "texts drawn given z: largest deviation from p(x|z), s.e.", deviations[p * 4000 > 5].max().item(), 0, 4.5
    )


def _deaf() -> Iterator[Case]:
    """If z is not used and q(z|x) = p(z), −ELBO is the transformer's −ln p(x), with free bits or without."""
    model = small()
    for layer in (model.told, model.encoder.out[1]):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)
    texts = torch.tensor([[1, 2, 0], [2, 2, 1], [0, 0, 0], [1, 0, 0]])
    wanted = -model.decoder.log_prob(texts).mean().item()
    for free in (0.0, 3.0):
        loss = ELBO(model, ELBO.Config(free_bits=free))
        terms = loss(model, genzoo.Batch(texts), torch.tensor(0))
        name = f"z unused, {free:g} nats free"
        yield Case(f"{name}: −ELBO, the transformer's −ln p", terms["negative_elbo"].item(), wanted, 1e-5)
        yield Case(f"{name}: the loss above it", (terms["loss"] - terms["negative_elbo"]).item(), free, 1e-5)
    first = -model.decoder.logits(texts[3:])[0, :2].log_softmax(-1)[[0, 1], [1, 0]].sum().item()
    found = -model.likelihood(torch.zeros(1, 1)).log_prob(texts[3:]).item()
    yield Case("−ln p of a text of one token: two factors, no padding", found, first, 1e-5)


def _chain() -> Iterator[Case]:
    """Yield −ELBO on test sequences of a hidden Markov chain, beside their −ln p by the forward recursion."""
    data = HMM(HMM.Config(train=1000, validation=0, test=TEST, length=8))
    x, test = (data.split(name, n).x[:].long() for name, n in (("train", 1000), ("test", TEST)))
    with genzoo.seeded(0), torch.enable_grad():
        model = TextVAE(data.spec, TextVAE.Config(latent_dim=2, width=16, depth=1, heads=2))
        loss = ELBO(model, ELBO.Config())
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(model, genzoo.Batch(x[torch.randint(len(x), (64,))]), torch.tensor(0))["loss"].backward()
            optimizer.step()
    with torch.no_grad(), genzoo.seeded(1):
        inference = model.eval().infer(genzoo.Batch(test))
        found = inference.kl() - inference.px.log_prob(test)[0]
    gap = found.double() + data.log_density(test)
    yield Case.mean("−ELBO above −ln p of the chain's sequences, nats", gap, 0.0, one_sided=True, errors=4.0)
    yield Case("that gap is small, nats", gap.mean().clamp_min(0).item(), 0.0, 1.0)
