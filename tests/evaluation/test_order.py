"""Which of two figures is the better one, found from a figure's name in results."""

from __future__ import annotations

import pytest

import genzoo
from genzoo.evaluation.order import order_of
from genzoo.registry.current import registry


@pytest.mark.parametrize(
    ("figure", "better"),
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
def test_every_metric_says_which_figure_is_better(figure: str, better: str | None) -> None:
    order = order_of(figure)
    assert order.known
    assert order.better == better
    assert (order.cost(2.0) < order.cost(1.0)) == (better == "higher")


@pytest.mark.parametrize("figure", ["c2st", "c2st_gmm_10", "prior_c2st"])
def test_of_an_auroc_one_half_is_the_best(figure: str) -> None:
    order = order_of(figure)
    assert sorted((0.3, 0.45, 0.5, 0.52, 0.9), key=order.cost) == [0.5, 0.52, 0.45, 0.3, 0.9]
    assert order.comparative == "nearer to 0.5"


@pytest.mark.parametrize("figure", ["fid", "mse_of_something", "kl_levels", "psnr_5"])
def test_of_an_unknown_metric_lower_is_taken_to_be_better(figure: str) -> None:
    """KL, MSE and PSNR take no value, so that what follows their names is another metric's."""
    order = order_of(figure)
    assert not order.known
    assert order.better == "lower"


def test_a_metric_of_a_plugin_says_its_own() -> None:
    class Sharpness(genzoo.Metric):
        """How sharp."""

        label = "sharpness"
        better = "higher"

        @genzoo.config
        class Config:
            width: genzoo.Count = 3
            """Of the filter."""

    class Plain(genzoo.Metric):
        """Written before there was an order."""

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
