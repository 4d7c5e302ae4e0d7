"""Every registered model with every registered loss, on every form of data: a new plugin is tested by being registered.

The models here are those that are installed. What each check says is in `genzoo.testing.checks`.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from genzoo.registry import registry
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph, assert_graph_safe, assert_mean_over_examples
from genzoo.testing.checks import ONCE

PAIRS = {
    (model, loss, data): Pair.of(model, loss, spec)
    for model, loss, (data, spec) in itertools.product(
        registry().names("model"), registry().names("loss"), SPECS.items()
    )
}
REFUSALS = {key: pair.refusal() for key, pair in PAIRS.items()}
BUILT = [key for key, reason in REFUSALS.items() if reason is None]
DEFAULTS = [
    Pair.of(model, spec=spec) for model in registry().names("model") for spec in (SPECS["grey images"], SPECS["points"])
]
PRESSURES: list[dict[str, float]] = [
    {},
    {"beta": 4.0, "kl_warmup": 100},
    {"capacity": 5.0, "kl_warmup": 100, "gamma": 10.0},
    {"posterior_samples": 3},
]

IMAGES = ("grey images", "colour images")


def test_nothing_is_refused_but_what_must_be() -> None:
    """The pairs of the built-in plugins that train, and why the others do not."""
    expected = {
        *itertools.product(("ae", "vae", "beta-vae"), ("reconstruction",), SPECS),
        *itertools.product(("vae", "beta-vae"), ("elbo",), SPECS),
        *itertools.product(("conv-vae",), ("elbo", "reconstruction"), IMAGES),
    }
    assert expected <= set(BUILT)
    for data in SPECS:
        assert REFUSALS["ae", "elbo", data] == "loss 'elbo' cannot train ae: it needs a prior p(z), and AE has none"
    for data, size in (("points", 2), ("vectors", 5)):
        reason = f"conv-vae needs images (C, H, W); these data are vectors of {size}"
        assert REFUSALS["conv-vae", "elbo", data] == REFUSALS["conv-vae", "reconstruction", data] == reason


def test_every_model_trains_on_something_with_its_own_loss() -> None:
    for model in registry().names("model"):
        assert any(Pair.of(model, spec=spec).refusal() is None for spec in SPECS.values()), model


@pytest.mark.parametrize("check", [name for name in CHECKS if name not in ONCE])
@pytest.mark.parametrize("key", BUILT, ids=" ".join)
def test_contract(key: tuple[str, str, str], check: str) -> None:
    CHECKS[check](PAIRS[key])


@pytest.mark.parametrize("pair", [pair for pair in DEFAULTS if pair.refusal() is None], ids=str)
def test_compiles_as_one_graph_for_every_step(pair: Pair) -> None:
    assert_fullgraph(pair.build(), pair.batch(4))


@pytest.mark.parametrize("options", PRESSURES[1:], ids=str)
def test_warm_up_and_capacity_compile_once(options: dict[str, float]) -> None:
    pair = Pair.of("vae", "elbo", SPECS["vectors"], **options)
    assert_fullgraph(pair.build(), pair.batch(4), steps=(0, 1, 50, 10_000))


@pytest.mark.parametrize("options", PRESSURES[1:], ids=str)
@pytest.mark.parametrize("model", ["vae", "beta-vae", "conv-vae"])
def test_warm_up_and_capacity_are_graph_safe(model: str, options: dict[str, float]) -> None:
    pair = Pair.of(model, "elbo", **options)
    noise = pair.batch(4)
    assert_graph_safe(pair.build(), [noise._replace(x=torch.zeros_like(noise.x)), noise], [0, 10_000])


@pytest.mark.parametrize("key", [key for key in BUILT if key[1] in ("elbo", "reconstruction")], ids=" ".join)
def test_the_loss_is_a_mean_over_examples(key: tuple[str, str, str]) -> None:
    assert_mean_over_examples(PAIRS[key].build(), PAIRS[key].batch(128 if key[0] != "conv-vae" else 32))


def test_the_loss_of_several_samples_is_a_mean_over_examples() -> None:
    pair = Pair.of("vae", "elbo", beta=2.0, posterior_samples=3)
    assert_mean_over_examples(pair.build(), pair.batch(128))
