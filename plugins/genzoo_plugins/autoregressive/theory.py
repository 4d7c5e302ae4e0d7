"""What the numbers of autoregressive models are held against: enumeration, and derivatives that must be 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.autoregressive.made import MADE
from genzoo_plugins.autoregressive.pixelcnn import PixelCNN
from genzoo_plugins.flows.theory import on_known_density, stirred, table_of_pixels

D = TypeVar("D", bound=genzoo.Density)


def made() -> Iterator[Case]:
    """Σ p over all 2¹² states is 1, logits depend on the values before them alone, and a Gaussian is held exactly by
    its Cholesky factor; never above a known density."""
    yield from of_masks(hidden=(24, 16), activation="tanh")
    yield from cholesky()
    yield table_of_pixels(MADE, hidden=(16,))
    yield from on_known_density(MADE, "quadratic", hidden=(32,))


@torch.no_grad()
def cholesky() -> Iterator[Case]:
    """x = Lε with unit diagonal: x_i | x_<i ~ N(Σ_j (I − L⁻¹)_ij x_j, 1), which a linear MADE holds exactly."""
    with genzoo.seeded(3):
        factor = torch.eye(5, dtype=torch.float64) + torch.randn(5, 5, dtype=torch.float64).tril(-1)
        x = torch.randn(30, 5, dtype=torch.float64) @ factor.T
    model = MADE(genzoo.DataSpec((5,), "gaussian"), MADE.Config(hidden=())).double()
    model.direct.weight.copy_(torch.eye(5) - factor.inverse())
    model.direct.bias.zero_()
    truth = MultivariateNormal(x.new_zeros(5), factor @ factor.T).log_prob(x)
    yield Case.largest("ln p(x) of a correlated Gaussian by Cholesky, nats", model.log_prob(x), truth, 1e-9)


def fvsbn() -> Iterator[Case]:
    """Σ p over all 2¹² states is 1, and logits depend on the values before them alone."""
    yield from of_masks(hidden=())
    yield table_of_pixels(MADE, hidden=())


def of_masks(**options: Any) -> Iterator[Case]:
    """Yield the cases of masks: 2¹² probabilities sum to 1, and logits depend on the values before them alone."""
    pixels = genzoo.DataSpec((1, 3, 4), "bernoulli", binary=True)
    model = built(MADE, pixels, **options)
    yield Case("Σ P of 2¹² images", sum_over_pixels(model, pixels), 1.0, 1e-9)
    yield from of_sight("logit", lambda x: model.numbers(x[None])[0], 12)
    yield order_of_sampling(built(MADE, genzoo.DataSpec((2, 3, 1), "gaussian-per-dim"), **options))


def pixelcnn() -> Iterator[Case]:
    """Σ p over all 2⁹ images is 1; all earlier pixels are seen, those of the blind spot too, and no others."""
    pixels = genzoo.DataSpec((1, 3, 3), "bernoulli", binary=True)
    options = {"width": 8, "layers": 3, "reach": 1}
    model = built(PixelCNN, pixels, **options)
    yield Case("Σ P of 2⁹ images", sum_over_pixels(model, pixels), 1.0, 1e-9)
    yield from of_sight("logit", logits_of(model), 9)
    colours = built(PixelCNN, genzoo.DataSpec((3, 2, 2), "bernoulli", binary=True), **options)
    yield from of_sight("logit of a channel", logits_of(colours), 12)
    yield order_of_sampling(built(PixelCNN, genzoo.DataSpec((2, 4, 3), "gaussian-per-dim"), **options))
    yield table_of_pixels(PixelCNN, updates=30, **options)


def pixelcnn_pp() -> Iterator[Case]:
    """Probabilities of 256 levels, and of 256² pixels of two channels, sum to 1; channels are seen in turn."""
    grey = torch.arange(256).double() / 255
    with genzoo.seeded(0):
        part = genzoo.make_likelihood("logistic-mixture:3")
        for scale, what in ((1.0, "usual"), (20.0, "extreme")):
            raw = scale * torch.randn(7, 9, dtype=torch.float64)
            p = part(raw[:, :, None]).log_prob(grey.view(-1, 1, 1, 1).expand(-1, 7, 1, 1)).exp().sum(0)
            yield Case(f"Σ P of 256 levels, {what} numbers", (p - 1).abs().max().item(), 0.0, 1e-9)
    two = genzoo.DataSpec((2, 1, 1), "bernoulli")
    model = built(PixelCNN, two, width=4, layers=1, reach=1, mixture=2)
    pairs = torch.cartesian_prod(grey, grey).view(-1, 2, 1, 1)
    with torch.no_grad():
        total = model.log_prob(pairs).exp().sum().item()
    yield Case("Σ P of 256² pixels of two channels in turn", total, 1.0, 1e-9)
    colours = built(PixelCNN, genzoo.DataSpec((3, 2, 2), "bernoulli"), width=8, layers=2, reach=1, mixture=1)
    yield from of_sight("centre of a channel", lambda x: logits_of(colours)(x)[12:24], 12)


def built(cls: type[D], spec: genzoo.DataSpec, **options: Any) -> D:
    """Return a model in double precision with noise on its weights, so that no dependence is too weak to be seen."""
    with genzoo.seeded(0):
        return stirred(cls(spec, cls.Config(**options))).double()


def logits_of(model: PixelCNN) -> Callable[[Tensor], Tensor]:
    """Return the map from the values of an image, pixel by pixel and then by channel, to its numbers in that order."""
    channels, height, width = model.spec.shape

    def numbers(x: Tensor) -> Tensor:
        image = x.view(1, height, width, channels).permute(0, 3, 1, 2)
        raw = model.numbers(model.features(image), image)
        return raw.view(-1, channels, height, width).permute(0, 2, 3, 1).flatten()

    return numbers


def of_sight(what: str, numbers: Callable[[Tensor], Tensor], size: int) -> Iterator[Case]:
    """Yield how many ∂number_i/∂x_j are not 0 for j < i, all of them, and for j ≥ i, none."""
    slopes = jacobian(numbers, torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    seen = slopes != 0
    yield Case(f"numbers of ∂{what}_i/∂x_j that are not 0, j < i", float(seen.tril(-1).sum()), size * (size - 1) / 2, 0)
    yield Case(f"numbers of ∂{what}_i/∂x_j that are not 0, j ≥ i", float(seen.triu().sum()), 0.0, 0.0)


@torch.no_grad()
def sum_over_pixels(model: genzoo.Density, spec: genzoo.DataSpec) -> float:
    """Return Σ p(x) over all black and white images."""
    states = torch.cartesian_prod(*spec.numel * [torch.tensor([0.0, 1.0], dtype=torch.float64)])
    return model.log_prob(states.view(-1, *spec.shape)).exp().sum().item()


@torch.no_grad()
def order_of_sampling(model: MADE | PixelCNN) -> Case:
    """Return the case of samples that are drawn value by value: ln p by the conditionals as they were drawn from.

    Σ ln p(x_d | x_<d) of each drawn value, noted while it is drawn, is log_prob of the finished sample.
    """
    noted: list[Tensor] = []
    inner = model.head.forward

    def head(raw: Tensor) -> genzoo.Distribution:
        p = inner(raw)
        draw = p.rsample

        def rsample(sample_shape: tuple[int, ...] = ()) -> Tensor:
            x = draw(sample_shape)
            each = genzoo.DiagGaussian(p.mean, p.log_var, event_dims=0).log_prob(x)  # type: ignore[attr-defined]
            noted.append(each.flatten(1))
            return x

        p.rsample = rsample  # type: ignore[method-assign]
        return p

    model.head.forward = head  # type: ignore[method-assign]
    with genzoo.seeded(4):
        x = model.sample(5)
    model.head.forward = inner  # type: ignore[method-assign]
    channels = noted[0].shape[1]  # a pixel's channels are drawn in turn, and each draw has all of them
    drawn = torch.stack([each[:, number % channels] for number, each in enumerate(noted)]).sum(0)
    off = (model.log_prob(x) - drawn).abs().max().item()
    return Case("ln p of samples, as drawn and as scored, nats", off, 0.0, 1e-9)
