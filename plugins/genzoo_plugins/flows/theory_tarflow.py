"""What the numbers of tarflow are held against, besides those of every flow: its inverse without kept keys."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.flows.tarflow import AttentionLayer, TarFlow
from genzoo_plugins.flows.theory import log_det_error, of_any_flow, on_known_density, points, stirred

SMALL: dict[str, Any] = {"layers": 2, "width": 8, "depth": 1, "heads": 2}
IMAGES = genzoo.DataSpec((2, 4, 8), "bernoulli", levels=256)


def tarflow() -> Iterator[Case]:
    """Inverse and ln |det| are exact, a cache changes nothing, no patch sees itself; ln p is at most the true one."""
    yield from of_any_flow(TarFlow, patch=1, **SMALL)
    yield from of_patches()
    yield from constants()
    yield from on_known_density(TarFlow, "quadratic", updates=80, **{**SMALL, "width": 16})


def of_patches() -> Iterator[Case]:
    """Kept keys and values change nothing, ln |det| is autograd's, and no patch sees itself or a later one."""
    with genzoo.seeded(0):
        model = stirred(TarFlow(IMAGES, TarFlow.Config(patch=2, **SMALL))).double()
        z = torch.randn(3, IMAGES.numel, dtype=torch.float64)
    with torch.no_grad():
        cached = model.from_noise(z)
        yield Case.largest("x from z, with kept keys and without", cached, naive(model, z), 1e-9)
        layer = model.layers[-1]
        assert isinstance(layer, AttentionLayer)
        before, back = layer.inverse(z)
        there, single = model.to_noise(cached)[1], layer(before)[1]
        yield Case.largest("z from x again", model.to_noise(cached)[0], z, 1e-9)
        yield Case.largest("ln |det| of a layer's inverse: minus its own, nats", back, -single, 1e-9)
        yield Case("whether ln |det| is finite", float(there.isfinite().all()), 1.0, 0.0)
    yield Case("ln |det| from autograd's, nats", log_det_error(model, cached[:2]), 0.0, 1e-8)
    slopes = jacobian(lambda x: layer(x)[0].view(8, 8).flip(0).flatten(), cached[0])
    blocks = slopes.view(8, 8, 8, 8).abs().amax((1, 3))  # of patches
    yield Case("largest ∂y_t/∂x_u of a layer, u > t", blocks.triu(1).max().item(), 0.0, 0.0)
    yield Case("patches y_t that depend on x_u, u < t", float((blocks.tril(-1) > 0).sum()), 28.0, 0.0)


@torch.no_grad()
def naive(model: TarFlow, z: Tensor) -> Tensor:
    """Return f⁻¹(z) by whole passes: after pass t of a layer, its first t patches are right."""
    for layer in reversed(model.layers):
        if not isinstance(layer, AttentionLayer):
            z = layer.inverse(z)[0]  # type: ignore[operator]
            continue
        y = z.view(-1, layer.patches, layer.size).flip(1)
        x = torch.zeros_like(y)
        for _ in range(layer.patches):
            x = layer.transform.inverse(y, layer.parameters_of(x))[0]
        z = x.reshape(z.shape)
    return z


@torch.no_grad()
def constants() -> Iterator[Case]:
    """Before training it is the identity: −ln p is ½ ln 2π for each number, plus ½ x², and no mean over numbers."""
    model, x = TarFlow(genzoo.DataSpec((3,), "gaussian"), TarFlow.Config(**SMALL)).double(), points(3)
    truth = 1.5 * math.log(2 * math.pi) + 0.5 * x.square().sum(1)
    yield Case.largest("−ln p of the identity, nats an example", -model.log_prob(x), truth, 1e-9)
