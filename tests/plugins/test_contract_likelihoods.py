"""Every likelihood against the conformance checks, with one model; in the long suite with every model.

The data are those that the likelihood is for: points if it takes any number, counts, else grey images. In the long
suite those that take any number are tested on grey images too.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from genzoo.registry.current import registry
from genzoo.registry.parts import likelihood_class
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph, assert_mean_over_examples
from genzoo.testing.model_checks import ONCE
from genzoo.testing.pair import SPARE

ABOUT_LIKELIHOODS = (
    *("shapes", "loss", "edges", "gradients", "density", "scored", "batches", "agrees", "weighed"),
    *("evaluation", "sampling", "drawn", "graph-safe"),
)
"""Checks that have to do with p(x|z); the others are in the long suite, and for one likelihood in test_contract.py."""
LIKELIHOODS = [entry.name for entry in registry().matching("likelihood") if entry.origin.distribution == "genzoo"]
Key = tuple[str, str, str]
"""Names of a model, a likelihood and a form of data."""
FORMS = {"any": ("points", "grey images"), "counts": ("counts",)}
SMALL = {"hidden": (32,), "latent_dim": 5}
"""Options of the quick suite, whose images are of 8x8 pixels."""


@pytest.fixture
def pair(key: Key, long: bool) -> Pair:
    """The pair of a key; in the quick suite with small nets and images."""
    return of(key) if long else smaller(of(key))


def smaller(pair: Pair) -> Pair:
    spec = pair.spec._replace(shape=(1, 8, 8)) if pair.spec.is_image else pair.spec
    return replace(pair, spec=spec, model_options=SMALL)


def of(key: Key) -> Pair:
    model, likelihood, form = key
    return Pair.of(model, spec=(SPECS | SPARE)[form]._replace(likelihood=likelihood))


def keys(model: str) -> list[Key]:
    """A model with every likelihood on every form of data that the likelihood is for."""
    return [
        (model, name, form)
        for name in LIKELIHOODS
        for form in FORMS.get(likelihood_class(name).values, ("grey images",))
    ]


def linear() -> list[Key]:
    """Each likelihood once."""
    return list({name: key for key in reversed(keys("vae")) for name in [key[1]]}.values())[::-1]


def product() -> list[Key]:
    return [key for model in registry().names("model") for key in keys(model) if of(key).refusal() is None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "key" in metafunc.fixturenames:
        metafunc.parametrize("key", product() if metafunc.config.getoption("--long") else linear(), ids=" ".join)


def test_no_likelihood_is_refused_by_a_model_that_takes_the_data(long: bool) -> None:
    for model in registry().names("model") if long else ["vae"]:
        for key in keys(model):
            assert (of(key).refusal() is None) == (Pair.of(model, spec=(SPECS | SPARE)[key[2]]).refusal() is None), key


@pytest.mark.every(2)
@pytest.mark.parametrize(
    "check",
    [
        pytest.param(name, marks=[] if name in ABOUT_LIKELIHOODS else pytest.mark.long)
        for name in CHECKS
        if name not in ONCE
    ],
)
def test_contract(pair: Pair, check: str) -> None:
    CHECKS[check](pair)


@pytest.mark.long
def test_compiles_as_one_graph(key: Key) -> None:
    assert_fullgraph(of(key).build(), of(key).batch(4))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_loss_is_a_mean_over_examples(name: str) -> None:
    pair = smaller(of(("vae", name, "grey images")))
    assert_mean_over_examples(pair.build(), pair.batch(32))
