"""Learning curves."""

from __future__ import annotations

import pytest

from genzoo.figures.curves import labels

pytestmark = pytest.mark.usefixtures("drawn_figures")


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("negative_elbo", ("−ELBO", "nats per example")),
        ("kl_given_y", ("KL given the class", "nats per example")),
        ("mse", ("MSE per dimension", "")),
        ("distortion", ("distortion", "")),
        ("loss", ("loss", "")),
    ],
)
def test_a_curve_has_the_unit_of_its_term_or_none(term: str, expected: tuple[str, str]) -> None:
    assert labels(term) == expected
