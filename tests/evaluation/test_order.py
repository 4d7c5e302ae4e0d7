"""The order of a metric's values, found from its name in results."""

from __future__ import annotations

import pytest

import genzoo
from genzoo.evaluation.order import order_of
from genzoo.registry.current import registry


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("negative_elbo", "lower"),
        ("bits_per_dim", "lower"),
        ("mse", "lower"),
        ("iwae", "lower"),
        ("iwae_5000", "lower"),
        ("iwae_k_10", "lower"),
        ("frechet_gmm_10", "lower"),
        ("kid", "lower"),
        ("sliced_wasserstein", "lower"),
        ("collapsed", "lower"),
        ("marginal_kl", "lower"),
        ("psnr", "higher"),
        ("ssim", "higher"),
        ("active_units", "higher"),
        ("knn_9", "higher"),
        ("linear_probe", "higher"),
        ("prdc_gaussian", "higher"),
        ("kl", None),
        ("kl_per_dim", None),
        ("mutual_information", None),
    ],
)
def test_every_metric_declares_which_values_are_better(metric: str, better: str | None) -> None:
    order = order_of(metric)
    assert order.known
    assert order.better == better
    assert (order.cost(2.0) < order.cost(1.0)) == (better == "higher")


@pytest.mark.parametrize("metric", ["c2st", "c2st_gmm_10", "prior_c2st"])
def test_the_best_auroc_is_one_half(metric: str) -> None:
    order = order_of(metric)
    assert sorted((0.3, 0.45, 0.5, 0.52, 0.9), key=order.cost) == [0.5, 0.52, 0.45, 0.3, 0.9]
    assert order.comparative == "nearer to 0.5"


@pytest.mark.parametrize("metric", ["fid", "mse_of_something", "kl_extra", "psnr_5"])
def test_lower_is_better_for_an_unknown_metric(metric: str) -> None:
    """KL, MSE and PSNR take no value, so longer names belong to other metrics."""
    order = order_of(metric)
    assert not order.known
    assert order.better == "lower"


def test_a_plugins_metric_declares_its_order() -> None:
    class Sharpness(genzoo.Metric):
        """How sharp."""

        label = "sharpness"
        better = "higher"

        @genzoo.config
        class Config:
            width: genzoo.Count = 3
            """Of the filter."""

    class Plain(genzoo.Metric):
        """A metric that declares no order."""

        label = "plain"

        @genzoo.config
        class Config:
            """None."""

    genzoo.register_metric("sharpness", Sharpness)
    genzoo.register_metric("plain", Plain)
    assert [order_of(name).better for name in ("sharpness", "sharpness_5", "notebook_sharpness")] == ["higher"] * 3
    assert order_of("plain").better == "lower"
    assert order_of("plain").known


def test_every_registered_metric_has_an_order() -> None:
    for entry in registry().matching("metric"):
        assert entry.load().better in ("lower", "higher", None)
