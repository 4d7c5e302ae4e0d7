"""Every registered model and loss against the conformance checks: a new plugin is tested by being registered.

Each model runs with its own loss on two forms of data, and each loss with one model, so the time grows with the number
of models and not with its square. The long suite runs every model with every loss on every form. The models are those
that are installed. What each check says is in `genzoo.testing.model_checks`.
"""

from __future__ import annotations

import itertools
from functools import cache

import pytest
import torch

from genzoo.registry.current import registry
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph, assert_graph_safe, assert_mean_over_examples
from genzoo.testing.model_checks import ONCE

FORMS = ("grey images", "points", "colour images", "vectors")
"""The forms of `SPECS`; a model is tested on the first two that it takes."""
PRESSURES: list[dict[str, float]] = [
    {"beta": 4.0, "kl_warmup": 100},
    {"capacity": 5.0, "kl_warmup": 100, "gamma": 10.0},
    {"posterior_samples": 3},
]

Key = tuple[str, str, str]
"""Names of a model, a loss and a form of data."""


def of(key: Key) -> Pair:
    model, loss, form = key
    return Pair.of(model, loss, SPECS[form])


@cache
def refusal(key: Key) -> str | None:
    return of(key).refusal()


def trained(model: str, loss: str) -> list[Key]:
    """The forms of data on which a loss trains a model."""
    return [key for form in FORMS if refusal(key := (model, loss, form)) is None]


def product() -> list[Key]:
    """Every pair that trains, on every form of data."""
    return [
        key
        for model, loss in itertools.product(registry().names("model"), registry().names("loss"))
        for key in trained(model, loss)
    ]


def own(forms: int) -> list[Key]:
    """Each model with its own loss on so many forms of data."""
    pairs = [(entry.name, registry().loss_of(entry).name) for entry in registry().matching("model")]
    return [key for pair in pairs for key in trained(*pair)[:forms]]


def linear() -> list[Key]:
    """Each model with its own loss on two forms of data; each other loss with the first model that it trains."""
    keys = own(forms=2)
    for loss in sorted(set(registry().names("loss")) - {loss for _, loss, _ in keys}):
        keys.append(next(key for model in registry().names("model") for key in trained(model, loss)))
    return keys


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    long = metafunc.config.getoption("--long")
    if "key" in metafunc.fixturenames:
        metafunc.parametrize("key", product() if long else linear(), ids=" ".join)
    if "compiled" in metafunc.fixturenames:
        metafunc.parametrize("compiled", own(forms=2 if long else 1), ids=" ".join)


def test_nothing_is_refused_but_what_must_be() -> None:
    """The pairs of the built-in plugins that train, and why the others do not."""
    images = ("grey images", "colour images")
    expected = {
        *itertools.product(("ae", "vae", "beta-vae"), ("reconstruction",), SPECS),
        *itertools.product(("vae", "beta-vae"), ("elbo",), SPECS),
        *itertools.product(("conv-vae",), ("elbo", "reconstruction"), images),
    }
    assert expected <= set(product())
    for form in SPECS:
        assert refusal(("ae", "elbo", form)) == "loss 'elbo' cannot train ae: it needs a prior p(z), and AE has none"
    for form, size in (("points", 2), ("vectors", 5)):
        reason = f"conv-vae needs images (C, H, W); these data are vectors of {size}"
        assert refusal(("conv-vae", "elbo", form)) == refusal(("conv-vae", "reconstruction", form)) == reason


def test_the_quick_suite_has_every_model_and_every_loss() -> None:
    assert set(FORMS) == set(SPECS)
    models, losses, _ = map(set, zip(*linear(), strict=True))
    assert models == set(registry().names("model")), "a model trains on nothing with its own loss"
    assert losses == set(registry().names("loss"))


@pytest.mark.parametrize("check", [name for name in CHECKS if name not in ONCE])
def test_contract(key: Key, check: str) -> None:
    CHECKS[check](of(key))


def test_the_loss_is_a_mean_over_examples(key: Key) -> None:
    pair = of(key)
    assert_mean_over_examples(pair.build(), pair.batch(128 if key[0] != "conv-vae" else 32))


def test_compiles_as_one_graph_for_every_step(compiled: Key) -> None:
    assert_fullgraph(of(compiled).build(), of(compiled).batch(4))


@pytest.mark.parametrize("options", PRESSURES, ids=str)
def test_warm_up_and_capacity_compile_once(options: dict[str, float]) -> None:
    pair = Pair.of("vae", "elbo", SPECS["vectors"], **options)
    assert_fullgraph(pair.build(), pair.batch(4), steps=(0, 1, 50, 10_000))


@pytest.mark.parametrize("options", PRESSURES, ids=str)
@pytest.mark.parametrize("model", ["vae", "beta-vae", "conv-vae"])
def test_warm_up_and_capacity_are_graph_safe(model: str, options: dict[str, float]) -> None:
    pair = Pair.of(model, "elbo", **options)
    noise = pair.batch(4)
    assert_graph_safe(pair.build(), [noise._replace(x=torch.zeros_like(noise.x)), noise], [0, 10_000])


def test_the_loss_of_several_samples_is_a_mean_over_examples() -> None:
    pair = Pair.of("vae", "elbo", beta=2.0, posterior_samples=3)
    assert_mean_over_examples(pair.build(), pair.batch(128))
