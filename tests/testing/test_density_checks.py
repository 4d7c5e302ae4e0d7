"""The checks of a density accept a correct one and find each planted fault."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from genzoo_plugins.flows.glow import Glow
from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal
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


class NoisyBound(Bound):
    """Its estimate has mean −½ below ln p(x), but E exp of it is e⁴ times p(x)."""

    deviation = 3.0

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        noise = standard_normal((), x.flatten(1)[:, :1])[:, 0]
        return super().log_prob(x) + self.deviation * noise


class NoisyAboveBound(NoisyBound):
    shift = 0.1
    deviation = 0.5


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


class Letters(genzoo.Density):
    """Tokens drawn uniformly up to the end; what follows the end is padding."""

    kinds = ("tokens",)
    measure = "probability"
    impossible = -math.inf
    """ln p of a sequence with tokens after the padding."""

    def __init__(self, spec: genzoo.DataSpec, config: object) -> None:
        super().__init__(spec, config)
        self.weight = torch.nn.Parameter(torch.zeros(spec.levels))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        ended = torch.nn.functional.pad((x[:, :-1] == 0).cumsum(1) > 0, (1, 0))
        each = self.weight.log_softmax(0)[x].masked_fill(ended, 0.0).sum(1)
        return torch.where((ended & (x != 0)).any(1), self.impossible + each, each)

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        p = self.weight.softmax(0).expand(n, -1)
        x = torch.multinomial(p, self.spec.numel, replacement=True)
        return x.masked_fill((x == 0).cumsum(1) > 0, 0)


class AfterTheEnd(Letters):
    """The padding is not masked: sequences with tokens after it have a probability too."""

    impossible = 0.0


def test_the_probabilities_of_all_sequences_are_summed() -> None:
    for check in ("log-prob", "drawn", "shapes"):
        assert checked(Letters, check, SMALL["3 tokens"]) is None
    with pytest.raises(AssertionError, match="sums over all 64 sequences to"):
        checked(AfterTheEnd, "log-prob", SMALL["3 tokens"])


@pytest.mark.parametrize("form", [form for form in SMALL if form != "3 tokens"])
@pytest.mark.parametrize("kind", [Independent, Bound, NoisyBound])
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
        (NoisyAboveBound, "log-prob", "single numbers", r"integrates to 1\.1\d+, not at most 1$"),
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


def test_many_layers_may_enlarge_rounding_but_no_fault() -> None:
    """With all of the check's noise, codes of glow on MNIST reach 1e10."""
    small = genzoo.DataSpec((1, 4, 4), "bernoulli", size=1000)
    pair = replace(Pair.of("glow", spec=small), model_options={"steps": 6, "scales": 2, "channels": 8})
    assert CHECKS["inverts"](pair) is None

    class Moved(Glow):
        def decode(self, z: Tensor) -> Tensor:
            return super().decode(z).roll(1, -1)

    with pytest.raises(AssertionError, match=r"decode\(encode\(x\)\) differs from x: "):
        checked(Moved, "inverts", small)


def test_a_model_in_closed_form_has_no_checks_of_gradients() -> None:
    for check in ("loss", "edges", "gradients", "learns", "graph-safe", "compiles"):
        assert CHECKS[check](Pair.of("ppca", spec=SPECS["points"])) == "the model is fitted in closed form"
        assert CHECKS[check].expected
