"""The importance-weighted bound against exact likelihoods."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum
from genzoo_plugins.metrics import iwae
from genzoo_plugins.metrics.iwae import Weights
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import UsageError
from genzoo.core.model import Model
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.data.view import Binarize
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.reporting.format import results_table
from genzoo.testing import Pair

CPU = torch.device("cpu")


def evaluated(model: Model, data: Resident, *names: str, batch_size: int = 500) -> dict[str, Any]:
    return evaluate(model, data, find_metrics(registry(), names), batch_size)


def points(x: Tensor) -> Resident:
    return Resident(Split(x.float()), CPU)


def images(n: int, binarize: Binarize = "static") -> tuple[Model, Resident]:
    """Return an untrained VAE and binary images."""
    pair = Pair.of("vae")
    return pair.build().model, Resident(pair.split(n), CPU, binarize)


@pytest.mark.parametrize("k", [1, 7, 1000])
@pytest.mark.parametrize("offset", [0.0, -1e4, 700.0])
def test_weights_added_in_chunks_equal_weights_added_at_once(k: int, offset: float) -> None:
    with seeded(k):
        log_weights = 30 * torch.randn(k, 5, dtype=torch.float64) + offset
    log_weights[:, 4] = offset  # equal weights: all samples are effective
    weights = Weights(5, CPU)
    for chunk in log_weights.split(3):
        weights.add(chunk)
    torch.testing.assert_close(weights.log_mean(), log_weights.logsumexp(0) - math.log(k), rtol=1e-13, atol=1e-12)
    normalised = log_weights.softmax(0)
    torch.testing.assert_close(weights.effective_samples(), 1 / normalised.square().sum(0), rtol=1e-9, atol=0)
    assert weights.effective_samples()[4].item() == pytest.approx(k)


def test_weights_that_are_zero_are_counted() -> None:
    weights = Weights(1, CPU)
    for value in (-math.inf, 0.0, -math.inf):
        weights.add(torch.full((1, 1), value, dtype=torch.float64))
    assert weights.log_mean().item() == pytest.approx(-math.log(3))
    assert weights.effective_samples().item() == pytest.approx(1.0)


def test_with_the_exact_posterior_the_bound_equals_the_likelihood_for_every_k(ppca: PPCA) -> None:
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    result = evaluated(model, points(ppca.x), "iwae:1", "iwae:7", "iwae:100")
    for k in (1, 7, 100):
        assert result[f"iwae_{k}"] == pytest.approx(-ppca.log_likelihood, abs=1e-4)
        assert result["details"][f"iwae_{k}"]["effective_samples"] == pytest.approx(k, rel=1e-4)


def test_the_gap_of_a_wrong_posterior_falls_with_more_samples(ppca: PPCA) -> None:
    model, x = linear_vae("gaussian-learned"), ppca.x[:500]
    set_optimum(model, ppca)
    with torch.no_grad():
        model.encoder[-1].bias += torch.tensor([0.5] * 3 + [math.log(2)] * 3)
    exact = ppca.marginal.log_prob(x).mean().item()
    ks = (1, 10, 100, 1000)
    result = evaluated(model, points(x), *(f"iwae:{k}" for k in ks))
    gaps = [result[f"iwae_{k}"] + exact for k in ks]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] == pytest.approx(2.5, abs=0.3)
    assert -0.002 < gaps[-1] < 0.01


@pytest.mark.parametrize("latents", [1, 2])
def test_the_bound_is_between_the_elbo_and_the_likelihood_of_a_small_net(latents: int) -> None:
    """For four binary pixels, take all 16 images and compute ln p(x) with the trapezoid rule."""
    entry = registry().get("model", "vae")
    config = default_config(entry, {"latent_dim": latents, "hidden": [8]})
    with seeded(3):
        model = entry.load()(DataSpec((4,), "bernoulli"), config).eval()
    with torch.no_grad():
        for layer in (part for part in model.decoder if isinstance(part, torch.nn.Linear)):
            layer.weight *= 3.0
        side = torch.linspace(-8, 8, 401)
        grid = torch.cartesian_prod(*[side] * latents).view(-1, latents)
        x = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4)
        given = torch.stack([model.likelihood(grid).log_prob(one.expand(len(grid), 4)) for one in x], 1)
        joint = given + model.prior().log_prob(grid)[:, None]
        exact = (joint.double().logsumexp(0) + latents * math.log(16 / 400)).mean().item()
    ks = (1, 10, 100, 5000)
    result = evaluated(model, points(x), *(f"iwae:{k}" for k in ks), "negative-elbo")
    bounds = [-result["negative_elbo"], *(-result[f"iwae_{k}"] for k in ks[1:])]
    assert bounds == sorted(bounds)
    assert exact - bounds[0] > 0.05  # otherwise the bounds below would prove nothing
    assert bounds[-1] == pytest.approx(exact, abs=0.01)


def test_more_samples_tighten_the_bound_of_images() -> None:
    model, data = images(100)
    result = evaluated(model, data, "negative-elbo", "iwae:1", "iwae:10", "iwae:100")
    error = result["standard_error"]
    assert result["iwae_1"] == pytest.approx(result["negative_elbo"], abs=4 * (error["iwae_1"]))
    assert result["iwae_1"] > result["iwae_10"] > result["iwae_100"]
    assert 0.0 < error["iwae_100"] < 5.0


def test_batches_chunks_and_other_metrics_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = images(12)
    whole = evaluated(model, data, "iwae:33")
    for batch_size, rows in ((12, 1), (5, 4096), (12, 60)):
        monkeypatch.setitem(iwae.ROWS, "cpu", rows)
        again = evaluated(model, data, "kl", "iwae:33", "negative-elbo", batch_size=batch_size)
        assert again["iwae_33"] == pytest.approx(whole["iwae_33"], rel=1e-6)
        assert again["details"]["iwae_33"]["effective_samples"] == pytest.approx(
            whole["details"]["iwae_33"]["effective_samples"], rel=1e-3
        )


def test_memory_does_not_grow_with_the_number_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = images(20)
    decoded: list[int] = []
    model.decoder.register_forward_pre_hook(lambda _, given: decoded.append(len(given[0])))
    monkeypatch.setitem(iwae.ROWS, "cpu", 100)
    evaluated(model, data, "iwae:37", batch_size=10)
    assert sum(decoded) - 1 == 37 * 20  # one example is decoded before
    assert max(decoded) == 74  # all samples of as many examples as fit
    decoded.clear()
    evaluated(model, data, "iwae:250", batch_size=10)
    assert sum(decoded) - 1 == 250 * 20
    assert max(decoded) == 100  # one example, some of its samples
    decoded.clear()
    evaluated(model, data, "iwae:3", batch_size=20)
    assert max(decoded) == 60


def test_grey_pixels_have_no_likelihood() -> None:
    model, data = images(20, "none")
    result = evaluated(model, data, "iwae", "bits-per-dim")
    reason = "pixels between black and white have no likelihood; use --binarize"
    assert result["iwae"] is result["bits_per_dim"] is None
    assert result["not_available"] == {"iwae": reason, "bits_per_dim": reason}


def test_a_model_without_a_prior_has_no_bound() -> None:
    pair = Pair.of("ae")
    result = evaluated(pair.build().model, Resident(pair.split(5), CPU, "static"), "iwae:3")
    assert result["iwae_3"] is None
    assert result["not_available"] == {"iwae_3": "no prior p(z)"}


def test_tables_name_the_number_of_samples_and_mark_a_loose_bound() -> None:
    model, data = images(20)
    metrics = find_metrics(registry(), ["iwae:5"])
    table = results_table({"test": evaluate(model, data, metrics)}, metrics)
    assert "k 5, effective" in table
    assert "loose" in table


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("iwae:many", "--metrics iwae:many: --k must be a whole number, not 'many'"),
        ("iwae:1e3", "--metrics iwae:1e3: --k must be a whole number, not 1000.0"),
        ("iwae:0", "--metrics iwae:0: --k must be at least 1, not 0"),
        ("iwae:", "--metrics iwae:: --k must be a whole number, not ''"),
        ("kl:3", "--metrics kl:3: kl takes no value"),
        ("iwea:3", "no metric named 'iwea'. Did you mean 'iwae'?"),
    ],
)
def test_a_wrong_value_gives_one_line(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_metrics(registry(), [name])
    assert caught.value.message == message


def test_bits_per_dimension_are_the_bound_in_another_unit() -> None:
    model, data = images(20)
    result = evaluated(model, data, "negative-elbo", "bits-per-dim")
    assert result["bits_per_dim"] == pytest.approx(result["negative_elbo"] / (784 * math.log(2)), rel=1e-6)


def test_a_density_has_no_bits_per_dimension() -> None:
    pair = Pair.of("vae")
    pair = Pair.of("vae", spec=pair.spec._replace(likelihood="gaussian"))
    result = evaluated(pair.build().model, Resident(pair.split(5), CPU), "bits-per-dim", "iwae:2")
    assert result["not_available"] == {"bits_per_dim": "p(x|z) is a density, not a probability"}
    assert result["iwae_2"] > 0
