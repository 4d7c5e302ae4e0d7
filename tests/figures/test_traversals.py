"""Paths through the latent space."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from figure_contexts import reconstructed, subject_of
from PIL import Image

from genzoo.evaluation.latent_paths import slerp
from genzoo.figures import draw as figures
from genzoo.figures.context import FigureContext
from genzoo.figures.latent_space import Scale, quantile_grid
from genzoo.figures.traversals import (
    OFFSETS,
    Traversal,
    can_traverse,
    chosen_pairs,
    has_plane,
    interpolation_codes,
    manifold_codes,
)
from genzoo.registry.parts import make_part

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_interpolations_end_at_the_reconstructions(subject: FigureContext) -> None:
    decoded = subject.decode(interpolation_codes(subject))
    pairs = chosen_pairs(subject)
    assert len(pairs) == 4
    assert decoded.shape == (8, 10, 1, 8, 8)
    for number, pair in enumerate(pairs):
        for row in (decoded[2 * number], decoded[2 * number + 1]):
            torch.testing.assert_close(row[[0, -1]], reconstructed(subject, *pair), atol=1e-6, rtol=0)


def test_pairs_are_disjoint_and_of_two_classes(subject: FigureContext) -> None:
    pairs, y = chosen_pairs(subject), subject.test.y
    assert y is not None
    assert len({place for pair in pairs for place in pair}) == 2 * len(pairs)
    assert all(y[one] != y[other] for one, other in pairs)


def test_the_great_circle_keeps_the_norm_and_goes_at_even_pace() -> None:
    torch.manual_seed(0)
    one, other = torch.nn.functional.normalize(torch.randn(2, 30, dtype=torch.float64), dim=1) * 5
    path = slerp(one, other, torch.linspace(0, 1, 11, dtype=torch.float64))
    torch.testing.assert_close(path.norm(dim=1), torch.full((11,), 5.0, dtype=torch.float64))
    steps = path.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(10))
    assert torch.lerp(one, other, 0.5).norm() < 4.5


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_codes_without_a_great_circle_are_joined_by_a_straight_line(factor: float) -> None:
    one, steps = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    path = slerp(one, factor * one, steps)
    torch.testing.assert_close(path, one * (1 + steps[:, None] * (factor - 1)))


def test_the_manifold_is_at_the_priors_quantiles(tmp_path: Path) -> None:
    codes = manifold_codes(subject_of(tmp_path, "vae", "digits", latent_dim=2))
    assert codes.shape == (20, 20, 2)
    probability = 0.5 * (1 + torch.erf(codes / math.sqrt(2)))
    middles = (torch.arange(20, dtype=torch.float64) + 0.5) / 20
    torch.testing.assert_close(probability[:, :, 0], middles.expand(20, 20))  # z₁ rises to the right
    torch.testing.assert_close(probability[:, :, 1], middles.flip(0)[:, None].expand(20, 20))  # z₂ falls downwards
    centre, deviation = torch.tensor([3.0, -1.0]).double(), torch.tensor([2.0, 0.5]).double()
    torch.testing.assert_close(quantile_grid(Scale(centre, deviation), 20), centre + deviation * codes)


def test_a_traversal_passes_through_the_reconstruction(subject: FigureContext) -> None:
    found = Traversal(subject)
    middle = OFFSETS.tolist().index(0.0)
    original = reconstructed(subject, 0)
    for row in found.images[:, middle]:
        torch.testing.assert_close(row, original[0], atol=1e-6, rtol=0)
    moved = found.codes[:, -1] - found.codes[:, 0]
    expected = torch.zeros_like(moved)
    expected[torch.arange(len(found.dims)), found.dims] = 6 * found.scale.deviation[found.dims]
    torch.testing.assert_close(moved, expected)
    assert found.measure is not None
    measure = found.measure[found.dims]
    assert (measure.diff() <= 0).all()


def test_a_decoder_without_an_encoder_is_moved_about_its_prior(tmp_path: Path) -> None:
    subject = subject_of(tmp_path, "gan", "digits", latent_dim=2)
    assert can_traverse(subject)
    assert has_plane(subject)
    with torch.no_grad():
        found = Traversal(subject)
        centre = subject.decode(torch.zeros(1, 2))
        assert torch.equal(manifold_codes(subject), quantile_grid(found.scale, 20))
    for row in found.images[:, OFFSETS.tolist().index(0.0)]:
        torch.testing.assert_close(row, centre[0], atol=1e-6, rtol=0)
    assert found.labels == ["z₀", "z₁"]
    assert not make_part("figure", "interpolations").applies(subject)


def test_the_gif_goes_there_and_back(subject: FigureContext, tmp_path: Path) -> None:
    with torch.no_grad():
        figures.traversal_gif(subject, tmp_path / "t.gif", frames=5)
    with Image.open(tmp_path / "t.gif") as picture:
        assert picture.n_frames == 8  # type: ignore[attr-defined]
        assert picture.width > picture.height >= 96
