"""Theory of the metrics: a linear VAE at its optimum, and samples of distributions at a known distance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.options import NoOptions
from genzoo.core.theory import Case
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo_plugins import linear_gaussian as linear

CPU = torch.device("cpu")


def data_of(x: Tensor) -> Resident:
    """Return points [N, F] as an evaluation gets them."""
    return Resident(genzoo.Split(x.float()), CPU)


@cache
def at_optimum(beta: float, *names: str) -> dict[str, Any]:
    """Return metrics of a linear VAE at its optimum for β, on the data that it is best for."""
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned")
    linear.set_optimum(model, ppca, beta)
    return evaluate(model, data_of(ppca.x), find_metrics(registry(), names))


def rate(beta: float = 1.0) -> Tensor:
    """Return the KL of each latent at the optimum for β, in nats."""
    return linear.make_ppca().kl(beta)


def negative_elbo() -> Iterator[Case]:
    """At the optimum it is −ln p(x)."""
    found = at_optimum(1.0, "negative-elbo")
    error = 5 * found["standard_error"]["negative_elbo"]
    yield Case(
        "−ELBO at the optimum: −ln p(x), nats", found["negative_elbo"], -linear.make_ppca().log_likelihood, error
    )


def kl() -> Iterator[Case]:
    """Σ ½ ln(λ/σ²)."""
    yield Case("KL at the optimum: Σ ½ ln(λ/σ²), nats", at_optimum(1.0, "kl")["kl"], rate().sum().item(), 1e-4)


def reconstruction() -> Iterator[Case]:
    """−ln p(x) − KL."""
    found = at_optimum(1.0, "reconstruction")
    truth = -linear.make_ppca().log_likelihood - rate().sum().item()
    error = 5 * found["standard_error"]["reconstruction"]
    yield Case("E −ln p(x|z) at the optimum: −ln p(x) − KL, nats", found["reconstruction"], truth, error)


def iwae() -> Iterator[Case]:
    """With the exact posterior the bound is ln p(x) for every k."""
    found = at_optimum(1.0, "iwae:1", "iwae:20")
    for k in (1, 20):
        yield Case(
            f"−L_{k} at the optimum: −ln p(x), nats", found[f"iwae_{k}"], -linear.make_ppca().log_likelihood, 1e-4
        )


def nll() -> Iterator[Case]:
    """The bound by k samples of a model whose posterior is exact is −ln p(x)."""
    found = at_optimum(1.0, "nll:20")["nll_20"]
    yield Case("−ln p(x) by 20 samples at the optimum, nats", found, -linear.make_ppca().log_likelihood, 1e-4)


def mse() -> Iterator[Case]:
    """Posterior means shrink: Σ_{i≤d} σ⁴/λ_i + Σ_{i>d} λ_i, divided by D."""
    ppca = linear.make_ppca()
    kept = (ppca.variance**2 / ppca.values[: linear.Q]).sum().item()
    truth = (kept + ppca.values[linear.Q :].sum().item()) / linear.D
    yield Case("squared error a dimension at the optimum", at_optimum(1.0, "mse")["mse"], truth, 1e-6)


def active_units() -> Iterator[Case]:
    """The latents whose λ is above βσ²."""
    for beta, truth in ((1.0, 3), (4.0, 2), (10.0, 0)):
        found = at_optimum(beta, "active-units")["active_units"]
        yield Case(f"latents that vary at the optimum for β = {beta:g}", found, truth, 0.0)


def kl_per_dim() -> Iterator[Case]:
    """½ ln(λ/βσ²) of the largest λ."""
    for beta in (1.0, 4.0):
        found = at_optimum(beta, "kl-per-dim")["kl_per_dim"]
        yield Case(f"largest KL of a latent at β = {beta:g}, nats", found, rate(beta).max().item(), 1e-4)


def collapsed() -> Iterator[Case]:
    """The share of the latents whose λ is below βσ²."""
    for beta, truth in ((1.0, 0.0), (4.0, 1 / 3), (10.0, 1.0)):
        yield Case(f"share that collapses at β = {beta:g}", at_optimum(beta, "collapsed")["collapsed"], truth, 1e-9)


def mutual_information() -> Iterator[Case]:
    """At the optimum q(z) is the prior, so that I(x; z) is the KL."""
    found = at_optimum(1.0, "mutual-information")["mutual_information"]
    yield Case("I(x; z) at the optimum: the KL, nats", found, rate().sum().item(), 0.05)


def marginal_kl() -> Iterator[Case]:
    """At the optimum q(z) is the prior."""
    yield Case("KL(q(z)‖p(z)) at the optimum, nats", at_optimum(1.0, "marginal-kl")["marginal_kl"], 0.0, 0.05)


def total_correlation() -> Iterator[Case]:
    """−½ ln(1 − ρ²) of a pair of latents, here made of two copies with noise: the latents of a rotated encoder."""
    found = at_optimum(1.0, "total-correlation")["total_correlation"]
    yield Case("total correlation at the optimum, nats", found, 0.0, 0.005)
    ppca, model = linear.make_ppca(), linear.linear_vae("gaussian-learned")
    linear.set_optimum(model, ppca)
    encoder: Any = [layer for layer in model.encoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    rho = 0.6
    mix = torch.eye(3)
    mix[1, 0], mix[1, 1] = rho, math.sqrt(1 - rho**2)
    with torch.no_grad():  # z₂ ← ρ z₁ + √(1 − ρ²) z₂, whose noise is then that of z₂ alone
        encoder.weight[:3] = mix @ encoder.weight[:3]
        encoder.bias[:3] = mix @ encoder.bias[:3]
        encoder.bias[3:] = -40.0
        z = model.encode(ppca.x.float()).double()
    value = evaluate(model, data_of(ppca.x), find_metrics(registry(), ["total-correlation"]))["total_correlation"]
    truth = -0.5 * torch.corrcoef(z.T).logdet().item()
    yield Case("total correlation of correlated latents: −½ ln |R|, nats", value, truth, 1e-3)


class Given(genzoo.Model):
    """A model without codes whose samples are given points, in order."""

    def __init__(self, points: Tensor) -> None:
        super().__init__(genzoo.DataSpec(tuple(points.shape[1:]), "gaussian"), NoOptions())
        self.points = points

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        drawn, self.points = self.points[:n], self.points[n:]
        return drawn


def of_samples(name: str, drawn: Tensor, x: Tensor) -> float:
    """Return a metric of a model's samples and of examples; both are [N, F]."""
    with genzoo.seeded(3):
        train = torch.randn_like(x)
    found = evaluate(Given(drawn), data_of(x), find_metrics(registry(), [name]), train=data_of(train))
    value: float = found[name.replace("-", "_")]
    return value


