"""How fast a trained model encodes, decodes and draws: what tables show beside its quality."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from genzoo.core.model import Autoencoder, Model
from genzoo.core.noise import seeded
from genzoo.data.batching import evaluation_batch
from genzoo.evaluation.samplers import PRIOR, why_no_sampler
from genzoo.evaluation.sampling import draw
from genzoo.system.computing import evaluating
from genzoo.system.devices import synchronize

SECONDS, PASSES = 0.5, 5
"""Least time, in seconds, and least number of passes of the measurement of inference speed."""
DRAWN = 100
"""Examples that are drawn at once to measure the speed of sampling."""


def inference_speed(model: Model, device: torch.device) -> dict[str, Any]:
    """Measure how fast a model encodes and decodes: the median of some passes over one batch of random values."""
    if not isinstance(model, Autoencoder):
        return {"not_available": "no encoder"}
    model = model.to(device).eval()
    size = evaluation_batch(model.spec)
    x = torch.rand(size, *model.spec.shape, device=device)
    with torch.no_grad(), evaluating(model):
        for _ in range(2):  # what is made on first use is made now
            model.reconstruct(x)
        seconds = timed(lambda: model.reconstruct(x), device, PASSES)
    speed = size / statistics.median(seconds)
    return {"images_per_second": speed, "batch_size": size, "passes": len(seconds), "device": str(device)}


def sampling_speed(model: Model, device: torch.device) -> dict[str, Any]:
    """Measure how many examples a model draws in a second, with its own sampling options; None if it cannot."""
    if why_no_sampler(model, PRIOR):
        return {"samples_per_second": None}
    model = model.to(device).eval()
    with torch.no_grad(), evaluating(model), seeded(0):
        draw(model, None, 1, noise=False)  # what is made on first use is made now
        seconds = timed(lambda: draw(model, None, DRAWN, noise=False), device, 1)
    return {"samples_per_second": DRAWN / statistics.median(seconds)}


def timed(work: Callable[[], object], device: torch.device, passes: int) -> list[float]:
    """Return the seconds of repeated passes, which take at least SECONDS together."""
    seconds: list[float] = []
    while sum(seconds) < SECONDS or len(seconds) < passes:
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds
