"""What theory says of autoencoders without a likelihood bound: optima of linear models, Jacobians, best critics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import LOG_2PI
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.autoencoders.ae import AE
from genzoo_plugins.autoencoders.contractive import Contractive
from genzoo_plugins.autoencoders.denoising import Denoising
from genzoo_plugins.autoencoders.regularised import Regularised
from genzoo_plugins.autoencoders.sparse import L1, SparseAE
from genzoo_plugins.autoencoders.with_prior import AdversarialCodes, AEWithPrior, SlicedWasserstein

STEP = torch.tensor(0)
VARIANCES = torch.tensor([4.0, 1.0, 0.25])


def linear(kind: type[AE], size: int, **options: Any) -> AE:
    """Return a linear autoencoder of points with a Gaussian p(x|z) of σ = 1."""
    with seeded(0):
        return kind(genzoo.DataSpec((size,), "gaussian", size=1000), kind.Config(latent_dim=size, hidden=(), **options))


def weight_of(layer: nn.Module) -> Tensor:
    """Return the weight of a linear layer, without gradient."""
    assert isinstance(layer, nn.Linear)
    return layer.weight.detach()


def minimise(module: nn.Module, value: Callable[[], Tensor], steps: int = 100) -> None:
    """Train a module by L-BFGS on a value that does not change from call to call."""
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        with seeded(1):
            found = value()
        found.backward()
        return found

    optimizer.step(closure)


def whitened(n: int, size: int) -> Tensor:
    """Return points [n, size] whose mean is exactly 0 and whose covariance is exactly I."""
    x = torch.randn(n, size, dtype=torch.float64)
    x = x - x.mean(0)
    white: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T @ x / n), x.T, upper=False)
    return white.T.float()


def denoising() -> Iterator[Case]:
    """Gaussian data: r(x̃) = x̃ + σ²∇ln p_σ(x̃), with loss Σ λσ²/(λ + σ²)."""
    model, sigma = linear(AE, 3), 0.5
    loss = Denoising(model, Denoising.Config(sigma=sigma))
    with seeded(2):
        x = whitened(50_000, 3) * VARIANCES.sqrt()
        minimise(model, lambda: loss(model, genzoo.Batch(x), STEP)["loss"])
        noisy = torch.randn(50, 3)
    with torch.no_grad(), seeded(3):
        found = 2 * loss(model, genzoo.Batch(x), STEP)["loss"].item() - 3 * LOG_2PI
        learned, again = model.reconstruct(noisy), model.reconstruct(noisy)
    yield Case("E‖x − r(x + σε)‖² of Gaussian data", found, 0.5602941, 0.02)
    score = -noisy / (VARIANCES + sigma**2)
    yield Case("largest r(x̃) − x̃ − σ²∇ln p(x̃)", (learned - noisy - sigma**2 * score).abs().max().item(), 0.0, 0.03)
    yield Case("two reconstructions of x differ by", (learned - again).abs().max().item(), 0.0, 0.0)


def regularised() -> Iterator[Case]:
    """A linear model with all its latents keeps the share 1 − √(2βλ)/s of an axis of deviation s (RAE-L2); the norm of
    ∂x̂/∂z is that of the Jacobian (RAE-GP)."""
    model, beta, weight = linear(AE, 3), 0.02, 0.01
    loss = Regularised(model, Regularised.Config(code_weight=beta, decoder_weight=weight))
    with seeded(2):
        x = whitened(500, 3) * VARIANCES.sqrt()
        minimise(model, lambda: loss(model, genzoo.Batch(x), STEP)["loss"], 300)
    decoder, encoder = weight_of(model.decoder[0]), weight_of(model.encoder[1])
    kept = (decoder @ encoder).diagonal().tolist()
    for share, variance in zip(kept, VARIANCES.tolist(), strict=True):
        truth = 1 - math.sqrt(2 * beta * weight / variance)
        yield Case(f"RAE-L2: share of an axis of variance {variance:g}", share, truth, 1e-3)
    with seeded(8):
        model = AE(genzoo.DataSpec((4,), "bernoulli"), AE.Config(latent_dim=2, hidden=(8,), activation="tanh"))
        one = torch.rand(1, 4)
    loss = Regularised(model, Regularised.Config(regulariser="gradient"))
    with seeded(5):
        found = loss(model, genzoo.Batch(one.expand(40_000, 4)), STEP)["decoder"].item()
    jacobian = torch.autograd.functional.jacobian(model.decode, model.encode(one))
    truth = torch.as_tensor(jacobian).square().sum().item()
    yield Case("RAE-GP: ‖∂x̂/∂z‖²_F by autograd", found, truth, 0.03 * truth)


def contractive() -> Iterator[Case]:
    """A sigmoid layer: ‖∂h/∂x‖²_F = Σ_j (h_j(1 − h_j))²‖W_j‖² (Rifai et al. 2011, eq. 4)."""
    model = linear(AE, 4)
    layer = model.encoder[1]
    model.encoder = nn.Sequential(model.encoder, nn.Sigmoid())
    loss = Contractive(model, Contractive.Config(contraction_weight=0.7))
    with seeded(1):
        x = torch.randn(1, 4)
        terms = loss(model, genzoo.Batch(x.expand(40_000, 4)), STEP)
    slope = (h := model.encode(x)[0]) * (1 - h)
    truth = (slope.square() * weight_of(layer).square().sum(1)).sum().item()
    yield Case("‖∂h/∂x‖²_F of a sigmoid layer", terms["contraction"].item(), truth, 0.03 * truth)
    weight = (terms["loss"] - terms["reconstruction"]).item() / terms["contraction"].item()
    yield Case("its weight in the loss", weight, 0.7, 1e-4)


def sparse() -> Iterator[Case]:
    """Data x = Σ s_j a_j of few atoms: the atoms are found, and k of them are used."""
    size, atoms, active, steps = 16, 10, 2, 400
    with seeded(0):
        true = torch.linalg.qr(torch.randn(size, size)).Q[:atoms]
        model = SparseAE(genzoo.DataSpec((size,), "gaussian"), SparseAE.Config(latent_dim=40, active=active))
        model.prepare(genzoo.Batch(mixtures(true, active, 256)))
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
        for _ in range(steps):
            x = mixtures(true, active, 256)
            optimizer.zero_grad()
            (-model.infer(genzoo.Batch(x)).px.log_prob(x).mean()).backward()
            optimizer.step()
            rate.step()
        z = model.encode(mixtures(true, active, 1000))
    cosines = (true @ model.dictionary.T).max(1).values
    yield Case("mean cosine of an atom and the nearest of the dictionary", cosines.mean().item(), 1.0, 0.01)
    yield Case("atoms that an example uses", (z != 0).sum(1).double().mean().item(), active, 0.05)
    yield Case("largest | ‖d_j‖ − 1 |", (model.dictionary.norm(dim=1) - 1).abs().max().item(), 0.0, 1e-6)


def l1() -> Iterator[Case]:
    """The loss is −ln p(x|z) + λ Σ|z|."""
    model, x = linear(AE, 3), whitened(64, 3)
    terms = L1(model, L1.Config(sparsity_weight=0.3))(model, genzoo.Batch(x), STEP)
    found = (terms["loss"] - terms["reconstruction"]).item()
    yield Case("what λ = 0.3 adds to −ln p(x|z)", found, 0.3 * model.encode(x).abs().sum(1).mean().item(), 1e-5)


def mixtures(atoms: Tensor, active: int, n: int) -> Tensor:
    """Draw n sums of a few atoms [K, D] with exponential weights."""
    which = torch.rand(n, len(atoms)).argsort(1) < active
    return (which * -torch.rand(n, len(atoms)).log()) @ atoms


def identity(kind: type[AE], size: int) -> AE:
    """Return an autoencoder whose code is x."""
    model = linear(kind, size)
    with torch.no_grad():
        model.encoder[1].weight.copy_(torch.eye(size))
        model.encoder[1].bias.zero_()
    return model


def adversarial_codes() -> Iterator[Case]:
    """Codes N(δ, 1) and p(z) = N(0, 1): the best critic is ½δ² − δz, and ln 2 where they are equal."""
    model, delta = identity(AEWithPrior, 1), 1.0
    with seeded(0):
        noise = whitened(100_000, 1)
    for shift in (delta, 0.0):
        loss = AdversarialCodes(model, AdversarialCodes.Config(critic=()))
        batch = genzoo.Batch(noise + shift)
        minimise(loss, lambda loss=loss, batch=batch: loss(model, batch, STEP, 1)["critic"])  # type: ignore[misc]
        slope, start = loss.critic[0].weight.item(), loss.critic[0].bias.item()  # type: ignore[operator]
        yield Case(f"slope of the best critic at δ = {shift:g}", slope, -shift, 0.03)
        yield Case(f"its value at 0, δ = {shift:g}", start, 0.5 * shift**2, 0.03)
    with torch.no_grad():
        fooling = loss(model, batch, STEP)["fooling"].item()
    yield Case("−ln D of codes that are the prior's", fooling, math.log(2), 0.01)
    layer: Any = loss.critic[0]
    torch.nn.init.constant_(layer.weight, 2.0)
    torch.nn.init.constant_(layer.bias, -200.0)  # D is 0 in float32, and its logit is not
    terms, weight = loss(model, batch, STEP), loss.config.prior_weight
    added = (terms["loss"] + model.infer(batch).px.log_prob(batch.x).mean()) / weight
    (slope,) = torch.autograd.grad(added, model.encoder[1].bias)
    yield Case("−ln D where the critic is sure: −logit", terms["fooling"].item(), 200.0, 0.01)
    yield Case("its slope in the code", slope.item(), -2.0, 1e-4)


def sliced_wasserstein_distance() -> Iterator[Case]:
    """SW₂² of N(0, I) and N(0, 4I) is 1; its weight does not depend on the size of the batch."""
    model = identity(AEWithPrior, 3)
    loss = SlicedWasserstein(model, SlicedWasserstein.Config(prior_weight=3.0))
    for n in (1000, 30_000):
        with seeded(n):
            terms = loss(model, genzoo.Batch(2 * whitened(n, 3)), STEP)
        yield Case(f"SW₂² of N(0, I) and N(0, 4I), {n} points", terms["distance"].item(), 1.0, 6 / math.sqrt(n))
        weight = (terms["loss"] - terms["reconstruction"]).item() / terms["distance"].item()
        yield Case(f"its weight in the loss of {n} points", weight, 3.0, 1e-4)