def normal(seed: int, n: int, size: int = 1) -> Tensor:
    """Return n points of N(0, I), [n, size]."""
    with genzoo.seeded(seed):
        return torch.randn(n, size)


def c2st() -> Iterator[Case]:
    """The best classifier of N(δ, 1) and N(0, 1) has the AUROC Φ(δ/√2)."""
    found = of_samples("c2st", normal(0, 1000) + 1, normal(1, 1000))
    yield Case("AUROC at δ = 1: Φ(1/√2)", found, 0.5 * (1 + math.erf(0.5)), 0.05)
    yield Case("AUROC of equal distributions", of_samples("c2st", normal(0, 1000), normal(1, 1000)), 0.5, 0.06)


def prior_c2st() -> Iterator[Case]:
    """At the optimum the codes follow the prior."""
    yield Case("AUROC of codes and prior at the optimum", at_optimum(1.0, "prior-c2st")["prior_c2st"], 0.5, 0.04)


def kid() -> Iterator[Case]:
    """E k(x, x') + E k(y, y') − 2 E k(x, y) over different points, for k(x, y) = (x·y/D + 1)³."""
    x, y = normal(0, 300, 2) + 0.5, normal(1, 300, 2)

    def kernel(one: Tensor, other: Tensor) -> Tensor:
        return (one.double() @ other.double().T / 2 + 1) ** 3

    same = sum(k.fill_diagonal_(0.0).sum().item() / (300 * 299) for k in (kernel(x, x), kernel(y, y)))
    yield Case(
        "squared distance by its definition", of_samples("kid", x, y), same - 2 * kernel(x, y).mean().item(), 1e-4
    )


