"""Every likelihood with every model and its own loss, on the data that the likelihood is for."""

from __future__ import annotations

import pytest

from genzoo.likelihoods import LIKELIHOODS
from genzoo.registry import registry
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph, assert_mean_over_examples

PAIRS = {
    f"{model} {name} on {data}": Pair.of(model, spec=SPECS[data]._replace(likelihood=name))
    for name in LIKELIHOODS
    for data in ("grey images", "points")
    if data == "grey images" or LIKELIHOODS[name].values == "any"
    for model in registry().names("model")
}
BUILT = {key: pair for key, pair in PAIRS.items() if pair.refusal() is None}


def test_no_likelihood_is_refused_by_a_model_that_takes_the_data() -> None:
    for key, pair in PAIRS.items():
        on_defaults = Pair.of(pair.model.name, spec=SPECS["grey images" if pair.spec.is_image else "points"])
        assert (key in BUILT) == (on_defaults.refusal() is None), key


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("key", BUILT)
def test_contract(key: str, check: str) -> None:
    CHECKS[check](BUILT[key])


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_compiles_as_one_graph(name: str) -> None:
    pair = BUILT[f"vae {name} on grey images"]
    assert_fullgraph(pair.build(), pair.batch(4))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_loss_is_a_mean_over_examples(name: str) -> None:
    pair = BUILT[f"vae {name} on grey images"]
    assert_mean_over_examples(pair.build(), pair.batch(32))
