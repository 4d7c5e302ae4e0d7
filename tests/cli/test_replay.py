"""The same options give the same run, however they were given: flags, TOML, a run's config.json, or Python."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from commandline import trained

import genzoo as package
from genzoo.cli.options import parse
from genzoo.cli.run import from_file
from genzoo.registry.current import registry
from genzoo.runs.config import Components, RunConfig
from genzoo.runs.run import Run

WORDS = ["vae", "--dataset", "moons", "--epochs", 2, "--batch-size", 100, "--latent-dim", 3, "--hidden", 7, 5]
WORDS += ["--lr", 0.01, "--data.noise", 0.2]
FLAT = """
    # the same in a file
    model = "vae"
    dataset = "moons"
    epochs = 2
    batch-size = 100
    latent_dim = 3
    hidden = [7, 5]
    lr = 1e-2
    "data.noise" = 0.2
"""
TABLES = """
    [model]
    name = "vae"
    latent_dim = 3
    hidden = [7, 5]

    [data]
    name = "moons"
    noise = 0.2

    [training]
    epochs = 2
    batch_size = 100
    lr = 0.01
"""


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def epochs(run: Run) -> list[dict[str, Any]]:
    """The history without what the clock decides."""
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in run.history]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("original"), *WORDS)


def assert_same(one: Run, other: Run) -> None:
    assert weights(one) == weights(other)
    assert epochs(one) == epochs(other)
    assert one.results["test"] == other.results["test"]
    assert one.config == other.config


def test_a_config_json_replays_bit_for_bit(original: Run, tmp_path: Path) -> None:
    assert_same(original, trained(tmp_path, "--config", original.path / "config.json"))


def test_a_config_json_of_images_replays_bit_for_bit(vae_run: Run, tmp_path: Path) -> None:
    assert_same(vae_run, trained(tmp_path, "--config", vae_run.path / "config.json"))


@pytest.mark.parametrize("text", [FLAT, TABLES], ids=["flat", "tables"])
def test_a_toml_file_says_the_same_as_the_flags(original: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.toml").write_text(dedent(text))
    assert_same(original, trained(tmp_path / "runs", "--config", tmp_path / "run.toml"))


def test_python_says_the_same_as_the_flags(original: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = package.run(
        "vae", dataset="moons", data={"noise": 0.2}, epochs=2, batch_size=100, latent_dim=3, hidden=(7, 5), lr=0.01,
        runs=tmp_path, quiet=True,
    )  # fmt: skip
    assert_same(original, run)
    assert capsys.readouterr() == ("", "")


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(dedent(FLAT))
    words = ("--config", tmp_path / "run.toml", "--epochs", 1, "--hidden", 4, "--data.noise", 0.3)
    config = trained(tmp_path / "one", *words).config
    assert (config.training.epochs, config.model_config.hidden, config.data_config.noise) == (1, (4,), 0.3)
    assert (config.training.lr, config.model_config.latent_dim) == (0.01, 3)
    assert trained(tmp_path / "two", "ae", *words).config.model == "ae"


def test_another_seed_gives_other_weights(original: Run, tmp_path: Path) -> None:
    other = trained(tmp_path, "--config", original.path / "config.json", "--seed", 1)
    assert weights(other) != weights(original)
    assert other.results["test"] != original.results["test"]


def test_a_run_does_not_depend_on_what_ran_before(original: Run, tmp_path: Path) -> None:
    import torch

    torch.manual_seed(1234)
    before = torch.get_rng_state()
    assert weights(trained(tmp_path, *WORDS)) == weights(original)
    assert torch.equal(torch.get_rng_state(), before)


def odd(annotation: Any, default: Any) -> Any:
    """A value that nobody would choose, for an option of this kind."""
    if isinstance(default, bool):
        return not default
    if isinstance(default, float):
        return 0.1 + 0.2 if default <= 1 else 1 / 3
    if isinstance(default, int):
        return default - 3 if default == 255 else default + 3  # grey levels end there
    if isinstance(default, tuple):
        length = 3 if "..." in str(annotation) else len(default)
        return ("one", "dist/two", "the third") if "str" in str(annotation) else (3, 1, 2)[:length]
    if default is None:
        text = str(annotation)
        return (1, 5) if "tuple" in text else 3 if any(name in text for name in ("Natural", "Label")) else 1e-07
    return default


QUICK = [
    *((model, "digits") for model in registry().names("model")),
    *(("vae", dataset) for dataset in registry().names("dataset") if dataset != "digits"),
]


def odd_config(model: str, dataset: str) -> RunConfig:
    config = Components.find(registry(), model, dataset).defaults()
    changed = {}
    for part in ("model_config", "sampling", "loss_config", "data_config", "training"):
        values = getattr(config, part)
        chosen = {f.name: odd(f.type, getattr(values, f.name)) for f in dataclasses.fields(values)}
        if "lam" in chosen:  # with alpha it weights a distance, which must not be negative
            chosen["lam"] = 4 / 3
        changed[part] = dataclasses.replace(values, **chosen)
    config = dataclasses.replace(config, **changed)
    return config.replace({}, {"binarize": "static", "likelihood": "gaussian:0.1"})


def default_config(model: str, dataset: str) -> RunConfig:
    return Components.find(registry(), model, dataset).defaults()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The long suite has every model on every dataset; they are thousands, and collected only there."""
    if "make" in metafunc.fixturenames:
        names = registry().names
        every = list(itertools.product(names("model"), names("dataset"), (odd_config, default_config)))
        quick = [(*pair, odd_config) for pair in QUICK] + [(*QUICK[0], default_config)]
        metafunc.parametrize(("model", "dataset", "make"), every if metafunc.config.getoption("--long") else quick)


