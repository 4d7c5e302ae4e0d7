"""The checks of a density accept a correct one and find each planted fault."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import genzoo
from genzoo.testing import CHECKS, SPECS, Pair
from genzoo.testing.pair import SMALL


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine skips no comparison of samples."""
    monkeypatch.setattr("genzoo.testing.sampling_checks.SECONDS", 1e9)


class Independent(genzoo.Density):
    """Independent values with the data's likelihood: the simplest density there is."""

    shift = 0.0

    def __init__(self, spec: genzoo.DataSpec, config: object) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.measure = self.head.family.measure
        self.raw = torch.nn.Parameter(torch.linspace(-1, 1, spec.numel).view(spec.shape))

    def px(self, n: int) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.raw.expand(n, *self.raw.shape))
        return px

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.px(len(x)).log_prob(x) + self.shift

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.px(n).rsample()


class Shifted(Independent):
    shift = 0.1


class Bound(Independent):
    shift = -0.5
    exactness = "bound"


class AboveBound(Independent):
    shift = 0.1
    exactness = "bound"


class Leaking(Independent):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().log_prob(x) + 0.01 * (x.flatten(1).sum(1) - x.flatten(1).sum(1).mean())


class Summed(Independent):
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().log_prob(x).sum()


class OtherSamples(Independent):
    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return 1.6 * super().sample(n) if self.measure == "density" else 1 - super().sample(n)


class Scaled(Independent, genzoo.Autoencoder):
    """z = 2x."""

    log_det = 0.6931472
    back = 0.5

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal(self.spec.shape, like=self.anchor)

    def encode(self, x: Tensor) -> Tensor:
        return 2 * x + self.raw

    def decode(self, z: Tensor) -> Tensor:
        return self.back * (z - self.raw)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        prior = torch.distributions.Normal(0, 1).log_prob(self.encode(x))
        return prior.flatten(1).sum(1) + self.log_det * x[0].numel()


class WithoutJacobian(Scaled):
    log_det = 0.0


class NotInverse(Scaled):
    back = 0.6


def checked(kind: type[genzoo.Model], check: str, spec: genzoo.DataSpec) -> str | None:
    genzoo.register_model("planted", kind, loss="nll", summary="for this test")
    return CHECKS[check](Pair.of("planted", spec=spec))


@pytest.mark.parametrize("form", SMALL)
@pytest.mark.parametrize("kind", [Independent, Bound])
def test_a_correct_density_passes(kind: type[genzoo.Model], form: str) -> None:
    assert checked(kind, "log-prob", SMALL[form]) is None
    if kind is Independent:
        assert checked(kind, "drawn", SMALL[form]) is None


@pytest.mark.parametrize(
    ("kind", "check", "form", "fault"),
    [
        (Shifted, "log-prob", "2x2 pixels", r"sums over all 16 values to 1\.105\d+, not 1$"),
        (Shifted, "log-prob", "single numbers", r"integrates to 1\.105\d+, not 1$"),
        (AboveBound, "log-prob", "2x2 pixels", r"sums over all 16 values to 1\.105\d+, not at most 1$"),
        (Bound, "drawn", "2x2 pixels", None),
        (Leaking, "log-prob", "single numbers", r"log_prob\(x\) of an example differs in a batch of its own"),
        (Summed, "log-prob", "single numbers", r"log_prob\(x\) has shape \(\), not \[B\]"),
        (OtherSamples, "drawn", "single numbers", r"log_prob\(x\)"),
        (OtherSamples, "drawn", "2x2 pixels", r"log_prob\(x\)"),
    ],
)
def test_a_planted_fault_is_found(kind: type[genzoo.Model], check: str, form: str, fault: str | None) -> None:
    if fault is None:
        assert checked(kind, check, SMALL[form]) == "log_prob(x) is a bound, which samples do not follow"
        return
    with pytest.raises(AssertionError, match=fault):
        checked(kind, check, SMALL[form])


def test_a_bijection_inverts_and_has_its_jacobian() -> None:
    spec = SPECS["vectors"]
    assert checked(Scaled, "inverts", spec) is None
    assert checked(Independent, "inverts", spec) == "not a density that encodes and decodes"
    with pytest.raises(AssertionError, match=r"log_prob\(x\) and ln p\(z\) \+ ln \|det J\|: "):
        checked(WithoutJacobian, "inverts", spec)
    with pytest.raises(AssertionError, match=r"decode\(encode\(x\)\) differs from x: "):
        checked(NotInverse, "inverts", spec)


def test_a_model_in_closed_form_has_no_checks_of_gradients() -> None:
    for check in ("loss", "edges", "gradients", "learns", "graph-safe", "compiles"):
        assert CHECKS[check](Pair.of("ppca", spec=SPECS["points"])) == "the model is fitted in closed form"
        assert CHECKS[check].expected
