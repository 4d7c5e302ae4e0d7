"""Interpolations and traversals of codes against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from genzoo.evaluation.latent_paths import interpolate, slerp, traversal_codes

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def test_slerp_turns_evenly_on_the_sphere() -> None:
    a, b = normal(6), normal(6)
    a, b = a / a.norm(), b / b.norm()
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    path = slerp(a, b, t)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(7, dtype=torch.float64))
    angle = (a @ b).acos()
    torch.testing.assert_close((path @ a).acos()[1:], t[1:] * angle)
    quarter = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.tensor([0.5]))
    torch.testing.assert_close(quarter, torch.tensor([[math.sqrt(2), math.sqrt(2)]]))


@pytest.mark.parametrize("b", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0], [1.0, 2.0]])
def test_slerp_of_parallel_codes_is_linear(b: list[float]) -> None:
    a, end = torch.tensor([1.0, 2.0]), torch.tensor(b)
    torch.testing.assert_close(slerp(a, end, torch.tensor([0.25])), (0.75 * a + 0.25 * end)[None])


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_interpolation_ends_exactly_at_both_codes(mode: str) -> None:
    a, b = normal(2, 3), normal(2, 3)
    codes = interpolate(a, b, 5, mode)
    assert codes.shape == (5, 2, 3)
    assert torch.equal(codes[0], a)
    assert torch.equal(codes[-1], b)
    middle = (a + b) / 2 if mode == "linear" else slerp(a, b, torch.tensor([0.5], dtype=a.dtype))[0]
    torch.testing.assert_close(codes[2], middle)


def test_traversal_changes_one_dimension() -> None:
    z = normal(2, 3)
    codes = traversal_codes(z, [4, 0], 3.0, 5)
    assert codes.shape == (2, 5, 2, 3)
    for row, dim in enumerate((4, 0)):
        flat = codes[row].flatten(1)
        assert flat[:, dim].tolist() == [-3, -1.5, 0, 1.5, 3]
        others = [other for other in range(6) if other != dim]
        assert torch.equal(flat[:, others], z.flatten()[others].expand(5, 5))
