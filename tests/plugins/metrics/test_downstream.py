"""Classifiers on codes against scikit-learn, and on data without classes."""

from __future__ import annotations

from typing import Any

import pytest
import scipy.stats
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.core.model import Model
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")
NAMES = ("knn", "linear-probe")


@pytest.fixture(scope="module")
def model() -> Model:
    """Return an untrained autoencoder of vectors."""
    return Pair.of("ae", spec=SPECS["vectors"]).build().model.eval()


def proportion_confint(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval from scipy."""
    found = scipy.stats.binomtest(count, n).proportion_ci(method="wilson")
    return found.low, found.high


def blobs(n: int, seed: int) -> Resident:
    """Return three overlapping classes in five dimensions."""
    with seeded(seed):
        y = torch.arange(n) % 3
        return Resident(Split(torch.randn(n, 5) + 1.5 * torch.nn.functional.one_hot(y, 5), y), CPU)


def codes(model: Any, data: Resident) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.encode(data.x).flatten(1).double()
    return found


def test_accuracies_equal_those_of_scikit_learn(model: Model) -> None:
    train, test = blobs(600, 0), blobs(300, 1)
    found = evaluate(model, test, find_metrics(registry(), [*NAMES, "knn:1"]), train=train)
    assert train.y is not None
    assert test.y is not None
    scaler = StandardScaler().fit(codes(model, train).numpy())
    x, z = (scaler.transform(codes(model, data).numpy()) for data in (train, test))
    probe = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(x, train.y.numpy())
    assert found["linear_probe"] == pytest.approx(probe.score(z, test.y.numpy()), abs=1e-9)
    assert 0.6 < found["linear_probe"] < 0.99  # neither chance nor trivial
    for name, k in (("knn", 5), ("knn_1", 1)):
        neighbours = KNeighborsClassifier(k).fit(x, train.y.numpy())
        assert found[name] == pytest.approx(neighbours.score(z, test.y.numpy()), abs=0.004)  # distances that tie
    assert found["standard_error"]["knn"] == pytest.approx((found["knn"] * (1 - found["knn"]) / 300) ** 0.5, rel=0.01)
    details = found["details"]["knn"]
    assert (details["training_codes"], details["n"]) == (600, 300)
    low, high = proportion_confint(round(300 * found["knn"]), 300)
    assert details["interval_95"] == pytest.approx((low, high), abs=1e-6)
    assert details["note"] == f"95 % {low:.3g} to {high:.3g}, n 300"


def test_untrained_codes_of_digits_are_classified() -> None:
    dataset = registry().get("dataset", "digits").load()
    loaded = dataset(dataset.Config())
    splits = loaded.load(Store())
    pair = Pair.of("ae", spec=loaded.spec)
    train, test = Resident(splits.train, CPU), Resident(splits.test, CPU)
    found = evaluate(pair.build().model, test, find_metrics(registry(), NAMES), train=train)
    assert found["knn"] > 0.8  # without any training of the encoder; chance is 0.1
    assert found["linear_probe"] > 0.7


def test_data_that_cannot_be_classified_give_a_reason(model: Model) -> None:
    labelled, metrics = blobs(20, 0), find_metrics(registry(), NAMES)
    unlabelled = Resident(Split(labelled.x), CPU)
    cases = {
        "no labels": (labelled, unlabelled),
        "the evaluation data are the training data": (labelled, labelled),
        "no training data given": (labelled, None),
    }
    for reason, (data, train) in cases.items():
        found = evaluate(model, data, metrics, train=train)
        assert found["not_available"] == {"knn": reason, "linear_probe": reason}
    assert evaluate(model, unlabelled, metrics, train=labelled)["not_available"]["knn"] == "no labels"
    few = evaluate(model, labelled, find_metrics(registry(), ["knn:30"]), train=blobs(20, 1))
    assert few["not_available"] == {"knn_30": "needs at least 30 training examples"}


def test_equal_codes_share_their_votes_in_any_order() -> None:
    """All codes of a collapsed encoder are equal: the most frequent class must win, and not the first one."""
    y = torch.tensor([0] * 20 + [1] * 5 + [2] * 25)
    model = Pair.of("ae", spec=SPECS["vectors"]).build().model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    test = Resident(Split(blobs(30, 1).x, torch.arange(30) % 3), CPU)
    for order in (torch.arange(50), torch.arange(50).flip(0)):
        train = Resident(Split(blobs(50, 0).x[order], y[order]), CPU)
        assert evaluate(model, test, find_metrics(registry(), NAMES), train=train)["knn"] == pytest.approx(1 / 3)


def test_a_single_training_class_gives_a_reason(model: Model) -> None:
    train = Resident(Split(blobs(30, 0).x, torch.zeros(30, dtype=torch.int64)), CPU)
    found = evaluate(model, blobs(20, 1), find_metrics(registry(), NAMES), train=train)
    assert found["not_available"] == dict.fromkeys(("knn", "linear_probe"), "the training data have only one class")
