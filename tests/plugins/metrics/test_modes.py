"""The digits among samples; their number and shares are held against theory by `genzoo prove modes`."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.metrics.theory import Given
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry

NOISE = torch.randint(256, (40, 1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [(None, "the data have no labels"), (torch.arange(40) % 10, "of the data as labelled")],
)
def test_only_labelled_digits_have_modes(labels: Tensor | None, reason: str) -> None:
    data = Resident(Split(NOISE, labels), torch.device("cpu"))
    found = evaluate(Given(NOISE / 255), data, find_metrics(registry(), ["modes"]))
    assert found["modes"] is None
    assert reason in found["not_available"]["modes"]
