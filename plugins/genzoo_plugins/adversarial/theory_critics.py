"""Theory of critics that are held back: by penalties on their slopes, and by the spectral norm of their layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.adversarial.gan import Generator
from genzoo_plugins.adversarial.r3gan import Relativistic
from genzoo_plugins.adversarial.sngan import Spectral, UnitNorm
from genzoo_plugins.adversarial.theory import SHIFT, STEP, linear_of, shifted, terms_of


def r3gan() -> Iterator[Case]:
    """The best critic ln p − ln g = ½δ² − δx; the Dirac-GAN, whose rotation only penalties end."""
    model, loss, batch = shifted(Relativistic, -SHIFT, 7.0, penalty_data=0.0, penalty_samples=0.0)
    grid = torch.linspace(-10, 13, 20_001, dtype=torch.float64)  # a sample minus an example
    density = torch.distributions.Normal(SHIFT, math.sqrt(2)).log_prob(grid).exp()
    terms = terms_of(model, loss, batch, 0)
    for name, sign, found in (("critic", -1, terms), ("generator", 1, terms_of(model, loss, batch, 1))):
        truth = torch.trapezoid(density * torch.nn.functional.softplus(sign * SHIFT * grid), grid).item()
        yield Case(f"loss of the {name} with the best critic: by quadrature, nats", found[name].item(), truth, 0.04)
    (slope,) = torch.autograd.grad(terms["critic"], linear_of(loss.critic).weight)
    yield Case("slope of the loss there", slope.item(), 0.0, 0.015)
    yield Case("squared slopes of the critic: δ²", terms["slope_samples"].item(), SHIFT**2, 1e-9)
    model, loss, batch = shifted(Relativistic, 0.0, 0.0)
    yield Case("a critic at chance: ln 2, nats", terms_of(model, loss, batch, 0)["critic"].item(), math.log(2), 1e-9)
    for data, samples in ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (1.3, 0.0), (0.4, 0.9)):
        weight = data + samples
        root = torch.tensor(weight**2 / 4 - 0.25, dtype=torch.complex128).sqrt()
        values = dirac_eigenvalues(data, samples)
        name = f"Dirac-GAN, γ₁ = {data:g}, γ₂ = {samples:g}: −γ/2 ± √(γ²/4 − ¼)"
        yield Case.largest(name, values, torch.stack([-root, root]) - weight / 2, 1e-6)


def dirac_eigenvalues(penalty_data: float, penalty_samples: float) -> Tensor:
    """Return the eigenvalues of the flow of slope ψ and sample θ at its fixed point, for data at 0 and D(x) = ψx.

    The flow is (−∂critic/∂ψ, −∂generator/∂θ), and its Jacobian by central differences.
    """
    model, loss, batch = shifted(Relativistic, 0.0, 0.0, penalty_data=penalty_data, penalty_samples=penalty_samples)
    batch = genzoo.Batch(torch.zeros_like(batch.x[:4]))
    torch.nn.init.zeros_(linear_of(model.net).weight)
    moved = linear_of(loss.critic).weight, linear_of(model.net).bias

    def flow(point: Tensor) -> Tensor:
        for parameter, value in zip(moved, point, strict=True):
            parameter.data.fill_(value)
        terms = (terms_of(model, loss, batch, phase)[name] for phase, name in ((0, "critic"), (1, "generator")))
        return -torch.stack([torch.autograd.grad(term, own)[0].sum() for term, own in zip(terms, moved, strict=True)])

    steps = 1e-4 * torch.eye(2, dtype=torch.float64)
    jacobian = torch.stack([(flow(step) - flow(-step)) / 2e-4 for step in steps], 1)
    values: Tensor = torch.linalg.eigvals(jacobian)
    return values[(values.real + values.imag).argsort()]


def sngan() -> Iterator[Case]:
    """σ by power iteration is that of the singular value decomposition; a critic with layers of norm 1 is Lipschitz."""
    with genzoo.seeded(0):
        model = Generator(genzoo.DataSpec((6,), "gaussian", size=1000), Generator.Config(latent_dim=2)).double()
        loss = Spectral(model, Spectral.Config(critic=(8, 5), objective="hinge")).double()
        x = 3 * torch.randn(500, 6, dtype=torch.float64)
        weight = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
        upstream = torch.randn(5, 8, dtype=torch.float64)
    before = {name: buffer.clone() for name, buffer in loss.named_buffers()}
    with torch.no_grad():
        loss.eval()(model, genzoo.Batch(x), STEP, 0)
    moved = max((buffer - before[name]).abs().max().item() for name, buffer in loss.named_buffers())
    yield Case("what an evaluation changes", moved, 0.0, 0.0)
    for _ in range(300):
        loss.after_step(model, genzoo.Batch(x), STEP)
    for number, layer in enumerate(loss.layers()):
        norm = torch.linalg.matrix_norm(layer.weight, 2).item()
        yield Case(f"spectral norm of layer {number}", norm, 1.0, 1e-4)
    steepest = loss.slopes(x)[1].max().sqrt().item()
    yield Case("minus the steepest slope of the critic", -steepest, -1.0, 1e-9, one_sided=True)
    unit = UnitNorm(weight)
    unit.iterate(weight, 300)
    found = torch.autograd.grad((unit(weight) * upstream).sum(), weight)[0]
    exact = torch.autograd.grad((weight / torch.linalg.matrix_norm(weight, 2) * upstream).sum(), weight)[0]
    yield Case.largest("gradient of W/σ(W), from that by singular values", found, exact, 1e-4)
    yield from hinges()


def hinges() -> Iterator[Case]:
    """Of the critic δ/2 − 3x, which becomes δ/2 − x: E max(0, m + ε) = mΦ(m) + φ(m) with m = 1 − δ/2 twice."""
    model, loss, batch = shifted(Spectral, -3.0, SHIFT / 2, objective="hinge")
    margin, normal = torch.tensor(1 - SHIFT / 2, dtype=torch.float64), torch.distributions.Normal(0.0, 1.0)
    truth = 2 * (margin * normal.cdf(margin) + normal.log_prob(margin).exp()).item()
    terms = terms_of(model, loss, batch, 0)
    yield Case("hinges of a linear critic: 2(mΦ(m) + φ(m))", terms["critic"].item(), truth, 0.03)
    (slope,) = torch.autograd.grad(terms["critic"], loss.layers()[0].parametrizations["weight"].original)  # type: ignore
    yield Case("gradient of a weight that is normalised away", slope.item(), 0.0, 1e-9)