@pytest.mark.every(2)
def test_every_configuration_survives_json_and_the_command_line(
    model: str, dataset: str, make: Any, tmp_path: Path
) -> None:
    config: RunConfig = make(model, dataset)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.to_json()))
    assert RunConfig.from_json(json.loads(file.read_text()), registry(), "here") == config
    names, words = from_file(file)
    assert names == {"model": model, "dataset": dataset, "loss": config.loss}
    assert parse(Components.find(registry(), **names), words, [], str(file)) == config


def test_no_hidden_layers_and_no_capacity_survive_too(tmp_path: Path) -> None:
    config = Components.find(registry(), "vae", "digits").defaults().replace({}, {"hidden": (), "capacity": None})
    (tmp_path / "config.json").write_text(json.dumps(config.to_json()))
    names, words = from_file(tmp_path / "config.json")
    assert parse(Components.find(registry(), **names), words, [], "") == config


def test_on_and_off_survive(tmp_path: Path) -> None:
    """No built-in has an option of that kind; plugins may."""

    @package.config
    class Config:
        on: bool = True
        """On unless told otherwise."""
        bounded: package.NonNegative = 0.0
        """Of no use."""

    class Switched(registry().get("dataset", "moons").load()):  # type: ignore[misc]
        pass

    Switched.Config = Config
    package.register_dataset("switched", Switched)
    for value in (True, False):
        config = Components.find(registry(), "vae", "switched").defaults().replace({"on": value}, {})
        (tmp_path / "config.json").write_text(json.dumps(config.to_json()))
        names, words = from_file(tmp_path / "config.json")
        assert parse(Components.find(registry(), **names), words, [], "").data_config.on is value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betta": 6}, "unknown option 'betta'. Did you mean 'beta'?"),
        ({"data": {"nois": 1}}, "unknown option 'nois'"),
        ({"epochs": 0}, "--epochs must be at least 1, not 0"),
        ({"epochs": "3"}, "--epochs must be a whole number, not '3'"),
        ({"loss": "elbow"}, "no loss named 'elbow'. Did you mean 'elbo'"),
    ],
)
def test_python_refuses_what_the_command_line_refuses(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(package.UsageError) as error:
        package.run("vae", **{"dataset": "moons", "runs": tmp_path / "runs", **options})
    assert error.value.message.startswith(message)
    assert not (tmp_path / "runs").exists()
