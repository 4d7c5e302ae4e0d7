"""Models that are fitted by themselves, in place of training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from commandline import genzoo as typed

import genzoo
from genzoo.comparison.tables import collect, tables
from genzoo.core.dataset import Split
from genzoo.core.listener import CLOSED_FORM
from genzoo.data.resident import Resident
from genzoo.experiment import job
from genzoo.experiment.training import Trained, TrainingSession
from genzoo.registry.current import registry
from genzoo.runs.run import Run
from genzoo.training.closed_form import Passes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return genzoo.run(
        "ppca", "quadratic", out=tmp_path_factory.mktemp("runs") / "ppca", epochs=7, latent_dim=1, quiet=True
    )


def test_it_is_one_epoch_of_one_step_without_optimiser_or_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genzoo.training.step.make_optimizer", lambda *_: pytest.fail("an optimiser was made"))
    run = genzoo.run("ppca", "quadratic", out=tmp_path / "one", epochs=7, save_every=0.01, quiet=True)
    took = run.results["training"]
    assert (took["epochs"], took["step"], took["mode"], took["stopped"]) == (1, 1, CLOSED_FORM, "")
    assert took["examples_per_epoch"] == took["examples"] == 1000
    assert not list(run.path.glob("checkpoints/*"))
    (epoch,) = run.history
    assert epoch["train"]["loss"] == pytest.approx(run.results["train"]["nll"], rel=1e-5)
    assert epoch["validation"]["loss"] == pytest.approx(run.results["validation"]["nll"], rel=1e-5)
    assert run.results["parameters"] == 3 + 3 * 2 + 2 + 1  # mean, axes, variances, noise


def test_its_results_are_those_of_the_fit_and_are_not_outdated(run: Run) -> None:
    data = genzoo.list_models("ppca")
    assert data == ["ppca"]
    model = run.model
    assert not list(model.parameters())
    assert run.results["test"]["nll"] > run.results["train"]["nll"]
    (table,) = tables(collect([run.path]))
    assert [row.model for row in table.rows] == ["ppca"]


def test_what_was_fitted_is_laid_out_as_after_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = registry().get("model", "ppca").load()
    original, layouts = model.fit, []

    def by_columns(self: genzoo.Model, passes: Passes) -> None:
        original(self, passes)
        for tensor in self.buffers():
            tensor.data = tensor.data.mT.contiguous().mT if tensor.dim() > 1 else tensor.data
        layouts.append([tensor.is_contiguous() for tensor in self.buffers()])

    def noted(self: TrainingSession, *given: Any) -> Trained:
        trained = train(self, *given)
        layouts.append([tensor.is_contiguous() for tensor in trained.model.buffers()])
        return trained

    train = TrainingSession.train
    monkeypatch.setattr(model, "fit", by_columns)
    monkeypatch.setattr(TrainingSession, "train", noted)
    genzoo.run("ppca", "quadratic", out=tmp_path / "r", latent_dim=2, quiet=True)
    fitted, kept = layouts
    assert not all(fitted)
    assert all(kept)


def test_a_finished_fit_has_nothing_left(run: Run) -> None:
    for words in ((), ("--epochs", 9)):
        result = typed("resume", run.path, *words)
        assert result.code == 0
        assert "is finished: its model was fitted in closed form" in result.err
    assert typed("evaluate", run.path, "--metrics", "nll:50").code == 0


def test_a_fit_that_was_cut_off_begins_again(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the model was saved, and before it was evaluated: the weights are those of an uninterrupted run."""
    for place, name in ((TrainingSession, "save"), (job.FinalEvaluation, "write")):
        with monkeypatch.context() as patch:

            def killed(*_: object) -> None:
                raise RuntimeError("killed")

            patch.setattr(place, name, killed)
            with pytest.raises(RuntimeError, match="killed"):
                genzoo.run("ppca", "quadratic", out=tmp_path / name, epochs=7, latent_dim=1, quiet=True)
        again = genzoo.resume(tmp_path / name, quiet=True)
        assert (again.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()
        assert again.results["test"] == run.results["test"]


def test_every_pass_has_all_examples_in_their_order() -> None:
    x = torch.randn(10, 3)
    passes = Passes(Resident(Split(x), CPU), 4)
    for _ in range(2):
        batches = list(passes)
        assert [len(batch.x) for batch in batches] == [4, 4, 2]
        assert torch.equal(torch.cat([batch.x for batch in batches]), x)


def test_a_model_says_whether_it_is_fitted_and_its_buffers_are_its_weights() -> None:
    class Mean(genzoo.Density):
        def __init__(self, spec: genzoo.DataSpec, config: object) -> None:
            super().__init__(spec, config)
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))
            self.register_buffer("mean", torch.zeros(spec.shape))

        def fit(self, batches: Iterable[genzoo.Batch]) -> None:
            self.mean = torch.cat([batch.x for batch in batches]).mean(0)

    model = Mean(genzoo.DataSpec((4,), "gaussian"), None)
    assert Mean.in_closed_form()
    assert not genzoo.LatentModel.in_closed_form()
    assert model.anchor is model.mean
    with pytest.raises(NotImplementedError, match="is trained by a loss"):
        genzoo.Model(model.spec, None).fit([])
