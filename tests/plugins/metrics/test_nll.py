"""One metric of −ln p(x) for every model that has one, and how exact it is."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import genzoo
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.evaluation.measures import summarise_likelihood
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")
BINARY = genzoo.DataSpec((1, 8, 8), "bernoulli", binary=True)


def evaluated(pair: Pair, *names: str, binary: bool = True) -> tuple[Any, dict[str, Any]]:
    model = pair.build().eval().model
    data = Resident(pair.split(40), CPU, "threshold" if binary and pair.spec.is_image else "none")
    return model, evaluate(model, data, find_metrics(registry(), names))


def test_of_a_density_it_is_minus_log_prob_and_exact() -> None:
    pair = Pair.of("made", spec=BINARY)
    model, found = evaluated(pair, "nll", "bits-per-dim", "negative-elbo")
    x = Resident(pair.split(40), CPU, "threshold").batch(torch.arange(40)).x
    with torch.no_grad():
        wanted = -model.log_prob(x).double().mean().item()
    assert found["nll"] == pytest.approx(wanted, rel=1e-6)
    assert found["bits_per_dim"] == pytest.approx(wanted / (64 * math.log(2)), rel=1e-6)
    assert found["details"]["nll"] == {"exactness": "exact", "measure": "probability"}
    assert found["not_available"] == {"negative_elbo": "no latent variables"}


def test_of_a_latent_model_it_is_the_bound_of_as_many_samples_as_asked_for() -> None:
    _, found = evaluated(Pair.of("vae", spec=BINARY), "nll", "negative-elbo", "nll:7", "iwae:7", "bits-per-dim:7")
    assert found["nll"] == found["negative_elbo"]
    assert found["nll_7"] == found["iwae_7"] < found["nll"]
    assert found["bits_per_dim_7"] == pytest.approx(found["iwae_7"] / (64 * math.log(2)), rel=1e-9)
    assert found["details"]["nll"] == {"exactness": "bound", "measure": "probability", "same_as": "negative_elbo"}
    seven = found["details"]["nll_7"]
    assert seven["exactness"] == "bound"
    assert "same_as" not in seven
    assert seven["note"].startswith("k 7, effective ")
    assert found["standard_error"]["nll_7"] == found["standard_error"]["iwae_7"]


def test_of_dequantised_pixels_it_is_a_bound_on_a_probability() -> None:
    model, found = evaluated(Pair.of("realnvp", spec=SPECS["grey images"]), "nll", "bits-per-dim", binary=False)
    assert found["details"]["nll"] == {"exactness": "bound", "measure": "probability"}
    assert found["bits_per_dim"] == pytest.approx(found["nll"] / (784 * math.log(2)), rel=1e-6)
    summary = summarise_likelihood(model, Resident(Pair.of("realnvp").split(4), CPU))
    assert summary is not None
    assert summary.measure == "probability"


@pytest.mark.parametrize(
    ("model", "spec", "binary", "name", "reason"),
    [
        (
            "made",
            SPECS["grey images"],
            False,
            "nll",
            "pixels between black and white have no likelihood; use --binarize",
        ),
        (
            "vae",
            SPECS["grey images"],
            False,
            "nll",
            "pixels between black and white have no likelihood; use --binarize",
        ),
        ("ae", SPECS["points"], False, "nll", "no prior p(z)"),
        ("flow-matching", SPECS["points"], False, "nll", "no latent variables"),
        ("gan", SPECS["points"], False, "nll", "no latent variables"),
        ("made", SPECS["points"], False, "bits-per-dim", "p(x) is a density, not a probability"),
        ("ppca", BINARY, True, "bits-per-dim", "p(x) is a density, not a probability"),
        ("vae", SPECS["points"], False, "bits-per-dim:5", "p(x|z) is a density, not a probability"),
    ],
)
def test_where_there_is_none_the_reason_is_given(
    model: str, spec: genzoo.DataSpec, binary: bool, name: str, reason: str
) -> None:
    _, found = evaluated(Pair.of(model, spec=spec), name, binary=binary)
    assert list(found["not_available"].values()) == [reason]


def test_a_reason_against_nats_is_one_against_bits() -> None:
    _, found = evaluated(Pair.of("ddpm", spec=BINARY), "nll:largest=9", "bits-per-dim:largest=9")
    reasons = found["not_available"]
    assert reasons["bits_per_dim_largest_9"] == reasons["nll_largest_9"]
    assert "passes of the net" in reasons["nll_largest_9"]


def test_a_density_shares_the_table_of_models_with_its_measure() -> None:
    """The name of the likelihood is the data's where it has this measure, else the model's."""
    for name, spec, wanted in (
        ("made", SPECS["points"], ("density", "gaussian-learned")),
        ("realnvp", SPECS["points"], ("density", "gaussian-learned")),
        ("ppca", SPECS["points"], ("density", "gaussian-learned")),
        ("ppca", SPECS["grey images"], ("density", "ppca")),
        ("made", SPECS["grey images"], ("none", "bernoulli")),
    ):
        pair = Pair.of(name, spec=spec)
        assert summarise_likelihood(pair.build().model, Resident(pair.split(4), CPU)) == wanted
