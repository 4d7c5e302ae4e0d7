"""Theory of the semi-amortised VAE: on a linear model its steps reach ln p(x) from any start."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.vae.sa_vae import SAVAE, corners
from genzoo_plugins.vae.vae import VAE

POINTS = 40


@torch.no_grad()
def sa_vae() -> Iterator[Case]:
    """On probabilistic PCA the steps reach ln p(x) from three wrong encoders; without steps it is the ELBO."""
    for dim in (1, 3, 10):
        points = corners(dim)
        yield Case.largest(f"mean of the points of {dim} latents", points.mean(0), 0.0, 1e-6)
        yield Case.largest(f"their covariance: I, {dim} latents", points.T @ points / len(points), torch.eye(dim), 1e-6)
    ppca = linear.make_ppca()
    x = ppca.x[:POINTS]
    truth = ppca.marginal.log_prob(x).mean().item()
    for shift, spread in ((2.0, 1.0), (-1.0, -4.0), (0.0, 2.0)):
        found = []
        for steps in (0, 5, 60):
            model = of_ppca(ppca, steps, shift, spread)
            found.append(linear.expected_elbo(model, x).item())
        what = f"from an encoder off by {shift:g} and by e^{spread:g} in σ²"
        yield Case(f"ELBO after 60 steps {what}: ln p(x), nats", found[2], truth, 1e-4)
        yield Case(f"gain of 5 steps {what}, nats", found[1] - found[0], 0.0, 0.0, one_sided=True)
        yield Case(f"ln p(x) − ELBO after 5 steps {what}, nats", truth - found[1], 0.0, 0.0, one_sided=True)
    with genzoo.seeded(0):
        plain = VAE(genzoo.DataSpec((linear.D,), "gaussian"), VAE.Config(latent_dim=2)).double()
    none = SAVAE(plain.spec, SAVAE.Config(latent_dim=2, activation="relu", refinements=0)).double()
    none.load_state_dict(plain.state_dict())
    yield Case.largest("without steps: the posterior of vae", none.posterior(x).mean, plain.posterior(x).mean, 1e-12)


def of_ppca(ppca: linear.PPCA, steps: int, shift: float, spread: float) -> SAVAE:
    """Return the linear model with the best decoder, and an encoder that is off in μ and ln σ²."""
    with genzoo.seeded(0):
        config = SAVAE.Config(latent_dim=linear.Q, hidden=(), refinements=steps, step_size=0.5)
        model = SAVAE(genzoo.DataSpec((linear.D,), "gaussian-learned"), config).double()
    linear.set_optimum(model, ppca)
    encoder = model.encoder[-1]  # type: ignore[index]
    encoder.bias[: linear.Q] += shift
    encoder.bias[linear.Q :] += spread
    return model
