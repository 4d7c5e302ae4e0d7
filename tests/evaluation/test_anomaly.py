"""AUROC, average precision and their intervals against theory and scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from genzoo.evaluation.anomaly import (
    auroc,
    auroc_interval,
    average_precision,
    average_precision_interval,
    one_against_rest,
    one_against_rest_intervals,
)

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_auroc_of_shifted_normals_matches_theory(shift: float) -> None:
    """Scores N(0, 1) and N(δ, 1): the AUROC is Φ(δ/√2)."""
    n = 20_000
    anomalous = torch.arange(2 * n) >= n
    found = auroc(normal(2 * n) + shift * anomalous, anomalous)
    assert found == pytest.approx(0.5 * (1 + math.erf(shift / 2)), abs=4 * math.sqrt(1 / (12 * n) * 2))


def test_auroc_of_small_cases() -> None:
    yes = torch.tensor([True, True, False, False])
    assert auroc(torch.tensor([3.0, 4.0, 1.0, 2.0]), yes) == 1
    assert auroc(torch.tensor([1.0, 2.0, 3.0, 4.0]), yes) == 0
    assert auroc(torch.tensor([5.0, 5.0, 5.0, 5.0]), yes) == 0.5
    assert auroc(torch.tensor([2.0, 3.0, 1.0, 2.0]), yes) == (0.5 + 3) / 4, "one pair of four is a tie"


@pytest.mark.parametrize("levels", [3, 50, 10**9])
def test_auroc_is_that_of_scikit_learn_and_inverts(levels: int) -> None:
    scores = (normal(500) * levels).round()
    anomalous = normal(500) > 1
    found = auroc(scores, anomalous)
    assert found == pytest.approx(roc_auc_score(anomalous.numpy(), scores.numpy()), abs=1e-12)
    assert auroc(-scores, anomalous) == pytest.approx(1 - found, abs=1e-12)


@pytest.mark.parametrize("levels", [1, 3, 10**9])
def test_average_precision_is_that_of_scikit_learn(levels: int) -> None:
    scores, anomalous = (normal(500) * levels).round(), normal(500) > 1
    expected = average_precision_score(anomalous.numpy(), scores.numpy())
    assert average_precision(scores, anomalous) == pytest.approx(expected, abs=1e-12)
    assert average_precision(torch.zeros(500), anomalous) == pytest.approx(anomalous.double().mean().item())
    assert average_precision(anomalous.double(), anomalous) == 1.0


def test_auroc_of_many_examples_is_exact() -> None:
    """Ranks above 2^24 are not exact in float32."""
    n = 1_000_000
    assert auroc(torch.arange(2 * n), torch.arange(2 * n) >= n) == 1


def test_each_class_against_the_rest() -> None:
    y = torch.tensor([0, 0, 4, 4, 7])
    assert one_against_rest(torch.tensor([1.0, 2, 3, 4, 0]), y) == {0: 2 / 6, 4: 1.0, 7: 0.0}
    with pytest.raises(ValueError, match="needs anomalies and normal examples"):
        auroc(torch.zeros(3), torch.zeros(3, dtype=torch.bool))


@pytest.mark.parametrize(
    ("anomalies", "rest", "shift", "spread"), [(37, 323, 0, 1), (37, 323, 1, 3), (20, 500, 2, 1), (10, 90, 3, 1)]
)
def test_intervals_of_the_auroc_contain_the_true_value(anomalies: int, rest: int, shift: float, spread: float) -> None:
    """The AUROC of scores N(δ, σ²) against N(0, 1) is Φ(δ/√(1 + σ²))."""
    truth = 0.5 * (1 + math.erf(shift / math.sqrt(2 + 2 * spread**2)))
    anomalous, generator = torch.arange(anomalies + rest) < anomalies, torch.Generator().manual_seed(1)
    missed = 0
    for _ in range(200):
        scores = torch.randn(anomalies + rest, generator=generator, dtype=torch.float64)
        scores[:anomalies] = shift + spread * scores[:anomalies]
        low, high = auroc_interval(scores, anomalous)
        missed += not low <= truth <= high
    assert missed <= 0.09 * 200


@pytest.mark.parametrize("interval", [auroc_interval, average_precision_interval])
def test_intervals_have_a_positive_width(interval: Callable[..., tuple[float, float]]) -> None:
    """Also if all scores are equal, the scores separate all anomalies, or one group has a single example."""
    first = torch.arange(20) < 5
    for scores in (torch.zeros(20), first.float(), (~first).float(), -torch.arange(20)):
        for anomalous in (first, torch.arange(20) < 1, torch.arange(20) < 19):
            low, high = interval(scores, anomalous)
            assert 0 <= low < high <= 1
    low, high = interval(first.float(), first)
    assert low < 1 == pytest.approx(high)


def test_each_class_has_the_interval_of_its_auroc() -> None:
    scores, y = torch.tensor([1.0, 2, 3, 4, 0]), torch.tensor([0, 0, 4, 4, 7])
    intervals = one_against_rest_intervals(scores, y)
    assert intervals == {label: auroc_interval(scores, y == label) for label in (0, 4, 7)}
