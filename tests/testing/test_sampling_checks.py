"""The comparison of two samples finds different locations and spreads, and accepts equal distributions."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo
from genzoo.testing import CHECKS, SPECS, Pair
from genzoo.testing.sampling_checks import can_sample, differs, hurried, others


def test_two_samples_of_one_distribution_do_not_differ() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(2000, 4, generator=generator) for _ in range(2))
    assert differs(one, other) == ""
    assert differs(one, other + 0.5).startswith("they differ in location, ")
    assert differs(one, 2 * other).startswith("they differ in spread, ")


def test_a_model_without_a_prior_cannot_sample() -> None:
    assert can_sample(Pair.of("vae").build())
    assert not can_sample(Pair.of("ae").build())


def test_a_correct_model_passes() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    assert CHECKS["sampling"](pair) is None
    assert CHECKS["drawn"](pair) is None


def test_many_steps_are_left_out_where_samples_are_compared_with_nothing() -> None:
    for form in ("grey images", "colour images"):
        assert hurried(Pair.of("vdm", spec=SPECS[form]).build()).model.sampling.steps == 4
    points = Pair.of("vdm", spec=SPECS["points"])
    assert hurried(points.build()).model.sampling.steps == 50
    assert hurried(points.build(), above=0).model.sampling.steps == 4


class Tempered(VAE):
    """A VAE whose codes are drawn with a smaller spread."""

    @genzoo.config
    class Sampling:
        temperature: genzoo.Fraction = 1.0
        kind: Literal["plain", "mirrored"] = "plain"

    def codes(self, n: int, options: Any) -> Tensor:
        how = options or self.sampling
        z = how.temperature * self.anchor.new_empty(n, self.config.latent_dim).normal_()
        return -z if how.kind == "mirrored" else z

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Any = None) -> Tensor:
        return self.decode(self.codes(n, options))


class Deaf(Tempered):
    def codes(self, n: int, options: Any) -> Tensor:
        return super().codes(n, None)


class OwnDefaults(Tempered):
    def codes(self, n: int, options: Any) -> Tensor:
        return super().codes(n, options or self.Sampling(temperature=0.5))


class Infinite(Tempered):
    def codes(self, n: int, options: Any) -> Tensor:
        z = super().codes(n, options)
        return z / 0 if options is not None and options.kind == "mirrored" else z


class Short(Tempered):
    def codes(self, n: int, options: Any) -> Tensor:
        z = super().codes(n, options)
        return z[1:] if options is not None and options.temperature < 1 else z


class Typo(Tempered):
    def codes(self, n: int, options: Any) -> Tensor:
        return super().codes(n, options) if options is None else z_of(options.temprature)


def z_of(value: Any) -> Tensor:
    return torch.as_tensor(value)


def with_options(model: type) -> Pair:
    genzoo.register_model("tempered", model, loss="elbo")
    return Pair.of("tempered", spec=SPECS["points"])


def test_sampling_options_that_are_used_pass() -> None:
    assert CHECKS["sampling-options"](with_options(Tempered)) is None
    assert CHECKS["sampling-options"](Pair.of("vae", spec=SPECS["points"])) == "no sampling options"


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Deaf, "no sampling option changes the samples"),
        (OwnDefaults, "samples without options differ from those of the defaults"),
        (Infinite, "with kind=mirrored, sample.n. is not finite"),
        (Short, "with temperature=0.5, sample.n. has shape .4, 2."),
    ],
)
def test_sampling_options_that_are_not_used_are_found(model: type, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        CHECKS["sampling-options"](with_options(model))


def test_an_exception_under_a_changed_option_is_not_hidden() -> None:
    with pytest.raises(AttributeError, match="temprature"):
        CHECKS["sampling-options"](with_options(Typo))


def test_every_kind_of_option_has_another_value() -> None:
    @genzoo.config
    class Options:
        steps: genzoo.Count = 1
        eta: genzoo.Fraction = 0.0
        clip: bool = False
        solver: Literal["a", "b", "c"] = "b"
        name: str = "x"

    changed = {name: [getattr(one, name) for one in others(Options(), name)] for name in Options.__annotations__}
    assert changed == {"steps": [2], "eta": [0.5], "clip": [True], "solver": ["a", "c"], "name": []}
