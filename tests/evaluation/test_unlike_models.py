"""What genzoo says of models that are no plain VAE: conditional ones, those without an encoder, averaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from genzoo_plugins.vae.vae import VAE
from torch import Tensor, nn

import genzoo
from genzoo.cli.loading import load_data
from genzoo.cli.main import main
from genzoo.core.metric import EvaluationBatch
from genzoo.core.model import count_parameters
from genzoo.core.noise import content_keys, keyed, keyed_uniform, uniform
from genzoo.data.resident import Resident
from genzoo.evaluation.anomaly import one_against_rest
from genzoo.evaluation.evaluate import evaluate, find_metrics, per_example
from genzoo.registry import current as registry

QUICK: dict[str, Any] = {"epochs": 1, "quiet": True}
pytestmark = pytest.mark.usefixtures("composed_figures")


class Told(VAE):
    """Decodes perfectly what it is told the class of, and otherwise nothing at all."""

    conditional = True

    def infer(self, batch: genzoo.Batch, k: int = 1) -> genzoo.Inference:
        found = super().infer(batch, k)
        if batch.y is None:
            return found
        logits = (40 * batch.x - 20).expand(k, *batch.x.shape)
        return found._replace(px=genzoo.Bernoulli(logits, event_dims=3))


class Means(genzoo.Model):
    """Independent Gaussian values: no latents, no encoder."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.mean = nn.Parameter(torch.zeros(spec.shape))

    def px(self, n: int) -> genzoo.DiagGaussian:
        return genzoo.DiagGaussian(self.mean.expand(n, *self.mean.shape), 0.0, event_dims=self.mean.dim())

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.px(n).rsample().clamp(0, 1) if self.spec.is_image else self.px(n).rsample()


class MeansLoss(genzoo.Loss):
    accepts = Means

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, Means)
        loss = -model.px(len(batch.x)).log_prob(batch.x).mean()
        return {"loss": loss}


@pytest.fixture(autouse=True)
def unlike() -> None:
    genzoo.register_model("told", Told, loss="elbo")
    genzoo.register_model("means", Means, loss="means-nll")
    genzoo.register_loss("means-nll", MeansLoss)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


# conditional models


