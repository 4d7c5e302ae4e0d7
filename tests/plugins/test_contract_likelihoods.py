"""Every likelihood against the conformance checks, with one model; in the long suite with every class of models that
has a p(x|z).

The data are those that the likelihood is for: points if it takes any number, counts, else grey images. In the long
suite those that take any number are tested on grey images too.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from genzoo.core.model import LatentModel
from genzoo.registry.current import registry
from genzoo.registry.parts import likelihood_class
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph, assert_mean_over_examples
from genzoo.testing.model_checks import ONCE
from genzoo.testing.pair import SPARE

ABOUT_LIKELIHOODS = (
    *("shapes", "loss", "edges", "gradients", "density", "scored", "batches", "agrees", "weighed"),
    *("evaluation", "sampling", "drawn", "graph-safe"),
)
"""Checks that have to do with p(x|z); the others are in the long suite for one model, and for one likelihood in
test_contract.py."""
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


def decoders() -> list[str]:
    """The models that have a p(x|z); of registrations of one class the first."""
    models = [*reversed(registry().names("model")), "vae"]
    classes = {registry().get("model", model).load(): model for model in models}
    return sorted(model for cls, model in classes.items() if issubclass(cls, LatentModel))


def product() -> list[Key]:
    """Each likelihood with every model that has a p(x|z)."""
    return [key for model in decoders() for key in keys(model) if of(key).refusal() is None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases = product() if metafunc.config.getoption("--long") else linear()
    if "check" in metafunc.fixturenames:
        marks = {name: [] if name in ABOUT_LIKELIHOODS else pytest.mark.long for name in CHECKS if name not in ONCE}
        checked = [
            pytest.param(key, check, marks=mark)
            for key in cases
            for check, mark in marks.items()
            if check in ABOUT_LIKELIHOODS or key[0] == "vae"
        ]
        metafunc.parametrize(
            ("key", "check"), checked, ids=lambda part: part if isinstance(part, str) else " ".join(part)
        )


def test_no_likelihood_is_refused_by_a_model_that_takes_the_data(long: bool) -> None:
    for model in decoders() if long else ["vae"]:
        for key in keys(model):
            reason = Pair.of(model, spec=(SPECS | SPARE)[key[2]]).refusal()
            assert (of(key).refusal() is None) == (reason is None), key


@pytest.mark.every(2)
def test_contract(pair: Pair, check: str) -> None:
    CHECKS[check](pair)


@pytest.mark.long
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_compiles_as_one_graph(name: str) -> None:
    pair = next(of(key) for key in keys("vae") if key[1] == name)
    assert_fullgraph(pair.build(), pair.batch(4))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_loss_is_a_mean_over_examples(name: str) -> None:
    pair = smaller(of(("vae", name, "grey images")))
    assert_mean_over_examples(pair.build(), pair.batch(32))
