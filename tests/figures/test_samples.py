"""Samples for figures."""

from __future__ import annotations

from pathlib import Path

import torch
from figure_contexts import subject_of

from genzoo.core.dataset import DataSpec
from genzoo.figures.samples import draw_samples, points_shown


def test_samples_are_a_function_of_the_seed(tmp_path: Path) -> None:
    model = subject_of(tmp_path, "vae", "digits").model
    (one, how), (again, _), (other, _) = (draw_samples(model, None, 5, seed) for seed in (0, 0, 1))
    assert (tuple(one.shape), how) == ((5, 1, 8, 8), "z from the prior")
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_large_images_are_reduced(tmp_path: Path) -> None:
    model = subject_of(tmp_path, "vae", "digits").model
    full, reduced = (draw_samples(model, None, 2, reduced=reduced)[0] for reduced in (False, True))
    assert torch.equal(full, reduced)  # 8×8 is no larger than a thumbnail


def test_points_of_very_many_dimensions_are_fewer() -> None:
    assert points_shown(DataSpec((2,), "gaussian")) == 1000
    assert points_shown(DataSpec((1 << 20,), "gaussian")) == 8  # 64 MiB of float64