def sliced_wasserstein() -> Iterator[Case]:
    """On a line W₂ pairs sorted points; of N(1, 1) and N(0, 1) it is 1."""
    x, y = normal(0, 500) + 1, normal(1, 500)
    found, by_sorting = (
        of_samples("sliced-wasserstein", x, y),
        (x.sort(0).values - y.sort(0).values).square().mean().sqrt(),
    )
    yield Case("W₂ by sorting", found, by_sorting.item(), 1e-4)
    yield Case("W₂ of N(1, 1) and N(0, 1)", found, 1.0, 0.3)


def memorisation() -> Iterator[Case]:
    """Copies of training examples have a ratio of 0; new samples one of 1."""
    yield Case("ratio of new samples", of_samples("memorisation", normal(0, 1500, 3), normal(1, 1500, 3)), 1.0, 0.12)
    with genzoo.seeded(3):
        copies = torch.randn(1000, 3)
    yield Case(
        "ratio of copies of the training data", of_samples("memorisation", copies, normal(1, 1000, 3)), 0.0, 1e-6
    )


class Offset(genzoo.LatentModel):
    """A model that adds a constant to every pixel, with fair coins as p(x|z)."""

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.Delta(x, event_dims=3)

    def prior(self) -> None:
        return None

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian(z + self.config, 0.0, event_dims=3)


def of_images(name: str, offset: float) -> float:
    """Return a metric of images whose reconstructions are lighter by `offset`."""
    with genzoo.seeded(0):
        x = 0.8 * torch.rand(4, 1, 16, 16)
    model = Offset(genzoo.DataSpec((1, 16, 16), "bernoulli"), offset)
    stored = Resident(genzoo.Split((x * 255).round().to(torch.uint8)), CPU)
    value: float = evaluate(model, stored, find_metrics(registry(), [name]))[name]
    return value


def psnr() -> Iterator[Case]:
    """−20 log₁₀ of the error of every pixel."""
    yield Case("PSNR at an error of 0.1, dB", of_images("psnr", 0.1), 20.0, 1e-3)


def ssim() -> Iterator[Case]:
    """An image has a similarity of 1 to itself."""
    yield Case("SSIM of an image and itself", of_images("ssim", 0.0), 1.0, 1e-6)
    yield Case("1 − SSIM of a lighter image", 1 - of_images("ssim", 0.1), 0.0, 0.0, one_sided=True)


def bits_per_dim() -> Iterator[Case]:
    """A VAE whose weights are all 0 gives every pixel one bit."""
    from genzoo_plugins.vae.vae import VAE

    model = VAE(genzoo.DataSpec((1, 6, 6), "bernoulli", binary=True), VAE.Config(latent_dim=2, hidden=()))
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    with genzoo.seeded(0):
        stored = Resident(genzoo.Split((torch.rand(9, 1, 6, 6) < 0.5).to(torch.uint8) * 255), CPU)
    found = evaluate(model, stored, find_metrics(registry(), ["bits-per-dim"]))["bits_per_dim"]
    yield Case("coins for 36 pixels, bits a pixel", found, 1.0, 1e-6)


def modes() -> Iterator[Case]:
    """Of ten images, one that the classifier reads as each digit: samples of k of them have KL ln(10/k) to all."""
    from genzoo_plugins.metrics.features import SHAPE, pinned

    images, digits = torch.full((10, *SHAPE), 0.5), torch.arange(10)
    with torch.enable_grad():  # each step moves an image towards its digit
        for _ in range(30):
            asked = images.requires_grad_()
            error = torch.nn.functional.cross_entropy(pinned()(asked), digits, reduction="sum")
            images = (asked - 0.05 * torch.autograd.grad(error, asked)[0].sign()).clamp(0, 1).detach()
    data = Resident(genzoo.Split((images.repeat(21, 1, 1, 1) * 255).round().to(torch.uint8), digits.repeat(21)), CPU)
    for count in (10, 7):
        found = evaluate(Given(images[:count].repeat(210 // count, 1, 1, 1)), data, find_metrics(registry(), ["modes"]))
        yield Case(f"digits among samples of {count} of them", found["modes"], count, 0.0)
        if count == 7:
            yield Case("KL of their shares, nats", found["details"]["modes"]["kl"], math.log(10 / 7), 1e-6)
