"""Wilson's interval against published values and its coverage."""

from __future__ import annotations

import pytest
import torch

from genzoo.evaluation.intervals import effective_number, wilson


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_has_the_published_values(successes: int, n: int, expected: tuple[float, float]) -> None:
    """Newcombe 1998, table I, method 3."""
    assert wilson(successes / n, n) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.97])
def test_wilson_contains_the_true_proportion_in_95_percent_of_samples(share: float) -> None:
    generator, n = torch.Generator().manual_seed(0), 100
    counts = (torch.rand(2000, n, generator=generator) < share).sum(1).tolist()
    inside = sum(low <= share <= high for low, high in (wilson(count / n, n) for count in counts))
    assert 0.92 < inside / 2000 < 0.99


def test_the_effective_number_of_a_proportion_is_its_number_of_examples() -> None:
    assert effective_number(0.3, 0.3 * 0.7 / 50, 7) == pytest.approx(50)
    assert effective_number(0.3, 0.0, 7) == effective_number(1.0, 0.1, 7) == 7
