"""Flow posteriors: they close the gap of a diagonal one where theory says how large it is."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.parts.iaf import AutoregressiveFlow
from genzoo_plugins.parts.planar import PlanarFlow, solved
from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import LOG_2PI

SIGMA = 0.5
W = torch.tensor([[1.0, 0.9], [0.4, -0.2], [0.5, 0.8]])
PRECISION = torch.eye(2) + W.T @ W / SIGMA**2
"""P of the exact posterior N(P⁻¹ Wᵀ x/σ², P⁻¹)."""
SPEC = genzoo.DataSpec((3,), f"gaussian:{SIGMA}", size=1000)


def linear_data(n: int) -> Tensor:
    """x = W z + σ ε."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 2, generator=generator) @ W.T + SIGMA * torch.randn(n, 3, generator=generator)


def negative_log_evidence(x: Tensor) -> float:
    """−E ln N(x; 0, W Wᵀ + σ² I)."""
    covariance = (W @ W.T + SIGMA**2 * torch.eye(3)).double()
    distances = torch.einsum("bi,ij,bj->b", x.double(), covariance.inverse(), x.double())
    return 0.5 * (distances.mean() + covariance.logdet() + 3 * LOG_2PI).item()


def gap(posterior: str, steps: int, best: bool) -> float:
    """KL(q(z|x)‖p(z|x)) in nats after training q alone, from the best diagonal Gaussian if `best`.

    Planes leave that Gaussian only where the noise of their gradients is small, so each step then has 30 samples. The
    decoder is the truth. At the best Gaussian the gates of an iaf would close before its means learned.
    """
    torch.manual_seed(0)
    config = VAE.Config(latent_dim=2, hidden=(), posterior=posterior)
    model, x = VAE(SPEC, config), linear_data(200)
    (encoder,), (decoder,) = ([m for m in net if isinstance(m, nn.Linear)] for net in (model.encoder, model.decoder))
    with torch.no_grad():
        decoder.weight.copy_(W)
        decoder.bias.zero_()
        if best:
            encoder.weight[:4] = torch.cat([PRECISION.inverse() @ W.T / SIGMA**2, torch.zeros(2, 3)])
            encoder.bias[:4] = torch.cat([torch.zeros(2), -PRECISION.diagonal().log()])
    model.decoder.requires_grad_(False)
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=0.02)

    def bound(k: int) -> Tensor:
        inference = model.infer(genzoo.Batch(x), k)
        return (inference.kl() - inference.px.log_prob(x).mean(0)).mean()

    for _ in range(steps):
        optimizer.zero_grad()
        bound(30 if best else 1).backward()
        optimizer.step()
    with torch.no_grad():
        return bound(200).item() - negative_log_evidence(x)


def mean_field_gap() -> float:
    """½ (Σ ln P_ii − ln |P|) for the precision P of p(z|x): the least KL of a diagonal Gaussian from a Gaussian."""
    return 0.5 * (PRECISION.diagonal().log().sum() - PRECISION.logdet()).item()


def test_a_diagonal_posterior_leaves_the_mean_field_gap() -> None:
    assert mean_field_gap() > 0.2
    assert gap("diagonal", 0, best=True) == pytest.approx(mean_field_gap(), abs=0.02)


@pytest.mark.parametrize(
    ("posterior", "steps", "left"),
    [
        ("iaf:1", 120, 0.3),
        pytest.param("iaf:2", 300, 0.3, marks=pytest.mark.long),
        pytest.param("planar:4", 300, 0.85, marks=pytest.mark.long),
    ],
)
def test_a_flow_closes_it(posterior: str, steps: int, left: float) -> None:
    """An iaf nearly; a few planes only in part."""
    assert -0.02 < gap(posterior, steps, best="planar" in posterior) < left * mean_field_gap()


def test_a_flow_posterior_depends_on_x_by_more_than_its_base() -> None:
    """Without h(x) the flow would be the same bijection for all x, which prior and decoder could absorb."""
    for name in ("iaf:2", "planar:2"):
        part = genzoo.make_part("posterior", name, 3)
        parameters = torch.randn(2, part.outputs)
        parameters[1, :6] = parameters[0, :6]  # the same base for both
        q = part(parameters)
        same = torch.randn(1, 3).expand(2, 3)
        one, other = q.bijection(same, q.context)[0]
        assert not torch.allclose(one, other)


def test_an_autoregressive_step_is_triangular() -> None:
    torch.manual_seed(0)
    flow = AutoregressiveFlow(4, 0, 1)
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x)[0].flip(-1), torch.randn(4))
    assert torch.equal(jacobian, jacobian.tril())
    assert (jacobian.tril(-1).abs() > 0).sum() == 6


def test_a_closed_gate_keeps_z() -> None:
    """σ = 1 is the identity, up to the order of the dimensions, with ln |det| 0."""
    flow = AutoregressiveFlow(3, 0, 2)
    for step in flow.steps:
        step.last.weight.data.zero_()  # type: ignore[union-attr,operator]
        step.last.bias.data.fill_(50.0)  # type: ignore[union-attr,operator]
    x = torch.randn(5, 3)
    y, log_det = flow(x)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_det, torch.zeros(5))


def test_a_planar_step_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    flow = PlanarFlow(3, 0, 1).double()
    ((u, w, b, product),) = flow.parameters_of(None)
    x = torch.randn(5, 3, dtype=torch.float64)
    y, log_det = flow(x)
    a = x @ w + b
    torch.testing.assert_close(y, x + torch.outer(a.tanh(), u))
    torch.testing.assert_close(log_det, (1 + (1 - a.tanh() ** 2) * product).log())
    raw = flow.own.detach()
    wanted = -1 + math.log1p(math.exp((raw[:3] @ raw[3:6]).item()))
    assert (u @ w).item() == pytest.approx(wanted, rel=1e-3)
    assert wanted > -1


@pytest.mark.parametrize("product", [-0.999, -0.5, 0.0, 3.0, 50.0])
def test_the_inverse_of_a_planar_step_is_solved(product: float) -> None:
    target = torch.linspace(-30, 30, 101, dtype=torch.float64)
    a = solved(target, torch.tensor(product, dtype=torch.float64))
    torch.testing.assert_close(a + product * a.tanh(), target, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "message"), [("iaf", "no more than a Gaussian"), ("iaf:0", "positive whole number")])
def test_what_makes_no_sense_is_refused(name: str, message: str) -> None:
    with pytest.raises(genzoo.UsageError, match=message):
        VAE(SPEC, VAE.Config(latent_dim=1, posterior=name))
