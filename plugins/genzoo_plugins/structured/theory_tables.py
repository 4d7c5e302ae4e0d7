"""Theory of the VAE of tables: a product of columns sums and integrates to 1, and is no better than the table's own."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.structured.tvae import TVAE, Modes
from genzoo_plugins.toy.mixed_table import MixedTable

STEPS, TEST, DRAWN = 120, 1000, 4000


def tvae() -> Iterator[Case]:
    """Columns' densities integrate and sum to 1, samples have their law; never above a table's known density."""
    with torch.no_grad():
        yield from _columns()
    yield from _trained()


def _columns() -> Iterator[Case]:
    parts = genzoo.Part("size"), genzoo.Part("colour", levels=3), genzoo.Part("shape", (2,), levels=2)
    spec = genzoo.DataSpec((4,), "gaussian", parts=parts)
    with genzoo.seeded(0):
        model = TVAE(spec, TVAE.Config(latent_dim=2, hidden=(8,), modes=4)).eval()
        numbers = 50 + 20 * torch.randn(200, 1)
        names = torch.randint(0, 2, (200, 3))
        model.prepare(genzoo.Batch(torch.cat([numbers, names], 1)))
        z = torch.randn(3, 2)
        px = model.likelihood(z)
        line = torch.linspace(-400, 500, 9001)
        cell = (line[1] - line[0]).item()
        every = torch.cartesian_prod(line, torch.arange(3.0), torch.arange(2.0), torch.arange(2.0))
        total = px.log_prob(every[:, None].expand(-1, 3, -1)).double().exp().sum(0) * cell
        yield Case.largest("∫Σ p(x|z) over numbers and names, of 3 z", total, 1.0, 3e-4)
        drawn = px.rsample((DRAWN,))[:, 0, 1]
        assert isinstance(px, genzoo.Composite)
        colours = px.parts[1]
        assert isinstance(colours, genzoo.Categorical)
        for colour, p in enumerate(colours.probabilities[0, 0].tolist()):
            yield Case.mean(f"share of samples of name {colour}: p, though it is not the largest", drawn == colour, p)
        x = torch.cat([numbers, names], 1)
        terms = ELBO(model, ELBO.Config())(model, genzoo.Batch(x), torch.tensor(0))
    gap = terms["loss"] - terms["reconstruction"] - terms["kl"]
    yield Case("loss − E −ln p(x|z) − KL: no other weights, nats", gap.item(), 0.0, 1e-4)
    column = Modes(3)
    column.fit(torch.full((20,), 7.0))
    raw = torch.zeros(1, 6)
    log_p = [column(raw).log_prob(torch.full((1, 1), value)).item() for value in (7.0, 8.0)]
    yield Case("a column of equal numbers: ln p(7) − ln p(8), ½/σ²", log_p[0] - log_p[1], 0.5 * 9, 1e-3)


def _trained() -> Iterator[Case]:
    data = MixedTable(MixedTable.Config())
    x, test = (torch.as_tensor(data.split(name, TEST).x[:]) for name in ("train", "test"))
    with genzoo.seeded(0), torch.enable_grad():
        model = TVAE(data.spec, TVAE.Config(latent_dim=2, hidden=(32,), modes=5))
        model.prepare(genzoo.Batch(x))
        loss = ELBO(model, ELBO.Config())
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(model, genzoo.Batch(x[torch.randint(len(x), (200,))]), torch.tensor(0))["loss"].backward()
            optimizer.step()
    with torch.no_grad(), genzoo.seeded(1):
        inference = model.eval().infer(genzoo.Batch(test))
        gap = (inference.kl() - inference.px.log_prob(test)[0]).double() + data.log_density(test)
        work = model.sample(DRAWN, noise=True)[:, 2]
    yield Case.mean("−ELBO above −ln p of the table, nats", gap, 0.0, one_sided=True, errors=4.0)
    yield Case("that gap is small, nats", gap.mean().clamp_min(0).item(), 0.0, 0.8)
    rare = (work == 3).double().mean().item()
    own = (test[:, 2] == 3).double().mean().item()
    yield Case("share of the rarest name in samples, and in the table", rare, own, 0.1)
