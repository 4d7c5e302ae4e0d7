"""Measure every registered model and batch size: images per second in training, encoding, decoding and sampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from bench import Bench
from subjects import Case, abilities, build, prepared, refusal
from timing import rounds, speed
from training import timed

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.registry.current import registry

STEPS = {128: 100, 1024: 40}
TINY = {4: 2}
REHEARSED = 8
"""A rehearsal takes one of this many models."""


def run(bench: Bench) -> None:
    """Measure every model that takes images of 28×28, the built-in ones first."""
    steps = TINY if bench.tiny else STEPS
    entries = sorted(registry().matching("model"), key=lambda entry: entry.origin.distribution != "genzoo")
    for batch in steps:
        for name in map(registry().spelling, entries[:: REHEARSED if bench.tiny else 1]):
            bench.row(f"{name} {batch}", of_model(bench, name, batch, steps[batch]), needs=4)


def of_model(bench: Bench, name: str, batch: int, steps: int) -> Callable[[], dict[str, Any]]:
    """Return the work of one row."""

    def work() -> dict[str, Any]:
        if reason := refusal(name, "mnist"):
            return {"refused": reason}
        return {"model": name, "batch": batch, **training(bench, name, batch, steps), **inference(bench, name, batch)}

    return work


def training(bench: Bench, name: str, batch: int, steps: int) -> dict[str, Any]:
    """Measure training with captured steps, or eager ones if that fails."""
    case = Case(name, batch, "graph", "fp32", bench.device.type)
    try:
        return {"mode": "graph", **timed(bench, case, steps)}
    except RuntimeError as error:
        eager = timed(bench, dataclasses.replace(case, mode="eager"), steps)
        return {"mode": "eager", "why": str(error)[:2000], **eager}


@torch.no_grad()
def inference(bench: Bench, name: str, batch: int) -> dict[str, float]:
    """Measure images per second of each inference task that the model can do."""
    model, *_ = build(Case(name, batch, "eager", "fp32", bench.device.type), "mnist")
    x = Resident(Split(bench.many(batch)), bench.device).batch(torch.arange(batch, device=bench.device)).x
    model.eval()
    found = {}
    for kind in abilities(name, "mnist"):
        seconds = rounds(prepared(kind, model, x), bench.device)
        found[kind] = speed(batch, seconds)["images_per_second"]
    return found
