"""The codes of test examples in the latent space."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from figure_contexts import subject_of

from genzoo.figures.context import FigureContext
from genzoo.figures.latent_scatter import latent_plane
from genzoo.figures.latent_space import principal_axes

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_the_projection_is_the_singular_value_decomposition(subject: FigureContext) -> None:
    codes = subject.posteriors.mean
    centred = codes - codes.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    plane = latent_plane(subject)
    torch.testing.assert_close(plane.points.abs(), (u[:, :2] * s[:2]).abs())
    share = (s[:2].square().sum() / s.square().sum()).item()
    assert plane.title.endswith(f"PCA: {100 * share:.0f} % of the variance of 6 latents")
    assert plane.classes is not None
    assert torch.equal(plane.classes, subject.test.y)  # type: ignore[arg-type]
    axes = principal_axes(codes)
    torch.testing.assert_close(axes.vectors.T @ axes.vectors, torch.eye(2, dtype=torch.float64))


def test_two_latents_are_their_own_plane(tmp_path: Path) -> None:
    subject = subject_of(tmp_path, "vae", "digits", latent_dim=2)
    plane = latent_plane(subject)
    assert torch.equal(plane.points, subject.posteriors.mean)
    assert plane.names == ["z₀", "z₁"]


@pytest.mark.parametrize(("model", "called"), [("vae", "posterior means of "), ("realnvp", "codes of ")])
def test_a_model_without_a_posterior_has_codes(model: str, called: str, tmp_path: Path) -> None:
    assert latent_plane(subject_of(tmp_path, model, "moons")).title.startswith(called)
