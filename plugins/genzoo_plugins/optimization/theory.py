"""Closed forms of what optimisers and schedules do."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.optimization.muon import COEFFICIENTS, RMS

LR, STEPS = 0.05, 40


def descended(name: str, start: Tensor, gradient: float, steps: int = STEPS, decay: float = 0.0) -> Tensor:
    """Return weights after steps with the gradient `gradient`·w."""
    weight = nn.Parameter(start.clone())
    optimizer: genzoo.Optimizer = genzoo.make_part("optimizer", name, [weight], LR, decay, ())
    for _ in range(steps):
        weight.grad = gradient * weight.detach()
        optimizer.step()
    return weight.detach()


def adam() -> Iterator[Case]:
    """The first step is of size lr whatever the gradient's; decay adds to the gradient."""
    for size in (1e-3, 1.0, 1e4):
        moved = 1 - descended("adam", torch.ones(1, dtype=torch.float64), size, steps=1).item()
        yield Case(f"first step of Adam, of a gradient of {size:g}", moved, LR * size / (size + 1e-8), 1e-9)
    moved = 1 - descended("adam", torch.ones(1, dtype=torch.float64), 0.0, steps=1, decay=0.5).item()
    yield Case("first step of Adam with nothing but decay", moved, LR * 0.5 / (0.5 + 1e-8), 1e-9)


def adamw() -> Iterator[Case]:
    """Without a gradient weights decay as (1 − lr·λ)^n, by either spelling."""
    truth = (1 - LR * 0.5) ** STEPS
    for name, decay in (("adamw", 0.5), ("adamw:0.5", 0.0)):
        found = descended(name, torch.ones(1, dtype=torch.float64), 0.0, decay=decay).item()
        yield Case(f"weight after {STEPS} steps of pure decay, {name}", found, truth, 1e-9)


def sgd() -> Iterator[Case]:
    """On ½w² the weight is (1 − lr)^n; with momentum it is a linear recursion of two terms."""
    one = torch.ones(1, dtype=torch.float64)
    yield Case(f"w after {STEPS} steps on ½w²", descended("sgd", one, 1.0).item(), (1 - LR) ** STEPS, 1e-12)
    decayed = descended("sgd", one, 1.0, decay=0.5).item()
    yield Case(f"w after {STEPS} steps on ½w² with decay ½", decayed, (1 - 1.5 * LR) ** STEPS, 1e-12)
    recursion = torch.tensor([[1 + 0.9 - LR, -0.9], [1.0, 0.0]], dtype=torch.float64)
    truth = (torch.linalg.matrix_power(recursion, STEPS) @ torch.ones(2, dtype=torch.float64))[0].item()
    yield Case(f"w after {STEPS} steps on ½w² with momentum .9", descended("sgd:0.9", one, 1.0).item(), truth, 1e-12)


def muon() -> Iterator[Case]:
    """The update is U·φ(S)·Vᵀ, where φ is a polynomial, five times; its singular values are near 1."""
    generator = torch.Generator().manual_seed(0)
    for rows, columns in ((6, 4), (4, 6)):
        start = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
        u, s, v = torch.linalg.svd(start, full_matrices=False)
        s = s / s.norm()
        for _ in range(5):
            s = sum((factor * s**power for factor, power in zip(COEFFICIENTS, (1, 3, 5), strict=True)), 0 * s)
        size = LR * RMS * max(rows, columns) ** 0.5
        truth = start - size * (u * s) @ v
        found = descended("muon", start, 1.0, steps=1)
        yield Case(f"weights {rows}×{columns} after a step, largest error", (found - truth).abs().max().item(), 0, 1e-9)
        spread = torch.linalg.svdvals((start - found) / size)
        yield Case(f"singular values of the update {rows}×{columns}, furthest from 1", (spread - 1).abs().max().item(),
                   0, 0.35)  # fmt: skip
    vector = torch.randn(5, generator=generator, dtype=torch.float64)
    error = descended("muon", vector, 1.0) - descended("adamw", vector, 1.0)
    yield Case("vectors: distance from AdamW's", error.abs().max().item(), 0, 1e-12)


def constant() -> Iterator[Case]:
    """Every factor is 1, in a training of any length."""
    schedule: genzoo.Schedule = genzoo.make_part("schedule", "constant")
    yield Case("sum of 7 factors, of 5 steps", sum(schedule.factor(step, 5) for step in range(7)), 7, 0)


def cosine() -> Iterator[Case]:
    """Σ_k ½(1 + cos πk/N) = (N + 1)/2, and the floor replaces 0."""
    yield from _sums("cosine")
    schedule = genzoo.make_part("schedule", "cosine")
    yield Case("cosine, a quarter of the way", schedule.factor(10, 40), 0.5 + 0.5**1.5, 1e-12)


def linear() -> Iterator[Case]:
    """Σ_k (1 − k/N) = (N + 1)/2, and the floor replaces 0."""
    yield from _sums("linear")
    yield Case("linear, a quarter of the way", genzoo.make_part("schedule", "linear").factor(10, 40), 0.75, 1e-12)


def _sums(name: str) -> Iterator[Case]:
    for total in (1, 40):
        whole = (total + 1) / 2
        for text, floor in ((name, 0.0), (f"{name}:0.1", 0.1)):
            schedule: genzoo.Schedule = genzoo.make_part("schedule", text)
            found = sum(schedule.factor(step, total) for step in range(total))
            yield Case(f"sum of the {total} factors of {text}", found, floor * total + (1 - floor) * whole, 1e-9)
            yield Case(f"factor at and after the end of {text}", schedule.factor(total + 5, total), floor, 1e-12)
