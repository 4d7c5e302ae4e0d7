"""The classifier two-sample test against known AUROCs, and logistic regression against scikit-learn."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.metrics.classifier import (
    TwoSets,
    auroc,
    c2st,
    logistic_regression,
    nearest,
    parts,
    separating_direction,
)
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.core.noise import seeded
from genzoo.registry.current import registry


def normal(seed: int, *shape: int) -> Tensor:
    with seeded(seed):
        return torch.randn(*shape, dtype=torch.float64)


def phi(x: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def toy(name: str, seed: int, **options: float) -> Tensor:
    """Return 1,500 points of a generated dataset, [1500, F]."""
    dataset = registry().get("dataset", name).load()
    split: Split = dataset(dataset.Config(train=1500, seed=seed, **options)).load(None).train
    return split.x.double()


def test_auroc_counts_ties_half_and_has_a_direction() -> None:
    low, high = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])
    assert auroc(high, low) == 3.5 / 4
    assert auroc(low, high) == 0.5 / 4
    assert auroc(torch.ones(3), torch.ones(5)) == 0.5
    assert auroc(torch.tensor([5.0, 6.0]), torch.arange(4.0)) == 1.0


def test_auroc_of_shifted_normals() -> None:
    expected = phi(1 / math.sqrt(2))
    assert expected == pytest.approx(0.7602, abs=1e-4)
    assert auroc(normal(22, 50_000) + 1, normal(23, 50_000)) == pytest.approx(expected, abs=0.006)


@pytest.mark.every(2)
@pytest.mark.parametrize(("n", "dimensions", "spread"), [(100, 2, 0.07), (300, 20, 0.035)])
def test_equal_distributions_are_not_distinguished(n: int, dimensions: int, spread: float) -> None:
    """The mean would not be ½ if neighbours used the labels of the left-out fold."""
    found = [c2st(normal(seed, n, dimensions), normal(seed + 500, n, dimensions)) for seed in range(20)]
    assert sum(found) / 20 == pytest.approx(0.5, abs=4 * spread / 20**0.5)


@pytest.mark.every(2)
@pytest.mark.parametrize(("dimensions", "shift"), [(1, 1.0), (2, 0.5), (20, 1.0), (20, 2.0)])
def test_the_auroc_of_a_shift_is_optimal(dimensions: int, shift: float, long: bool) -> None:
    n = 3000 if long else 1200
    x, y = normal(24, n, dimensions), normal(25, n, dimensions)
    y[:, 0] += shift
    found = c2st(x, y)
    assert found == pytest.approx(phi(shift / math.sqrt(2)), abs=0.02 if long else 0.03)  # 2.5 standard deviations
    assert c2st(y, x) == pytest.approx(found, abs=0.01)


def test_the_auroc_of_a_different_variance_is_optimal() -> None:
    """In two dimensions squared distances are exponential: P(4a > b) = 4/5. The values alone give ½."""
    x, y = normal(26, 3000, 2), 2 * normal(27, 3000, 2)
    assert c2st(x, y) == pytest.approx(0.8, abs=0.02)


def test_thin_sets_differ_from_gaussians_of_the_same_moments() -> None:
    """A linear model turns a curve into such a Gaussian. The moments agree, so only the neighbours differ."""
    for name, least in (("moons", 0.78), ("quadratic", 0.84)):
        x, other = toy(name, 0), toy(name, 1)
        values, vectors = torch.linalg.eigh(other.T.cov())
        flat = other.mean(0) + normal(28, *other.shape) * values.sqrt() @ vectors.T
        assert c2st(x, flat) > least
        assert c2st(x, other) == pytest.approx(0.5, abs=0.03)


def test_samples_without_noise_are_distinguished() -> None:
    assert c2st(toy("moons", 0), toy("moons", 1, noise=0.0)) > 0.7


def test_the_auroc_of_separated_sets_is_1() -> None:
    x = normal(29, 300, 3)
    assert c2st(x, x + 100) == 1.0


def coin(seed: int, n: int, heads: float = 0.5) -> Tensor:
    with seeded(seed):
        return (torch.rand(n, 1, dtype=torch.float64) < heads).double()


def lattice(seed: int, n: int) -> Tensor:
    return (2 * normal(seed, n, 2)).round()


PAIRS = {
    "normal": lambda seed: (normal(seed, 60, 2), normal(seed + 10_000, 60, 2)),
    "a fair coin": lambda seed: (coin(seed, 200), coin(seed + 10_000, 200)),
    "a lattice": lambda seed: (lattice(seed, 80), lattice(seed + 10_000, 80)),
    "many copies": lambda seed: (normal(seed, 80, 1).round(), normal(seed + 10_000, 80, 1).round()),
}


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "a fair coin" else pytest.mark.long) for name in PAIRS]
)
def test_the_auroc_of_one_distribution_is_in_the_null_interval(name: str, long: bool) -> None:
    """At most 10 % of the pairs are outside the interval, and at least 1 % if there are no ties.

    Cross-validation lowers the mean below ½, by up to a fifth of the standard deviation: a fold with more points of one
    set leaves fewer of them for training (Parker, Günter & Bedo 2007).
    """
    runs = 400 if long else 50
    found, outside = [], 0
    for seed in range(runs):
        sets = TwoSets(*PAIRS[name](seed))
        low, high = sets.null()
        found.append(sets.auroc())
        outside += not low <= found[-1] <= high
    values = torch.tensor(found, dtype=torch.float64)
    assert (values.mean() - 0.5).abs() < (0.2 + 2 / runs**0.5) * values.std()
    assert (0.01 * runs if name == "normal" else 0) <= outside <= 0.1 * runs


@pytest.mark.parametrize("points", [torch.ones(40, 2), torch.zeros(40, 2), normal(31, 40, 2), coin(32, 40)], ids=str)
def test_a_set_is_not_distinguished_from_itself(points: Tensor) -> None:
    points = points.double()
    assert c2st(points, points.clone()) == 0.5
    assert c2st(points, points.flip(0).repeat(2, 1)) == 0.5


def test_copies_of_points_in_the_other_set_do_not_reveal_the_label() -> None:
    """A training neighbour with the other label at distance 0 would reveal every label."""
    x, others = normal(33, 200, 3), normal(34, 2, 3)
    low, high = TwoSets(normal(35, 200, 3), normal(36, 200, 3)).null()
    assert low < c2st(x, torch.cat([x[:199], others[:1]])) < high


def test_different_frequencies_of_the_same_values_are_distinguished() -> None:
    """P(1 | heads) of 0.5 and 0.9: the AUROC is 0.5 + (0.9 − 0.5)/2."""
    assert c2st(coin(37, 3000), coin(38, 3000, 0.9)) == pytest.approx(0.7, abs=0.02)
    assert c2st(normal(39, 1000, 2), normal(40, 10, 2).repeat(100, 1)) > 0.95


def test_neither_order_nor_signs_of_zero_matter() -> None:
    x, y = normal(41, 90, 3), normal(42, 90, 3) + 0.3
    order = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    assert c2st(x[order], y[order.flip(0)]) == c2st(x, y)
    assert TwoSets(x[order], y).null() == TwoSets(x, y).null()
    assert c2st(0.0 * x, -0.0 * y) == 0.5


def test_columns_that_are_constant_except_for_rounding_do_not_matter() -> None:
    x, y = (torch.cat([normal(seed, 300, 1), torch.full((300, 1), 0.3)], 1) for seed in (43, 44))
    y[:, 1] = y[:, 1].float().double()
    assert c2st(x, y) == pytest.approx(0.5, abs=0.1)


def test_folds_are_even_and_no_point_is_its_own_neighbour() -> None:
    assert parts(1003).bincount().tolist() == [201, 201, 201, 200, 200]
    near = nearest(torch.arange(2000.0, dtype=torch.float64)[:, None], 2)
    assert near[1500].sort().values.tolist() == [1499, 1501]


def test_the_direction_equals_that_of_scikit_learn() -> None:
    x, y = normal(30, 400, 4), (torch.arange(400) % 2).double()
    x[:, 0] += 2 * y
    weight = separating_direction(x, y)
    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x.numpy(), y.numpy())
    torch.testing.assert_close(weight, torch.from_numpy(reference.coef_[0]), rtol=0, atol=1e-5)


def test_points_of_many_coordinates_are_judged_by_as_many_as_there_are_points(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(31, 60, 90), normal(32, 60, 90)
    y[:, :9] += 0.4
    found = TwoSets(x, y)
    assert found.inputs.shape == (120, 120)
    auroc, null = found.auroc(), found.null()
    monkeypatch.setattr("genzoo_plugins.metrics.classifier.rotated", lambda points: points)
    assert TwoSets(x, y).inputs.shape == (120, 180)
    assert auroc == pytest.approx(TwoSets(x, y).auroc(), abs=1e-9)
    assert null == pytest.approx(TwoSets(x, y).null(), abs=1e-9)
    assert auroc > 0.6


@pytest.mark.parametrize("c", [0.1, 1.0])
def test_logistic_regression_equals_that_of_scikit_learn(c: float) -> None:
    x, y = normal(26, 300, 4), torch.arange(300) % 3
    x[:, 0] += y
    weight, bias = logistic_regression(x, y, 3, c)
    reference = LogisticRegression(C=c, max_iter=1000, tol=1e-8).fit(x.numpy(), y.numpy())
    ours = (x @ weight.T + bias).softmax(1)
    torch.testing.assert_close(ours, torch.from_numpy(reference.predict_proba(x.numpy())), rtol=0, atol=1e-4)
