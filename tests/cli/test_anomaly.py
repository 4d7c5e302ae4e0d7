"""Anomalies of a class left out of training: one command trains, one scores the whole test set beside baselines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commandline import genzoo, read_csv, refused, trained
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from genzoo.cli.loading import load_data
from genzoo.core.errors import UsageError
from genzoo.data.resident import Resident
from genzoo.evaluation.baselines import pca_errors
from genzoo.evaluation.evaluate import evaluate, find_metrics, per_example
from genzoo.registry.current import registry
from genzoo.runs.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def without_three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("without")
    return trained(folder, "vae", "--dataset", "digits", "--epochs", 3, "--data.without", 3)


@pytest.fixture(scope="module")
def only_three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("only"), "vae", "--dataset", "digits", "--epochs", 3, "--data.only", 3)


def found(run: Run, *words: object) -> dict[str, Any]:
    result = genzoo("anomaly", run.path, "--json", *words)
    assert (result.code, result.err) == (0, "")
    values: dict[str, Any] = json.loads(result.out)
    return values


@pytest.mark.every(2)
@pytest.mark.parametrize("name", ["without_three", "only_three"])
def test_every_metric_equals_that_of_scikit_learn(name: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(name)
    test, train = load_data(run)["test"], load_data(run)["train"]
    assert test.y is not None
    assert train.y is not None
    assert (3 in train.y) == (name == "only_three") == (train.y.unique().numel() == 1)
    anomalous = (test.y == 3) == (name == "without_three")
    images = [data.batch(torch.arange(len(data))).x.flatten(1) for data in (test, train)]
    neighbours = NearestNeighbors(n_neighbors=5).fit(images[1].numpy()).kneighbors(images[0].numpy())[0].mean(1)
    sums = test.x.flatten(1).double().sum(1)
    errors = pca_errors(train, test, 20)
    assert errors is not None
    scores = {
        "model": per_example(run.model, test, find_metrics(registry(), ["negative-elbo"]))["negative-elbo"],
        "pixel_sum": sums if roc_auc_score(anomalous, sums) > 0.5 else -sums,
        "pca-20": errors,
        "knn": torch.from_numpy(neighbours),
    }
    values = found(run)
    assert (values["n"], values["anomalies"]) == (360, int(anomalous.sum()))
    for method, score in scores.items():
        assert values["auroc"][method] == pytest.approx(roc_auc_score(anomalous, score), abs=1e-4)
        for metric in ("auroc", "auprc"):
            low, high = values[f"{metric}_interval_95"][method]
            assert 0 <= low <= values[metric][method] <= high <= 1
            assert low < high
        assert values["auprc"][method] == pytest.approx(average_precision_score(anomalous, score), abs=1e-3)


def test_the_table_names_the_class_and_every_method(without_three: Run, tmp_path: Path) -> None:
    result = genzoo("anomaly", without_three.path, "--score", "mse", "--out", tmp_path / "scores.csv")
    first, *rows = result.out.splitlines()
    assert first == "trained without class 3: 37 of 360 examples are of a class left out of training"
    assert rows[0].split("  ")[-1].strip() == "AUPRC (95 %)"
    assert [re.split(r"\s{2,}", row.strip())[0] for row in rows] == [
        "a higher score is more anomalous",
        "mse",
        "sum of values, in its better direction",
        "error of PCA-20",
        "distance to the 5 nearest training examples",
        "by chance",
    ]
    assert rows[-1].split()[-2:] == ["0.500", f"{37 / 360:.3f}"]
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 361


def test_where_nothing_unseen_is_scored_it_is_as_ever(without_three: Run) -> None:
    assert len(genzoo("anomaly", without_three.path, "--split", "validation").out.splitlines()) == 14  # 9 classes
    assert set(found(without_three, "--split", "train")["model"]) == set("012456789")


def test_both_filters_at_once_are_refused() -> None:
    message = refused(genzoo("run vae --dataset digits --data.without 3 --data.only 4"))
    assert message == "--data.without and --data.only exclude each other"
    assert refused(genzoo("run vae --dataset digits --data.without 10")).startswith("--data.without must be")


def test_the_table_names_the_orientation_of_the_baseline(vae_run: Run) -> None:
    result = genzoo("anomaly", vae_run.path)
    found = json.loads(genzoo("anomaly", vae_run.path, "--json").out)
    rows = [line.split() for line in result.out.splitlines() if line.strip().startswith("class")]
    assert len(rows) == 10
    for _, label, model, low, _to, high, total, side, pca in rows:
        assert [low, high] == [f"({found['interval_95'][label][0]:.3f}", f"{found['interval_95'][label][1]:.3f})"]
        value = found["pixel_sum"][label]
        assert (total, side) == (f"{max(value, 1 - value):.3f}", "more" if value >= 0.5 else "less")
        assert (model, pca) == (f"{found['model'][label]:.3f}", f"{found['pca'][label]:.3f}")


def test_a_score_of_which_higher_is_better_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is not a number has no order."""
    from genzoo_plugins.metrics.images import PSNR

    from genzoo.cli.anomaly import anomaly_scores

    monkeypatch.setattr(PSNR, "better", "higher", raising=False)
    values = torch.tensor([10.0, 30.0])
    assert anomaly_scores(values, "psnr").tolist() == [-10.0, -30.0]
    assert anomaly_scores(values, "mse") is values
    with pytest.raises(UsageError, match="--score mse is not a number for 1 of 2 examples"):
        anomaly_scores(torch.tensor([1.0, float("nan")]), "mse")


