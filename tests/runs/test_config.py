"""The configuration of a run: resolved, changed, written, and read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genzoo.core.errors import UsageError
from genzoo.registry.current import registry
from genzoo.runs.config import Components, RunConfig, read_file, to_arguments


@pytest.fixture
def config() -> RunConfig:
    return Components.find(registry(), "vae", "moons").defaults()


def test_names_are_resolved_with_the_models_own_loss(config: RunConfig) -> None:
    own = Components.find(registry(), "vae", "moons")
    assert (own.names, own.own_loss) == (("vae", "elbo", "moons"), True)
    assert not Components.find(registry(), "vae", "moons", "reconstruction").own_loss
    assert (config.model, config.loss, config.dataset) == ("vae", "elbo", "moons")


def test_what_is_written_is_read(config: RunConfig) -> None:
    changed = config.replace({"train": 500}, {"latent_dim": 3, "beta": 2.0, "epochs": 7})
    assert changed.model_config.latent_dim == 3
    assert (changed.loss_config.beta, changed.training.epochs, changed.data_config.train) == (2.0, 7, 500)
    assert config.training.epochs != 7
    assert RunConfig.from_json(changed.to_json(), registry(), "here") == changed


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ({}, {"latent_dims": 3}, "unknown option 'latent_dims'"),
        ({"trian": 3}, {}, "unknown option 'trian'"),
        ({"train": "x"}, {}, "--data.train must be a whole number"),
        ({}, {"epochs": -1}, "--epochs must be at least"),
    ],
)
def test_wrong_options_are_refused_by_name(
    data: dict[str, Any], options: dict[str, Any], message: str, config: RunConfig
) -> None:
    with pytest.raises(UsageError) as error:
        config.replace(data, options)
    assert error.value.message.startswith(message)


@pytest.mark.parametrize("values", [{}, {"model": 1}, {"model": {"name": 1}, "loss": {}, "data": {}, "training": {}}])
def test_other_values_are_not_a_configuration(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="here is not a resolved configuration: it needs model, loss, data, training"):
        RunConfig.from_json(values, registry(), "here")


def test_an_option_may_be_given_with_its_section(config: RunConfig) -> None:
    plain = config.replace({"train": 500}, {"latent_dim": 3, "beta": 2.0, "epochs": 7})
    sections = {"model.latent_dim": 3, "loss.beta": 2.0, "train.epochs": 7, "data.train": 500}
    assert config.replace({}, sections) == plain
    with pytest.raises(UsageError, match=r"^unknown option 'model.epochs'"):
        config.replace({}, {"model.epochs": 7})


def test_a_file_is_read_as_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'model = "vae"\nhidden = [4, 5]\n[data]\nname = "moons"\ntrain = 9\nflip = false\n[training]\nlr = 0.1\n'
    )
    assert to_arguments(read_file(file), "here") == [
        *("--model", "vae", "--hidden", "4", "5", "--dataset", "moons"),
        *("--data.train", "9", "--data.no-flip", "--train.lr", "0.1"),
    ]
    file.write_text("[model]\nlatent-dim = 2\n[train]\nlr = 0.1\n")
    assert to_arguments(read_file(file), "here") == ["--model.latent-dim", "2", "--train.lr", "0.1"]
    (tmp_path / "c.json").write_text('{"loss": {"name": "elbo"}, "tf32": true}')
    assert to_arguments(read_file(tmp_path / "c.json"), "here") == ["--loss", "elbo", "--tf32"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[models]\nname = 1", "here: no table [models]. Did you mean 'model'?"),
        ("start = 2020-01-01", "here: start cannot be a date"),
    ],
)
def test_what_no_option_could_be_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        to_arguments(read_file(tmp_path / "c.toml"), "here")
    assert error.value.message == message


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.toml", "a = ", "--config {path}: Invalid value"),
        ("c.toml", "a." * 2000 + "b = 1", "--config {path}: nested too deeply"),
        ("c.json", "[1]", "--config {path}: a table of options is needed"),
        ("c.json", None, "--config {path}: No such file or directory"),
    ],
)
def test_files_that_cannot_be_read(name: str, text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as error:
        read_file(tmp_path / name)
    assert error.value.message.startswith(message.format(path=tmp_path / name))
