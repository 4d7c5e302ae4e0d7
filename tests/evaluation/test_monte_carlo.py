"""The Monte Carlo error of metrics averaged over posterior samples, against the variance of a linear model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum

import genzoo
from genzoo.cli.main import main
from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry

CPU = torch.device("cpu")
N = 100


@pytest.fixture(scope="module")
def model(ppca: PPCA) -> Any:
    made = linear_vae("gaussian-learned")
    set_optimum(made, ppca)
    return made


def values(model: Any, data: Resident, *names: str, **options: Any) -> dict[str, Any]:
    return evaluate(model, data, find_metrics(registry(), names), **options)


@torch.no_grad()
def variances(model: Any, x: torch.Tensor) -> torch.Tensor:
    """Of −ln p(x|z) over z ~ q(z|x), [N]: with z = μ + Sε it is ‖x − b − Wμ − WSε‖²/2σ² + c, a quadratic form in ε."""
    q = model.posterior(x)
    weight, precision = model.decoder[0].weight, (-model.head.log_var).exp()
    residual = x - model.decode(q.mean)
    found = []
    for r, variance in zip(residual, q.variance, strict=True):
        m = weight * variance.sqrt()  # WS
        a = m.T @ m
        found.append(precision**2 * (0.5 * (a @ a).trace() + (m.T @ r).square().sum()))
    return torch.stack(found).double()


def test_the_stated_error_is_that_of_theory_and_the_spread_over_seeds(model: Any, ppca: PPCA) -> None:
    x = ppca.x[:N].float()
    data = Resident(Split(x), CPU)
    one = variances(model, x).sum().sqrt().item() / N
    for samples in (16, 64):
        stated = values(model, data, "negative-elbo", samples=samples)["monte_carlo_error"]["negative_elbo"]
        assert stated == pytest.approx(one / samples**0.5, rel=0.12)
    seeds = [values(model, data, "negative-elbo", seed=seed)["negative_elbo"] for seed in range(200)]
    assert torch.tensor(seeds).std().item() == pytest.approx(one, rel=0.2)  # four standard errors of 200 values


def test_more_samples_come_nearer_to_the_expectation(model: Any, ppca: PPCA) -> None:
    """At the optimum −ELBO is −ln p(x), whatever is sampled."""
    data = Resident(Split(ppca.x[:N].float()), CPU)
    exact = -ppca.marginal.log_prob(ppca.x[:N]).mean().item()
    found = values(model, data, "negative-elbo", samples=200)
    assert found["negative_elbo"] == pytest.approx(exact, abs=4 * found["monte_carlo_error"]["negative_elbo"])


def test_what_is_not_sampled_has_no_such_error_and_one_sample_cannot_tell(model: Any, ppca: PPCA) -> None:
    data = Resident(Split(ppca.x[:N].float()), CPU)
    names = ("kl", "mse", "reconstruction", "iwae:3", "active-units")
    one, several = (values(model, data, *names, samples=samples) for samples in (1, 5))
    assert set(one["monte_carlo_error"].values()) == {None}
    errors = several["monte_carlo_error"]
    assert (errors["kl"], errors["mse"]) == (0.0, 0.0)
    assert errors["reconstruction"] > 0
    assert errors["iwae_3"] > 0
    assert "active_units" not in errors
    assert (several["kl"], several["mse"], several["active_units"]) == (one["kl"], one["mse"], one["active_units"])
    assert several["reconstruction"] != one["reconstruction"]


def test_the_first_sample_of_seed_0_is_the_default(model: Any, ppca: PPCA) -> None:
    data = Resident(Split(ppca.x[:N].float()), CPU)
    default = values(model, data, "negative-elbo")
    assert values(model, data, "negative-elbo", samples=1, seed=0) == default
    assert values(model, data, "negative-elbo", seed=1)["negative_elbo"] != default["negative_elbo"]
    whole, parts = (values(model, data, "negative-elbo", samples=3, batch_size=size) for size in (N, 7))
    assert parts["negative_elbo"] == pytest.approx(whole["negative_elbo"], rel=1e-6)
    assert parts["monte_carlo_error"] == pytest.approx(whole["monte_carlo_error"], rel=1e-4)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = genzoo.run("vae", "moons", out=tmp_path / "run", epochs=1, hidden=(8,), quiet=True)
    capsys.readouterr()
    words = ["evaluate", str(run.path), "--samples", "4", "--seed", "3"]
    assert main(words) == 0
    assert "± 95 %, examples   ± 95 %, samples" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["seed"]) == (4, 3)
    assert 0 < found["monte_carlo_error"]["negative_elbo"] < found["standard_error"]["negative_elbo"]
    assert main(["evaluate", str(run.path), "--samples", "0"]) == 2
    assert capsys.readouterr().err.startswith("genzoo: --samples 0: between 1 and 100,000")
