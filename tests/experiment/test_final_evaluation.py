"""Final metrics, baselines and what the training took."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from planned import loaded, planned

from genzoo.evaluation.baselines import pca_mse
from genzoo.evaluation.evaluate import evaluate
from genzoo.experiment.final_evaluation import code_size
from genzoo.experiment.training import Trained, fit
from genzoo.runs.run import REPORT_FILE, Run


def test_results_are_written_and_the_report_of_earlier_ones_goes(tmp_path: Path) -> None:
    job = loaded(planned())
    trained = fit(job.trainer, None)
    (tmp_path / REPORT_FILE).write_text("of earlier results")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("genzoo.experiment.final_evaluation.stored_digest", lambda path: "digest")
        job.evaluation.write(Run(tmp_path), trained)
    results = Run(tmp_path).results
    assert not (tmp_path / REPORT_FILE).exists()
    again = evaluate(trained.model, job.data.evaluated["test"], job.plan.metrics, train=job.data.fitted)
    assert results["test"]["mse"] == again["mse"]
    assert results["weights"] == "digest"
    assert (results["latents"], results["measure"]) == (1, "density")
    assert results["training"]["step"] == 8
    assert results["training"]["examples_per_epoch"] == 200
    assert results["parameters"] == sum(parameter.numel() for parameter in job.model.parameters())
    expected = pca_mse(job.data.fitted, job.data.evaluated["test"], 1)
    assert results["baselines"]["pca"] == {"components": 1, "mse": expected}


def test_as_many_codes_as_dimensions_have_no_pca_to_beat() -> None:
    job = loaded(planned(latent_dim=2))
    latents = code_size(job.model, job.data.evaluated["test"])
    assert "pca" not in job.evaluation.baselines(latents, None)


def test_the_objective_is_evaluated_where_no_metric_has_a_value(tmp_path: Path) -> None:
    job = loaded(planned())
    terms = job.evaluation.objective_terms(job.model, 0)
    assert set(terms) == {"train", "validation", "test"}
    validation = job.trainer.validate()
    assert terms["validation"]["loss"] == pytest.approx(validation["loss"], rel=1e-6)


def test_the_size_of_a_code() -> None:
    job = loaded(planned(latent_dim=3))
    assert code_size(job.model, job.data.evaluated["test"]) == 3
    assert code_size(torch.nn.Identity(), job.data.evaluated["test"]) == 0  # type: ignore[arg-type]  # no LatentModel
    assert isinstance(fit(job.trainer, None), Trained)
