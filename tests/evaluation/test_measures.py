"""Measure, likelihood and bound depend on the model's distributions and the values, not on the data's description."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from genzoo_plugins.autoencoders.ae import AE
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo
from genzoo.core.distributions import Measure
from genzoo.core.noise import standard_normal
from genzoo.core.observation import Laplace
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.evaluation.measures import summarise_likelihood
from genzoo.registry import current as registry
from genzoo.reporting.format import notes

CPU = torch.device("cpu")
QUICK: dict[str, Any] = {"epochs": 1, "hidden": (8,), "latent_dim": 2, "quiet": True}
BITS = (torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()


class OwnGaussian(VAE):
    """Has the head of the data's likelihood, and returns another distribution."""

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian(self.decode_raw(z), -1.0, event_dims=len(self.spec.shape))

    def decode_raw(self, z: Tensor) -> Tensor:
        raw: Tensor = self.decoder(z)
        return raw


class Sharpened(OwnGaussian):
    """The head's distribution at half the temperature."""

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return genzoo.Bernoulli(2 * self.head(self.decoder(z)).logits, event_dims=len(self.spec.shape))


class Mixture(genzoo.Distribution):
    """A distribution whose class declares its measure."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__(event_dims=3)
        self._mean = mean

    @property
    def shape(self) -> torch.Size:
        return self._mean.shape

    @property
    def mean(self) -> Tensor:
        return self._mean

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return self._mean.expand(*sample_shape, *self._mean.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return -self._sum_event((value - self._mean).square())

    def unflatten(self, sizes: tuple[int, ...]) -> Mixture:
        return type(self)(self._mean.unflatten(0, sizes))


class Strange(Mixture):
    measure: Measure = "none"


class OwnMixture(OwnGaussian):
    kind: ClassVar[type[Mixture]] = Mixture

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return self.kind(self.decode_raw(z))


class OwnStrange(OwnMixture):
    kind = Strange


class Plain(genzoo.Model):
    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return torch.zeros(n, *self.spec.shape)


def spec(likelihood: str, binary: bool = False) -> genzoo.DataSpec:
    return genzoo.DataSpec((1, 4, 4), likelihood, size=20, binary=binary)


def summary(kind: type[Any], likelihood: str, x: Tensor, binary: bool = False, **view: Any) -> Any:
    model = kind(spec(likelihood, binary), VAE.Config(latent_dim=2, hidden=(5,)))
    return summarise_likelihood(model, Resident(genzoo.Split(x), CPU, **view))


GREY = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("kind", "likelihood", "x", "expected"),
    [
        (VAE, "bernoulli", BITS, ("probability", "bernoulli")),
        (VAE, "bernoulli", (255 * BITS).byte(), ("probability", "bernoulli")),
        (VAE, "bernoulli", GREY, ("none", "bernoulli")),
        (VAE, "bernoulli", GREY.float() / 255, ("none", "bernoulli")),
        (VAE, "gaussian:.5", BITS, ("density", "gaussian:0.5")),
        (VAE, "continuous-bernoulli", GREY, ("density", "continuous-bernoulli")),
        (VAE, "discretised-logistic", GREY.float() / 255, ("probability", "discretised-logistic")),
        (VAE, "discretised-logistic", 0.99 * GREY.float() / 255, ("none", "discretised-logistic")),
        (OwnGaussian, "bernoulli", BITS, ("density", "diag-gaussian")),
        (OwnGaussian, "discretised-logistic", GREY, ("density", "diag-gaussian")),
        (Sharpened, "bernoulli", BITS, ("probability", "bernoulli")),
        (Sharpened, "bernoulli", GREY, ("none", "bernoulli")),
        (OwnMixture, "bernoulli", GREY, ("density", "mixture")),
        (OwnStrange, "gaussian", GREY, ("none", "strange")),
    ],
)
@pytest.mark.parametrize("binary", [False, True], ids=["said to be grey", "said to be binary"])
def test_the_models_distribution_counts(
    kind: type[Any], likelihood: str, x: Tensor, expected: Any, binary: bool
) -> None:
    assert summary(kind, likelihood, x, binary) == expected


def test_the_values_that_the_model_sees_count() -> None:
    assert summary(VAE, "bernoulli", GREY, binarize="threshold").measure == "probability"
    assert summary(VAE, "bernoulli", BITS, shift=0.5, scale=0.5).measure == "none"
    assert summary(VAE, "gaussian", BITS, shift=0.5, scale=0.5).measure == "density"


def test_a_posterior_that_decodes_other_codes_has_the_likelihood_of_its_own() -> None:
    class Looking(VAE):
        def posterior(self, x: Tensor) -> genzoo.Distribution:
            q = super().posterior(x)
            assert isinstance(q, genzoo.DiagGaussian)
            self.likelihood(q.mean.repeat(3, 1))
            return q

    model = Looking(genzoo.DataSpec((3,), "gaussian:0.5", size=10), Looking.Config(latent_dim=2, hidden=()))
    found = summarise_likelihood(model, Resident(genzoo.Split(torch.randn(5, 3)), torch.device("cpu")))
    assert found is not None
    assert found.likelihood == "gaussian:0.5"


def test_a_model_without_a_likelihood_has_no_summary() -> None:
    assert summarise_likelihood(Plain(spec("bernoulli"), None), Resident(genzoo.Split(BITS), CPU)) is None


def test_the_summary_changes_neither_the_model_nor_the_generators() -> None:
    model = VAE(spec("bernoulli"), VAE.Config(latent_dim=2, hidden=(5,))).train()
    before = torch.get_rng_state()
    summarise_likelihood(model, Resident(genzoo.Split(BITS), CPU))
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert not model.head._forward_hooks


# points under a density


class Point(AE):
    """A point posterior, and a prior that is a density."""

    def prior(self) -> genzoo.Distribution | None:  # type: ignore[override]
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)


class Unmarked(Mixture):
    """A point that is declared a density."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__(mean)
        self.event_dims = 1

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.zeros(value.shape[:-1])