def test_metrics_are_of_the_model_without_the_classes() -> None:
    """Or a bound on −ln p(x|y) would stand in one column with those on −ln p(x)."""
    spec = genzoo.DataSpec((1, 4, 4), "bernoulli", classes=3, size=20, binary=True)
    x = (torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    told, plain = (kind(spec, VAE.Config(latent_dim=2, hidden=(5,))) for kind in (Told, VAE))
    plain.load_state_dict(told.state_dict())
    data = Resident(genzoo.Split(x, torch.arange(20) % 3), torch.device("cpu"))
    metrics = find_metrics(registry.registry(), ["negative-elbo", "mse", "iwae:20", "psnr"])
    found = [evaluate(model, data, metrics) for model in (told, plain)]
    assert found[0] == found[1]
    batch = data.batch(torch.arange(20))
    assert told.infer(batch).px.log_prob(x).mean().item() > -1e-3  # it would have been perfect
    torch.testing.assert_close(EvaluationBatch(told, batch).reconstruction, told.reconstruct(x))


def test_an_anomaly_score_does_not_use_the_label(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = genzoo.run("told", "digits", out=folder / "told", hidden=(8,), **QUICK)
    capsys.readouterr()
    assert main(["anomaly", str(run.path), "--score", "negative-elbo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["model"]
    plain = VAE(run.model.spec, run.model.config)
    plain.load_state_dict(run.model.state_dict())
    data = load_data(run)["test"]
    assert data.y is not None
    (scores,) = per_example(plain, data, find_metrics(registry.registry(), ["negative-elbo"])).values()
    assert told == {str(label): value for label, value in one_against_rest(scores, data.y).items()}


@pytest.mark.every(3)
@pytest.mark.parametrize("dataset", ["digits", "quadratic", "labelled"])
def test_a_bound_given_the_class_has_its_own_name(
    dataset: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In epoch lines, the log and the curves: results speak of p(x), and share no name with it."""
    data: dict[str, Any] = {}
    if dataset == "labelled":
        x = (torch.rand(200, 1, 4, 4) < 0.5).float().numpy()
        numpy.savez(tmp_path / "x.npz", x=x, y=numpy.arange(200) % 3)
        dataset, data = "npz", {"path": str(tmp_path / "x.npz")}
    options = {**QUICK, "quiet": False, "hidden": (8,), "latent_dim": 2}
    run = genzoo.run("told", dataset, data=data, out=tmp_path / "run", **options)
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch 1/1"))
    terms, test = run.history[0], run.results["test"]
    if dataset == "quadratic":  # it has no classes to tell
        assert set(terms["validation"]) == {"loss", "negative_elbo", "reconstruction", "kl"}
        return
    for part in ("train", "validation"):
        assert set(terms[part]) == {"loss", "negative_elbo_given_y", "reconstruction_given_y", "kl_given_y"}
        assert not {*terms[part]} & {*test}
    assert terms["validation"]["negative_elbo_given_y"] != pytest.approx(test["negative_elbo"], rel=1e-3)
    assert "−elbo|y" in line
    assert "−elbo " not in line


# models without an encoder


def test_a_run_without_an_encoder_shows_its_own_objective(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "means", "--dataset", "moons", "--epochs", "1", "--out", str(folder / "means")]) == 0
    out, err = capsys.readouterr()
    run = genzoo.Run(folder / "means")
    assert run.results["latents"] == 0
    mean = run.model.get_parameter("mean").detach()
    # −ln N(x; m, I) of moons, which have mean 0 and variance 1 exactly: the samples nearly so
    expected = torch.log(torch.tensor(2 * torch.pi)) + 0.5 * (2 + mean.square().sum())
    assert run.results["objective"]["test"]["loss"] == pytest.approx(expected.item(), rel=0.05)
    (row,) = [line for line in out.splitlines() if "loss (objective)" in line]
    assert f"{run.results['objective']['train']['loss']:.4f}" in row
    assert "genzoo reconstruct" not in out
    assert "likelihood" not in err
    assert "loss (objective)" in (run.path / "report.html").read_text()


@pytest.mark.parametrize("verb", ["compress", "interpolate", "traverse", "denoise", "augment"])
def test_applications_refuse_it_before_any_data_are_read(
    verb: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (folder / "means").exists():
        genzoo.run("means", "moons", out=folder / "means", **QUICK)
    capsys.readouterr()
    monkeypatch.setattr("genzoo.cli.loading.Source.view", lambda *_: pytest.fail("data were read"))
    assert main([verb, str(folder / "means")]) == 2
    needs = {"augment": "has a posterior q(z|x)", "traverse": "decodes"}.get(verb, "encodes and decodes")
    said = f"genzoo: genzoo {verb} needs a model that {needs}; means does not\n  genzoo sample {folder / 'means'}\n"
    assert capsys.readouterr().err == said


def test_runs_of_all_kinds_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One without codes, and one on data of known density, which has one more baseline."""
    genzoo.run("means", "pinwheel", out=tmp_path / "means", **QUICK)
    genzoo.run("vae", "pinwheel", out=tmp_path / "vae", hidden=(8,), latent_dim=2, **QUICK)
    capsys.readouterr()
    assert main(["compare", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "means" in out
    assert "vae" in out
    assert err == ""


# averaged weights


def test_an_average_of_weights_counts_as_many_parameters(tmp_path: Path) -> None:
    runs = [genzoo.run("vae", "moons", out=tmp_path / str(ema), ema=ema, hidden=(8,), **QUICK) for ema in (0.0, 0.9)]
    counts = [run.results["parameters"] for run in runs]
    assert counts[0] == counts[1] == count_parameters(runs[0].model) > 0


# labels and noise


@pytest.mark.parametrize("labels", [[0, 1, 3], [0, -2, 2]], ids=str)
def test_labels_that_are_no_classes_are_refused(labels: list[int], tmp_path: Path) -> None:
    class Odd:
        Config = genzoo.config(type("Config", (), {"__annotations__": {}}))

        def __init__(self, config: Any) -> None:
            self.spec = genzoo.DataSpec((2,), "gaussian", classes=3, size=3)

        def load(self, store: genzoo.Store) -> genzoo.Splits:
            split = genzoo.Split(torch.zeros(3, 2), torch.tensor(labels))
            return genzoo.Splits(split, None, split)

    genzoo.register_dataset("odd", Odd)
    wrong = next(label for label in labels if not 0 <= label < 3)
    with pytest.raises(genzoo.UsageError, match=f"has the label {wrong}, but its spec has 3 classes, 0 to 2"):
        genzoo.run("vae", "odd", out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def test_uniform_noise_belongs_to_the_example_in_evaluation() -> None:
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))

    def drawn(part: Tensor) -> Tensor:
        with keyed(content_keys(part)):
            return torch.stack([uniform(part), uniform(part)], 1)

    whole = drawn(x)
    assert torch.equal(whole, torch.cat([drawn(x[:1]), drawn(x[1:])]))
    assert torch.equal(whole[[2, 0]], drawn(x[[2, 0]]))
    assert not torch.equal(whole[:, 0], whole[:, 1])
    numbers = keyed_uniform(content_keys(torch.arange(2000.0)[:, None]), 0, 50).flatten()
    assert numbers.min() > 0
    assert numbers.max() < 1
    counts = torch.histc(numbers, 20, 0, 1)
    assert ((counts - 5000) / 5000**0.5).abs().max() < 4.5
