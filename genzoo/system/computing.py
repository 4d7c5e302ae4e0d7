"""Numeric settings: the library for matrix products, TF32, and memory kept between steps."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import time
from collections.abc import Iterator
from functools import cache

import torch
from torch import nn

from genzoo.core.errors import GenzooError, UsageError
from genzoo.system.atomic import to_bytes, user_cache, write_atomically
from genzoo.system.isolation import ProcessWide
from genzoo.system.memory import keep_memory
from genzoo.system.messages import warn
from genzoo.system.reading import parse_json, read_text

BLAS, ONEDNN = "blas", "onednn"
PRECISION = {BLAS: "highest", ONEDNN: "medium"}
"""Torch's name for each. Without bfloat16 tiles, "medium" on a CPU is oneDNN's float32 product, as exact as BLAS's."""
VARIABLE = "GENZOO_MATMUL"
PRODUCT = 128, 784, 400
"""Rows, inner size and columns of the product in the speed test: a hidden layer at batch 128."""
WORTH_IT = 1.15
"""The speedup over BLAS from which oneDNN replaces it."""
EXACT = 1e-5
"""Relative error between that of float32 (4e-7) and that of bfloat16 (2e-3)."""
ROUNDS = 8
TOO_SLOW = 1.0
"""Seconds after which the test is given up."""
CHOICES = "matmul.json"

matmul_precision = ProcessWide(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)


@contextlib.contextmanager
def computing(device: torch.device, tf32: bool = False) -> Iterator[None]:
    """Use the numeric settings for a device; restore those of the caller afterwards.

    On a CPU, matrix products use the faster library, see `matmul`. The C library keeps freed memory for the next step.

    Args:
        device: Where the tensors are.
        tf32: Whether a GPU may multiply float32 matrices in TF32, as in training. Evaluation uses full precision.
    """
    keep_memory()
    precision = PRECISION[matmul()] if device.type == "cpu" else "high" if tf32 else "highest"
    with matmul_precision.set_to(precision):
        yield


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Use evaluation mode and the numeric settings of the module's device; restore both afterwards."""
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    mode = module.training
    module.eval()
    try:
        with computing(torch.device("cpu") if first is None else first.device):
            yield
    finally:
        module.train(mode)


@cache
def matmul() -> str:
    """Return which library multiplies float32 matrices on this CPU: "blas", torch's default, or "onednn".

    MKL uses only half the speed of some processors; oneDNN, which is also part of torch, does not. The faster one is
    measured once for a processor, a torch version and a number of threads. The choice is saved in the user's cache
    folder, so that runs on one machine agree to the last bit. `$GENZOO_MATMUL` overrides it.

    Raises:
        UsageError: `$GENZOO_MATMUL` names neither library, or names oneDNN where it would compute in bfloat16.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked not in ("", *PRECISION):
        raise UsageError(f"{VARIABLE}={asked}: no such library", f"use {BLAS} or {ONEDNN}, or unset it")
    if asked == ONEDNN and not onednn_is_exact():
        raise UsageError(f"{VARIABLE}={asked} would compute in bfloat16 on this processor", f"unset {VARIABLE}")
    return asked or remembered() or measured()


def measured() -> str:
    """Measure which library is faster, which takes some 20 ms, and save the choice."""
    try:
        chosen = ONEDNN if onednn_is_exact() and speedup() >= WORTH_IT else BLAS
    except Exception as error:  # in any case torch's default works
        warn(f"the choice of a matrix product failed ({error})", f"{BLAS} is used; to skip the test: {VARIABLE}={BLAS}")
        return BLAS
    remember(chosen)
    return chosen


def onednn_is_exact() -> bool:
    """Return whether oneDNN is available and multiplies in float32 at precision "medium"."""
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    if not torch.backends.mkldnn.is_available() or tiles():
        return False
    left, right = product()
    with matmul_precision.set_to(PRECISION[ONEDNN]):
        found = left @ right
    exact = left.double() @ right.double()
    return bool((found - exact).norm() <= EXACT * exact.norm())


def speedup() -> float:
    """Return the speedup of oneDNN over BLAS: the ratio of their best times in several alternating rounds.

    Raises:
        TimeoutError: The test takes too long.
    """
    left, right = product()
    best = dict.fromkeys(PRECISION, float("inf"))
    began = time.perf_counter()
    for _ in range(ROUNDS):
        for name, precision in PRECISION.items():
            with matmul_precision.set_to(precision):
                start = time.perf_counter()
                left @ right
                best[name] = min(best[name], time.perf_counter() - start)
        if time.perf_counter() - began > TOO_SLOW:
            raise TimeoutError(f"more than {TOO_SLOW:g} s")
    return best[BLAS] / best[ONEDNN]


def product() -> tuple[torch.Tensor, torch.Tensor]:
    """Return two random matrices to multiply, always the same."""
    rows, inner, columns = PRODUCT
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, inner, generator=generator), torch.randn(inner, columns, generator=generator)


def remembered() -> str:
    """Return the saved choice for this machine; "" if there is none."""
    known = _all_remembered().get(machine(), "")
    return known if known in PRECISION else ""


def remember(chosen: str) -> None:
    """Save a choice in the user's cache folder, if it can be written."""
    if (folder := user_cache()) is None:
        return
    content = to_bytes(json.dumps({**_all_remembered(), machine(): chosen}, indent=2) + "\n")
    with contextlib.suppress(OSError, GenzooError):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / CHOICES, content)


def _all_remembered() -> dict[str, str]:
    folder = user_cache()
    with contextlib.suppress(OSError, ValueError, RecursionError):
        known = parse_json(read_text(folder / CHOICES)) if folder else {}
        if isinstance(known, dict):
            return {key: value for key, value in known.items() if isinstance(value, str)}
    return {}


def machine() -> str:
    """Return the description of a machine for which a choice is valid."""
    return f"{processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def processor() -> str:
    """Return the model name of the CPU; "" if it is not known."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    return platform.processor()