class Disguised(Point):
    def posterior(self, x: Tensor) -> Any:
        return Unmarked(self.encoder(x))


class Coins(Point):
    """Continuous codes under a prior of 0 and 1."""

    def posterior(self, x: Tensor) -> Any:
        return genzoo.DiagGaussian(self.encoder(x), 0.0)

    def prior(self) -> genzoo.Distribution | None:
        return genzoo.Bernoulli(self.anchor.new_zeros(self.config.latent_dim))


class Peaked(Point):
    """A very narrow density."""

    def posterior(self, x: Tensor) -> Any:
        return genzoo.DiagGaussian(self.encoder(x), -60.0)


class Heavy(Point):
    """A density without a closed-form divergence."""

    def posterior(self, x: Tensor) -> Any:
        return Laplace(self.encoder(x), -1.0)


BOUNDS = ["kl", "negative-elbo", "bits-per-dim", "iwae:3"]


def bounds(kind: type[Any]) -> dict[str, Any]:
    model = kind(spec("bernoulli"), AE.Config(latent_dim=2, hidden=(5,)))
    return evaluate(model, Resident(genzoo.Split(BITS), CPU), find_metrics(registry.registry(), BOUNDS))


@pytest.mark.parametrize("kind", [Point, Disguised, Coins])
def test_a_posterior_without_the_priors_measure_has_no_bound(kind: type[Any]) -> None:
    found = bounds(kind)
    for name in ("kl", "negative_elbo", "bits_per_dim", "iwae_3"):
        assert found[name] is None
        assert "and p(z) a " in found["not_available"][name]


@pytest.mark.parametrize("kind", [Peaked, Heavy])
def test_a_density_under_a_density_has_one(kind: type[Any]) -> None:
    found = bounds(kind)
    assert not found["not_available"]
    assert found["negative_elbo"] > 0


@pytest.fixture
def registered() -> None:
    for kind in (Point, OwnGaussian):
        genzoo.register_model(kind.__name__.lower(), kind, loss="elbo")


@pytest.mark.usefixtures("registered")
def test_runs_hold_no_density_against_a_probability(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = genzoo.run("owngaussian", "digits", out=tmp_path / "run", binarize="static", **{**QUICK, "quiet": False})
    assert "\ndiag-gaussian likelihood · " in capsys.readouterr().err
    results = run.results
    assert (results["measure"], results["likelihood"]) == ("density", "diag-gaussian")
    assert set(results["baselines"]) == {"pca"}
    assert not [line for line in notes(results) if "ELBO" in line]
    assert "diag-gaussian" in (run.path / "report.html").read_text()
    plain = genzoo.run("vae", "digits", out=tmp_path / "vae", binarize="static", **QUICK).results
    assert set(plain["baselines"]) == {"pca", "independent_pixels", "uniform"}
    assert plain["baselines"]["uniform"] == pytest.approx(64 * math.log(2))


@pytest.mark.usefixtures("registered")
def test_a_point_posterior_has_no_bound_in_the_log_either(tmp_path: Path) -> None:
    run = genzoo.run("point", "digits", out=tmp_path / "run", binarize="static", **QUICK)
    assert set(run.history[0]["validation"]) == {"loss", "reconstruction"}
    assert run.results["test"]["negative_elbo"] is None


def test_remarks_know_no_density() -> None:
    base = {"test": {"reconstruction": 1.0}, "measure": "none"}
    assert "pixels between black and white" in notes({**base, "likelihood": "bernoulli"})[0]
    assert "neither a density nor a probability" in notes({**base, "likelihood": "strange"})[0]
    known = {"known_density": {"nats": 2.0, "standard_error": 0.04}}
    found = {"test": {"negative_elbo": 4.5}, "baselines": known}
    assert len(notes({**found, "measure": "density"})) == 2
    assert len(notes({**found, "measure": "probability"})) == 1


def test_images_outside_0_and_1_have_no_decibels() -> None:
    model = VAE(spec("gaussian"), VAE.Config(latent_dim=2, hidden=(5,)))
    data = Resident(genzoo.Split(2 * BITS - 1 + 0 * standard_normal((), BITS)), CPU)
    found = evaluate(model, data, find_metrics(registry.registry(), ["psnr", "ssim", "mse"]))
    assert set(found["not_available"]) == {"psnr", "ssim"}
