"""Models without values: their shapes are those of real ones, and torch's compiler is not imported for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genzoo.runs.shapes import on_meta

OPERATIONS: dict[str, Callable[[], Tensor]] = {
    "scaled": lambda: 0.02 * torch.ones(3, 4),
    "of two types": lambda: torch.arange(4) * 0.5,
    "broadcast": lambda: torch.ones(3, 1) - torch.ones(4),
    "of numbers in front": lambda: 1 - torch.ones(3),
    "whole numbers": lambda: torch.arange(4) * 3 // 2 % 2,
    "divided whole numbers": lambda: torch.arange(4) / 2,
    "compared": lambda: torch.arange(4)[:, None] > torch.arange(4),
    "in place": lambda: torch.ones(3).mul_(2).add_(1).normal_(),
    "doubles": lambda: torch.ones(3, dtype=torch.float64) * torch.ones(2, 1),
    "alone": lambda: torch.linspace(0, 1, 5).exp().log().sqrt().clamp(0, 1),
    "of a matrix": lambda: torch.ones(3, 3).tril(-1).sign(),
    "normalised": lambda: F.normalize(torch.ones(2, 3), dim=1),
    "a layer": lambda: F.silu(nn.Linear(3, 5)(torch.ones(2, 7, 3))),
    "a softmax": lambda: torch.ones(2, 3).log_softmax(-1),
    "an embedding": lambda: nn.Embedding(3, 2).weight,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_shapes_and_types_are_those_of_real_tensors(operation: str) -> None:
    real = OPERATIONS[operation]()
    with on_meta():
        found = OPERATIONS[operation]()
    assert (found.shape, found.dtype, found.is_meta) == (real.shape, real.dtype, True)


def test_what_does_not_fit_is_refused_by_torch() -> None:
    with on_meta(), pytest.raises(RuntimeError):
        nn.Linear(3, 5)(torch.ones(2, 4))
    with on_meta(), pytest.raises(RuntimeError):
        torch.ones(2) + torch.ones(3)


EVERY = """
import sys
from genzoo.core.errors import GenzooError
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import meta_model

for entry in registry().matching("model"):
    built = 0
    for dataset in registry().matching("dataset"):
        try:
            spec = dataset.load()(default_config(dataset, dataset.options)).spec
            meta_model(entry.load(), spec, default_config(entry, entry.options))
            built += 1
        except (GenzooError, RuntimeError, NotImplementedError):
            pass
    print(entry.name, built, "torch._dynamo" in sys.modules)
"""


@pytest.mark.long
def test_no_model_imports_the_compiler_when_it_is_built_without_values() -> None:
    result = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert len(lines) > 60
    assert [name for name, _, imported in lines if imported == "True"] == []
    assert sum(int(built) > 0 for _, built, _ in lines) > 60
