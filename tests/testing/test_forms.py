"""The forms of data that a pair is checked on."""

from __future__ import annotations

import pytest

from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair
from genzoo.testing.forms import few_latents, forms, of_counts, real, refusal
from genzoo.testing.pair import SMALL, SPARE


def test_an_entry_is_checked_on_every_form_and_on_the_given_datasets() -> None:
    model = registry().get("model", "vae")
    assert [form.name for form in forms(model)] == [*SPECS, *SPARE, *SMALL]
    assert [form.name for form in forms(model, ["moons"])] == [*SPECS, *SPARE, *SMALL, "moons"]
    small = [form for form in forms(model) if form.small]
    assert [form.pair(model, registry().loss_of(model)).model_options for form in small] == [{"latent_dim": 2}] * 3
    assert few_latents(model) == {"latent_dim": 2}


def test_a_form_of_a_dataset_has_its_examples() -> None:
    form = real(registry().get("dataset", "moons"))
    assert form.examples is not None
    assert len(form.examples.x) == 256
    assert form.spec.shape == (2,)


@pytest.mark.parametrize("name", ["vae", "ae"])
def test_a_pair_that_trains_has_no_refusal(name: str) -> None:
    pair = Pair.of(name, spec=SPECS["points"])
    assert refusal(pair) is None
    assert of_counts(pair) is None, "its loss is finite on any vectors"
