"""What was made with a package that became part of genzoo opens with the built-in plugin of the same name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from commandline import genzoo
from genzoo_plugins.vae.vae import VAE

import genzoo as package
from genzoo.core.errors import PluginError, UsageError
from genzoo.registry.current import registry
from genzoo.registry.moved import MOVED, current_distribution, current_name
from genzoo.runs.run import Run

STORED = Path(__file__).with_name("run_of_genzoo_iwae")
"""One epoch of `genzoo run genzoo-iwae/iwae --dataset moons --hidden 4 --latent-dim 2`, when that was a package."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(shutil.copytree(STORED, tmp_path / "run"))


def test_names_of_today() -> None:
    assert current_name("genzoo-iwae/iwae") == "genzoo/iwae"
    assert current_name("genzoo-example/laplace-vae") == "genzoo-example/laplace-vae"
    assert current_name("iwae") == "iwae"
    assert current_distribution("genzoo-vq-vae") == "genzoo"
    assert current_distribution("somebodys-vae") == "somebodys-vae"


def test_full_names_of_the_packages_are_understood() -> None:
    names = {
        "genzoo-conditional-vae": ["model conditional-vae"],
        "genzoo-factor-vae": ["model factor-vae", "model beta-tc-vae", "loss factor", "loss tc"],
        "genzoo-flow-matching": ["model flow-matching", "loss flow-matching", "metric flow-nll"],
        "genzoo-iwae": ["model iwae", "loss importance-weighted"],
        "genzoo-ladder-vae": ["model ladder-vae", "metric kl-levels"],
        "genzoo-vq-vae": ["model vq-vae", "loss vq", "metric code-perplexity"],
    }
    assert names.keys() == MOVED
    for distribution, entries in names.items():
        for kind, name in map(str.split, entries):
            assert registry().get(kind, f"{distribution}/{name}").full_name == f"genzoo/{name}"  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no model named 'genzoo-iwae/vea'"):
        registry().get("model", "genzoo-iwae/vea")


def test_an_old_run_opens_with_the_same_results(run: Run) -> None:
    assert json.loads((run.path / "run.json").read_text())["plugins"]["model"]["origin"] == "genzoo-iwae 0.1.0"
    assert isinstance(run.model, VAE)
    assert run.config.model == "genzoo-iwae/iwae"
    result = genzoo("evaluate", run.path, "--json")
    assert result.code == 0
    found, stored = json.loads(result.out), run.results["test"]
    for name in ("negative_elbo", "mse"):  # points whose last bit is another one have other noise in evaluation
        assert found[name] == pytest.approx(stored[name], abs=2 * stored["standard_error"][name])
    assert genzoo("sample", run.path, "-n", 4).code == 0
    with torch.no_grad():
        assert package.load(run.path).sample(3).shape == (3, 2)


def test_an_old_run_is_repeated_from_its_configuration(run: Run, tmp_path: Path) -> None:
    result = genzoo("run", "--config", run.path / "config.json", "--out", tmp_path / "again", "--quiet")
    assert result.code == 0
    again = Run(tmp_path / "again")
    assert again.history[0]["train"] == pytest.approx(run.history[0]["train"], rel=1e-5)
    assert again.record["plugins"]["model"]["origin"] == f"genzoo {package.__version__}"


def test_a_package_that_did_not_move_is_still_asked_for(run: Run) -> None:
    text = (run.path / "run.json").read_text()
    (run.path / "run.json").write_text(text.replace('"iwae"', '"their-vae"').replace("genzoo-iwae 0", "theirs 0"))
    with pytest.raises(PluginError, match=r"made with model 'their-vae' of theirs 0\.1\.0, which is not installed"):
        _ = run.config
