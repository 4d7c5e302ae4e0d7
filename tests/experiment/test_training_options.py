"""The keyword arguments of `genzoo.run` are the trainer's options."""

from __future__ import annotations

import dataclasses
import inspect
import typing

import genzoo
from genzoo.experiment.training_options import TrainingOptions
from genzoo.training.config import Training


def test_the_typed_keywords_are_the_options_of_the_trainer() -> None:
    fields = typing.get_type_hints(Training)  # without their bounds
    assert typing.get_type_hints(TrainingOptions) == {f.name: fields[f.name] for f in dataclasses.fields(Training)}


def test_the_signature_of_run_names_them() -> None:
    shown = inspect.signature(genzoo.run).parameters
    assert {*TrainingOptions.__annotations__} < {*shown}
    assert shown["options"].kind is inspect.Parameter.VAR_KEYWORD


def test_options_are_dataclasses_with_what_was_changed() -> None:
    found = genzoo.options("beta-vae", "digits", epochs=3, latent_dim=5)
    assert (found.training.epochs, found.model_config.latent_dim, found.data_config.validation) == (3, 5, 180)
    assert found.loss_config.beta == 4
    assert found.changed() == {"--latent-dim": "5", "--epochs": "3"}
