"""The checks of parts find their faults."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.errors import PluginError
from genzoo.core.hookspecs import PartKind
from genzoo.registry.current import HERE, registry
from genzoo.registry.entries import Entry
from genzoo.testing.part_checks import PartTarget, checks_of


class Gaussian(genzoo.Posterior):
    """A sound posterior."""

    def forward(self, parameters: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian.from_parameters(parameters)


class Normal(genzoo.DiagGaussian):
    """A Gaussian to spoil."""


class Unnormalised(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + 0.5


class Unkeyed(Normal):
    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return self.mean + self.variance.sqrt() * torch.randn(*sample_shape, *self.shape)


class Remembering(Normal):
    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        self.drawn = super().rsample(sample_shape)
        return self.drawn

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) - float(value is self.drawn)


class Unsplit(Normal):
    def unflatten(self, sizes: tuple[int, ...]) -> Normal:  # type: ignore[override]
        return Normal(self.mean.unflatten(0, sizes), self.log_var.unflatten(0, sizes) + 0.1)  # type: ignore[union-attr]


class Detached(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return Normal(self.mean.detach(), self.log_var.detach()).log_prob(value)  # type: ignore[union-attr]


class Elsewhere(Normal):
    @property
    def mean(self) -> Tensor:
        return self._mean + 1


class Deaf(Gaussian):
    """A posterior with a parameter that nothing depends on."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.unused = nn.Parameter(torch.zeros(3))


class Lenient(Gaussian):
    """A posterior that takes any argument."""

    symbol = "n"
    default = 3

    def __init__(self, latent_dim: int, argument: Any) -> None:
        super().__init__(latent_dim)

    @classmethod
    def parse(cls, text: str) -> Any:
        return 3


def of(spoilt: type[Normal]) -> type[Gaussian]:
    class Spoilt(Gaussian):
        def forward(self, parameters: Tensor) -> genzoo.Distribution:
            return spoilt(*parameters.chunk(2, -1))

    return Spoilt


class Scale(genzoo.Bijection):
    """y = eˢ x with s of the context."""

    def __init__(self, dim: int, context_dim: int) -> None:
        super().__init__(dim, context_dim)
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.of_context = nn.Linear(context_dim, dim) if context_dim else None

    def amount(self, context: Tensor | None) -> Tensor:
        own: Tensor = self.log_scale
        return own if context is None or self.of_context is None else own + self.of_context(context)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s = self.amount(context).expand_as(x)
        return x * s.exp(), s.sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s = self.amount(context).expand_as(y)
        return y * (-s).exp(), -s.sum(-1)


class HalfInverted(Scale):
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s = self.amount(None).expand_as(y)
        return y * (-s).exp(), -s.sum(-1)


class WrongSign(Scale):
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, log_det = super().forward(x, context)
        return y, -log_det

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x, log_det = super().inverse(y, context)
        return x, -log_det


def checked(kind: PartKind, part: type[Any], check: str) -> str | None:
    genzoo.register_part(kind, "mine", part)
    return checks_of(kind)[check](PartTarget(registry().get(kind, "mine")))


class Nameless(genzoo.Likelihood):
    """Does not say which distribution it makes."""

    def forward(self, raw: Tensor) -> genzoo.Distribution:
        return Normal(raw, 0.0)


class Blob(genzoo.Sampler):
    """A sound sampler: independent Gaussians."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.register_buffer("moments", torch.zeros(2, self.dim, dtype=torch.float64))

    def fit(self, codes: Tensor) -> None:
        self.moments = torch.stack([codes.mean(0), codes.std(0)])

    def sample(self, n: int) -> Tensor:
        return self.moments[0] + self.moments[1] * torch.randn(n, self.dim, dtype=torch.float64)

    def log_prob(self, z: Tensor) -> Tensor:
        return genzoo.DiagGaussian(self.moments[0], 2 * self.moments[1].log()).log_prob(z)


class WithoutConstant(Blob):
    def log_prob(self, z: Tensor) -> Tensor:
        return super().log_prob(z) + 0.1


class Shifted(Blob):
    def sample(self, n: int) -> Tensor:
        return super().sample(n) + 0.5


class Forgetful(Blob):
    factor = 1.0

    def fit(self, codes: Tensor) -> None:
        super().fit(codes)
        self.factor = 2.0  # neither a parameter nor a buffer

    def sample(self, n: int) -> Tensor:
        return self.factor * super().sample(n)

    def log_prob(self, z: Tensor) -> Tensor:
        return super().log_prob(z / self.factor) - self.dim * math.log(self.factor)


@pytest.mark.parametrize("check", checks_of("sampler"))
def test_a_sound_sampler_passes(check: str) -> None:
    assert checked("sampler", Blob, check) is None


@pytest.mark.parametrize("check", checks_of("posterior"))
def test_a_sound_posterior_passes(check: str) -> None:
    assert checked("posterior", Gaussian, check) is None


@pytest.mark.parametrize("check", checks_of("bijection"))
def test_a_sound_bijection_passes(check: str) -> None:
    assert checked("bijection", Scale, check) is None


@pytest.mark.parametrize(
    ("kind", "part", "check", "said"),
    [
        ("posterior", of(Unnormalised), "follows", "it does not integrate to 1"),
        ("posterior", of(Elsewhere), "follows", "its samples have the mean"),
        ("posterior", of(Unkeyed), "noise", "samples depend on the seed and not on the example"),
        ("posterior", of(Remembering), "values", "ln p of a sample and of its copy"),
        ("posterior", of(Unsplit), "batch", "differs with the batch axis split"),
        ("posterior", of(Detached), "gradients", "ln p depends on nothing that could be trained"),
        ("posterior", Deaf, "gradients", "ln p has no finite gradient for unused"),
        ("posterior", Lenient, "argument", "mine:no such argument is accepted"),
        ("likelihood", Nameless, "interface", "its `family` is None, and forward returns a Normal"),
        ("bijection", HalfInverted, "inverse", "away from x"),
        ("bijection", WrongSign, "log-det", "by automatic differentiation"),
        ("sampler", WithoutConstant, "fitted", "integrates to 1.1"),
        ("sampler", Shifted, "fitted", "of the samples, and with probability"),
        ("sampler", Forgetful, "stored", "log_prob differs after"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_a_fault_is_found(kind: PartKind, part: type[Any], check: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        checked(kind, part, check)


def test_a_class_of_another_kind_is_a_fault() -> None:
    for kind in ("prior", "likelihood"):
        with pytest.raises((AssertionError, PluginError), match="does not extend genzoo"):
            checked(kind, Gaussian, "interface")  # type: ignore[arg-type]


def test_entries_of_this_process_are_found() -> None:
    genzoo.register_part("posterior", "mine", Gaussian)
    assert registry().get("posterior", "mine") == Entry("posterior", "mine", Gaussian, "", HERE)
