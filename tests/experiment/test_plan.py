"""What a model's constructor is told of its data is final, and it may load another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import genzoo
from genzoo.core.errors import UsageError
from genzoo.registry.current import registry as registered
from genzoo.registry.discovery import load_file
from genzoo.runs.build import build_model, count_without_allocating
from genzoo.runs.run import Run

PLUGIN = '''
import os
import torch
import genzoo
from genzoo_plugins.vae.vae import VAE

class Branching(VAE):
    """One more layer where the data are standardised."""
    def __init__(self, spec, config):
        super().__init__(spec, config)
        if (spec.shift, spec.scale) != (0, 1):
            self.extra = torch.nn.Linear(2, 2)
            self.register_buffer("seen", torch.tensor([spec.shift, spec.scale]))

class OnlyStandardised(VAE):
    """Refuses other data."""
    def __init__(self, spec, config):
        if spec.scale == 1:
            raise genzoo.UsageError("needs --standardize", "--standardize global")
        super().__init__(spec, config)

class Student(VAE):
    """Has another run's model as its teacher."""
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.teacher = genzoo.load(os.environ["TEACHER"])
        self.after = torch.nn.Linear(2, 2)

class Copy(VAE):
    """Begins with the weights of another run's model, which it does not keep."""
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.load_state_dict(genzoo.load(os.environ["TEACHER"]).state_dict())
        self.after = torch.nn.Linear(2, 2)

@genzoo.hookimpl
def register_models(register):
    for name, cls in {"branching": Branching, "only": OnlyStandardised, "student": Student, "copy": Copy}.items():
        register(name, cls, summary="a test", loss="elbo")
'''
QUICK: dict[str, Any] = {"epochs": 1, "hidden": (4,), "latent_dim": 2, "quiet": True, "data": {"train": 60}}


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> None:
    file = tmp_path / "models.py"
    file.write_text(PLUGIN)
    load_file(file, registered())


def test_a_model_that_looks_at_shift_and_scale_trains_and_loads(tmp_path: Path) -> None:
    run = genzoo.run("branching", "moons", out=tmp_path / "run", standardize="global", **QUICK)
    model = genzoo.load(run.path)
    assert model.seen.tolist() == pytest.approx([model.spec.shift, model.spec.scale])
    assert model.extra.weight.shape == (2, 2)
    assert genzoo.resume(run.path, epochs=2, quiet=True).results["training"]["epochs"] == 2
    plain = genzoo.run("branching", "moons", out=tmp_path / "plain", **QUICK)
    assert not hasattr(genzoo.load(plain.path), "extra")


def test_a_model_for_standardised_data_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --standardize"):
        genzoo.run("only", "moons", out=tmp_path / "run", **QUICK)
    run = genzoo.run("only", "moons", out=tmp_path / "run", standardize="global", **QUICK)
    assert genzoo.load(run.path).spec.scale != 1


def test_what_needs_no_data_is_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moons = registered().get("dataset", "moons").load()
    monkeypatch.setattr(moons, "load", lambda *_: pytest.fail("data were read"))
    for wrong in ({"model": "conv-vae"}, {"model": "ae", "loss": "elbo"}, {"likelihood": "bernoulli"}):
        options = {"model": "vae", "standardize": "global", **wrong}
        with pytest.raises(UsageError):
            genzoo.run(dataset="moons", out=tmp_path / "run", epochs=1, quiet=True, **options)


def test_weights_do_not_depend_on_what_is_known_of_the_scale(tmp_path: Path) -> None:
    """They are drawn from the seed alone, whether the spec was final at once or later."""
    entry, config = registered().get("model", "vae"), None
    spec = genzoo.DataSpec((2,), "gaussian-learned")
    config = entry.load().Config()
    one, other = (
        build_model(entry, spec._replace(scale=scale), config, 3, torch.device("cpu")) for scale in (1.0, 2.5)
    )
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.every(2)
@pytest.mark.parametrize("name", ["student", "copy"])
def test_a_constructor_may_load_another_model(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher: Run = genzoo.run("vae", "moons", out=tmp_path / "teacher", **QUICK)
    monkeypatch.setenv("TEACHER", str(teacher.path))
    run = genzoo.run(name, "moons", out=tmp_path / "run", **QUICK)
    model = genzoo.load(run.path)
    assert model.after.weight.device.type == "cpu"
    assert genzoo.resume(run.path, epochs=2, quiet=True).results["training"]["epochs"] == 2
    if name == "student":
        given, kept = genzoo.load(teacher.path).state_dict(), model.teacher.state_dict()
        assert given.keys() == kept.keys()


def test_loading_leaves_device_generators_and_dtype_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = genzoo.run("vae", "moons", out=tmp_path / "teacher", **QUICK)
    before = torch.get_rng_state()
    with torch.device("meta"):
        model = genzoo.load(run.path)
        assert torch.empty(1).device.type == "meta"
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_default_dtype() == torch.float32
    monkeypatch.setenv("TEACHER", str(run.path))
    entry = registered().get("model", "student")
    spec, config = model.spec, entry.load().Config(latent_dim=2, hidden=(4,))
    plain = build_model(registered().get("model", "vae"), spec, config, 5, torch.device("cpu"))
    student = build_model(entry, spec, config, 5, torch.device("cpu"))
    assert torch.equal(student.encoder[1].weight, plain.encoder[1].weight), "the teacher took nothing of the seed"
    assert count_without_allocating(entry.load(), spec, config) == sum(p.numel() for p in student.parameters())
