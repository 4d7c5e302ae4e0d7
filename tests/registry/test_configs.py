"""Options of registered entries."""

from __future__ import annotations

import pytest

import genzoo
from genzoo.core.errors import UsageError
from genzoo.registry.configs import as_json, default_config, differing, field_names
from genzoo.registry.entries import Entry, Origin


@genzoo.config
class Config:
    latent_dim: int = 20
    hidden: tuple[int, ...] = (400,)


ENTRY = Entry("model", "mine", type("Mine", (), {"Config": Config}), "a summary", Origin("package", "1.0", "plugin"))


def test_options_of_a_registration_change_the_defaults_of_the_class() -> None:
    assert default_config(ENTRY, {}) == Config()
    assert default_config(ENTRY, {"hidden": (8, 4)}) == Config(hidden=(8, 4))


def test_a_wrong_option_names_the_registration() -> None:
    with pytest.raises(UsageError, match=r"^registration of model 'mine': unknown option 'latent'"):
        default_config(ENTRY, {"latent": 2})


def test_differences_are_pairs_of_values() -> None:
    assert field_names(Config) == ("latent_dim", "hidden")
    assert differing(Config(), Config()) == {}
    assert differing(Config(), Config(latent_dim=2)) == {"latent_dim": (20, 2)}


def test_tuples_are_lists_in_json() -> None:
    assert as_json({"hidden": (8, 4), "name": "x"}) == {"hidden": [8, 4], "name": "x"}
