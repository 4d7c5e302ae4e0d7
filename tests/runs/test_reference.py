"""Pinned references to runs, and models that need the run that they name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from commandline import genzoo, refused, trained
from run_fixtures import ae_run, told, vae_run  # noqa: F401 (fixtures)
from torch import Tensor

import genzoo as library
from genzoo.core.errors import UsageError
from genzoo.core.run_reference import PinnedRun
from genzoo.runs.reference import pin, shortened, verified
from genzoo.runs.run import Run
from genzoo.system.checksummed import stored_digest


class Frozen(library.Model):
    """Samples of another run's model, and one parameter to train."""

    @library.config
    class Config:
        on: Annotated[str, library.RunRef] = ""

    def __init__(self, spec: library.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.bias = torch.nn.Parameter(torch.zeros(()))

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return library.load(self.config.on).sample(n) + self.bias


class FrozenLoss(library.Loss):
    accepts = Frozen

    def forward(self, model: library.Model, batch: library.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, Frozen)
        return {"loss": (batch.x.mean() - model.bias).square()}


@pytest.fixture
def frozen(vae_run: Run, tmp_path: Path) -> tuple[Run, Path]:  # noqa: F811
    """A run of `Frozen` on a copy of a run, and this copy."""
    library.register_loss("frozen", FrozenLoss)
    library.register_model("frozen", Frozen, loss="frozen")
    there = Path(shutil.copytree(vae_run.path, tmp_path / "first"))
    return trained(tmp_path / "runs", "frozen", "--dataset", "digits", "--model.on", there, "--epochs", 1), there


def test_a_pinned_run_opens_while_its_model_is_the_same(vae_run: Run, ae_run: Run, tmp_path: Path) -> None:  # noqa: F811
    there = Path(shutil.copytree(vae_run.path, tmp_path / "first"))
    pinned = pin(there)
    assert pinned == PinnedRun(str(there), str(stored_digest(there / "model.safetensors")))
    assert verified(pinned) == there
    assert library.open_run(str(pinned)).path == there
    assert shortened(str(pinned)) == f"first@{pinned.digest[:8]}"
    assert shortened(0.5) == 0.5
    shutil.copy(ae_run.path / "model.safetensors", there)
    with pytest.raises(UsageError, match="has another model than the one that is needed here"):
        verified(pinned)
    (there / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="is gone"):
        verified(pinned)
    with pytest.raises(UsageError, match="has no model yet"):
        pin(there)


def test_a_model_s_own_file_names_the_run_that_it_needs(
    frozen: tuple[Run, Path],
    ae_run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    run, there = frozen
    pinned = pin(there)
    assert run.plain_config["model"]["on"] == str(pinned)
    assert run.record["runs"] == {"model.on": {"path": str(there), "sha256": pinned.digest}}
    alone = Path(shutil.copy(run.path / "model.safetensors", tmp_path / "alone.safetensors"))
    assert library.load(alone).sample(2).shape == (2, 1, 8, 8)
    shutil.copy(ae_run.path / "model.safetensors", there)
    with pytest.raises(UsageError, match="another model than the one that is needed"):
        library.load(alone)
    for verb in ("evaluate", "sample", "resume"):
        message = refused(genzoo(verb, run.path, *(["--epochs", 2] if verb == "resume" else [])))
        assert message.startswith(f"{there} has another model than the one that is needed here: ")


def test_a_reference_is_resolved_when_it_is_parsed(frozen: tuple[Run, Path], tmp_path: Path) -> None:
    """@last is the run that was last then, in a resumed run too."""
    _, there = frozen
    runs = tmp_path / "others"
    shutil.copytree(there, runs / "one")
    run = library.run("frozen", "digits", on="@last", epochs=1, runs=runs, quiet=True)
    assert run.config.model_config.on == str(pin(runs / "one"))
    assert library.resume(run, epochs=2, quiet=True).config.model_config.on == str(pin(runs / "one"))
    with pytest.raises(UsageError, match=r"--on nothing: no run 'nothing' in "):
        library.run("frozen", "digits", on="nothing", epochs=1, runs=runs, quiet=True)
