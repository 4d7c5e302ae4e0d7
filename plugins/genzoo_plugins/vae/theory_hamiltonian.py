"""Theory of the Hamiltonian VAE: the volume and the reversal of leapfrogs, and the bound on linear models."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.vae.hamiltonian_vae import LARGEST_STEP, HamiltonianVAE, Leapfrogs

POINTS, DRAWS = 40, 500


def hamiltonian_vae() -> Iterator[Case]:
    """Leapfrogs keep volume and can be reversed; on probabilistic PCA the ELBO is at most ln p(x) for every step."""
    yield from dynamics()
    ppca = linear.make_ppca()
    x = ppca.x[:POINTS]
    truth = ppca.marginal.log_prob(x)
    gains = []
    for step in (0.01, 0.1, 0.3, 0.49):
        model = of_ppca(ppca, step)
        with torch.no_grad(), genzoo.seeded(0):
            inference = model.infer(genzoo.Batch(x), DRAWS)
        ratio = model.prior().log_prob(inference.z) - inference.q.log_prob(inference.z)
        weights = inference.px.log_prob(x) + ratio
        gap = truth - weights.mean(0)
        gains.append(gap.mean().item())
        yield Case(f"ε = {step:g}: ln p(x) − ELBO, nats", gap.mean().item(), 0.0, 0.0, one_sided=True)
        found = (weights.logsumexp(0) - math.log(DRAWS)).mean().item()
        yield Case(f"ε = {step:g}: bound by {DRAWS} samples: ln p(x), nats", found, truth.mean().item(), 0.05)
    yield Case("nats that leapfrogs of 0.3 gain over those of 0.01", gains[0] - gains[2], 0.1, 0.0, one_sided=True)


def of_ppca(ppca: linear.PPCA, step: float) -> HamiltonianVAE:
    """Return the linear model with the best decoder, and an encoder that is off: its variances are twice the best."""
    with genzoo.seeded(0):
        config = HamiltonianVAE.Config(latent_dim=linear.Q, hidden=(), step_size=step)
        model = HamiltonianVAE(genzoo.DataSpec((linear.D,), "gaussian-learned"), config).double()
    linear.set_optimum(model, ppca)
    encoder = model.encoder[-1]  # type: ignore[index]
    with torch.no_grad():
        encoder.bias[: linear.Q] += 0.3
        encoder.bias[linear.Q :] += math.log(2)
    return model


def dynamics() -> Iterator[Case]:
    """The volume is that of the Jacobian, 1 without cooling; the inverse and time reversed lead back.

    One step on a potential of curvature k = 1 + 1/σ² whose z is moved by the momentum of before would have the volume
    1 + ε²k/2, and the bound would be above ln p(x).
    """
    with genzoo.seeded(1):
        config = HamiltonianVAE.Config(latent_dim=2, hidden=(6,), leapfrogs=3, step_size=0.3, tempering=0.4)
        model = HamiltonianVAE(genzoo.DataSpec((4,), "gaussian"), config).double()
        code, x = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    map_ = Leapfrogs(model)
    y, log_det = (part.detach() for part in map_(code, x))
    slopes = torch.stack([slope(map_, code[i], x[i]) for i in range(3)])
    yield Case.largest("ln |det| by automatic differentiation, nats", log_det, slopes, 1e-9)
    yield Case("ln |det|: D/2 ln β₀, nats", log_det[0].item(), math.log(0.4), 1e-6)
    again, back = (part.detach() for part in map_.inverse(y, x))
    yield Case.largest("inverse of the dynamics: the code", again, code, 1e-9)
    yield Case.largest("ln |det| of the inverse: minus that", back, -log_det, 1e-12)
    with torch.no_grad():
        model.tempering_logit.fill_(40.0)  # β₀ = 1
    y, log_det = (part.detach() for part in map_(code, x))
    yield Case.largest("volume without cooling: 1", log_det, 0.0, 1e-9)
    yield Case.largest("its Jacobian's", torch.stack([slope(map_, code[i], x[i]) for i in range(3)]), 0.0, 1e-9)
    flipped = torch.cat([y[:, :2], -y[:, 2:]], 1)
    home = map_(flipped, x)[0].detach()
    yield Case.largest("with the momenta turned round: the code", torch.cat([home[:, :2], -home[:, 2:]], 1), code, 1e-9)
    harmonic = one_step(model, x)
    yield Case("one step on a parabola: z₁, as ρ moves first", *harmonic, 1e-9)


def slope(map_: Leapfrogs, code: Tensor, x: Tensor) -> Tensor:
    """Return ln |det| of the Jacobian at a code [2D] for one x [F]."""
    found: Tensor = torch.linalg.slogdet(jacobian(lambda at: map_(at[None], x[None])[0][0], code))[1]
    return found


@torch.no_grad()
def one_step(model: HamiltonianVAE, x: Tensor) -> tuple[float, float]:
    """Return z₁ of one step from (1, 0) with a constant decoder, where ln p(x, z) is −½z² + constant, and the truth."""
    config = HamiltonianVAE.Config(latent_dim=2, hidden=(6,), leapfrogs=1, step_size=0.3)
    flat = HamiltonianVAE(model.spec, config).double()
    for parameter in flat.decoder.parameters():
        parameter.zero_()
    step = LARGEST_STEP * torch.sigmoid(flat.step_logits)[0].item()
    z = Leapfrogs(flat)(torch.tensor([[1.0, 1.0, 0.0, 0.0]]).double(), x[:1])[0][0, 0].item()
    return z, 1 - step**2 / 2
