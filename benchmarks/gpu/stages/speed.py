"""Measure training speed by batch size, mode and precision, with memory and the share of time in kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from bench import Bench
from subjects import Case
from training import timed

MODELS = ("vae", "conv-vae")
STEPS = {128: 200, 1024: 100, 4096: 50}
"""Steps per epoch, by batch size."""
TINY = {4: 2}
COMPILING = 30.0
"""Seconds that must be left for a row that compiles."""


def run(bench: Bench) -> None:
    """Measure all captured and eager steps first; compiled steps get the time that is left."""
    steps = TINY if bench.tiny else STEPS
    modes = ("graph", "eager") if bench.tiny else ("graph", "eager", "compile")
    for mode, batch, precision, model in itertools.product(modes, steps, ("fp32", "bf16"), MODELS):
        case = Case(model, batch, mode, precision, bench.device.type)
        needs = COMPILING if mode == "compile" else 3.0
        bench.row(f"{model} {batch} {mode} {precision}", of_case(bench, case, steps[batch]), needs)


def of_case(bench: Bench, case: Case, steps: int) -> Callable[[], dict[str, Any]]:
    """Return the work of one row."""
    named = {"model": case.model, "batch": case.batch_size, "mode": case.mode, "precision": case.precision}
    return lambda: named | timed(bench, case, steps, profiled=True)