# anomaly
def negative_elbo(run: Run, data: Resident, batch_size: int = 500) -> torch.Tensor:
    return per_example(run.model, data, find_metrics(registry(), ["negative-elbo"]), batch_size)["negative-elbo"]


def test_scores_are_the_bound_of_each_example(vae_run: Run, test_data: Resident, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    result = genzoo("anomaly", vae_run.path, "--out", out, "--json")
    assert (result.code, result.err) == (0, "")
    scores = {int(row["example"].partition(":")[2]): float(row["score"]) for row in read_csv(out)}
    expected = negative_elbo(vae_run, test_data, batch_size=7)
    assert [scores[n] for n in range(360)] == pytest.approx(expected.tolist(), abs=1e-3)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    mean = evaluate(vae_run.model, test_data, find_metrics(registry(), ["negative-elbo"]))["negative_elbo"]
    assert sum(scores.values()) / 360 == pytest.approx(mean, abs=1e-4)
    found = json.loads(result.out)
    assert test_data.y is not None
    assert list(found["model"]) == [str(label) for label in range(10)]
    sums = test_data.x.double().flatten(1).sum(1)
    for label in range(10):
        is_it = (test_data.y == label).numpy()
        assert found["model"][str(label)] == pytest.approx(roc_auc_score(is_it, expected.numpy()), abs=1e-9)
        assert found["pixel_sum"][str(label)] == pytest.approx(roc_auc_score(is_it, sums.numpy()), abs=1e-9)
        assert 0 < found["pca"][str(label)] < 1
    assert found["components"] == vae_run.config.model_config.latent_dim


def test_files_have_the_scores_of_their_bytes(vae_run: Run, test_data: Resident, files: Path) -> None:
    expected = negative_elbo(vae_run, test_data)[:5]
    for words in ([files], sorted(files.iterdir()), [files.parent / "five.npy"]):
        result = genzoo("anomaly", vae_run.path, *words)
        heading = "negative-elbo of each, the most anomalous first: a higher score is more anomalous\n"
        assert (result.code, result.err) == (0, heading)
        found = [line.split(maxsplit=1) for line in result.out.splitlines()]
        assert [float(score) for score, _ in found] == pytest.approx(sorted(expected.tolist(), reverse=True), abs=2e-3)
        order = [Path(name).stem if name.endswith("png") else name.rpartition(":")[2] for _, name in found]
        assert order == [str(number) for number in expected.argsort(descending=True).tolist()]


def test_a_model_without_a_prior_has_other_scores(ae_run: Run) -> None:
    message = refused(genzoo("anomaly", ae_run.path))
    assert message == "ae has no negative-elbo: no prior p(z)"
    result = genzoo("anomaly", ae_run.path, "--score", "mse")
    assert result.code == 0
    assert len(result.out.splitlines()) == 15
    assert "rate               n/a (no prior p(z))" in genzoo("compress", ae_run.path).out
    found = json.loads(genzoo("compress", ae_run.path, "--json").out)
    assert (found["rate_bits"], found["not_available"]) == (None, {"rate_bits": "no prior p(z)"})
    assert found["mse"] == pytest.approx(ae_run.results["test"]["mse"])
    assert refused(genzoo("augment", ae_run.path)) == "ae has no posterior to draw from"


def test_points_have_scores_too(moons_run: Run, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("x,y\n0,0\n40,40\n")
    result = genzoo("anomaly", moons_run.path, tmp_path / "far.csv")
    assert [line.rpartition(":")[2] for line in result.out.splitlines()] == ["1", "0"]
    assert genzoo("compress", moons_run.path).out.count("PNG") == 0
    message = refused(genzoo("traverse", moons_run.path))
    assert message == "these data are not images"
    assert genzoo("traverse", moons_run.path, "--out", tmp_path / "t.npy").code == 0
    assert np.load(tmp_path / "t.npy").shape == (2, 11, 2)
    assert refused(genzoo("denoise", moons_run.path, "--out", tmp_path / "d.npy")) == "denoise is for images"
