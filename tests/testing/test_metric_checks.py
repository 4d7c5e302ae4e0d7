"""The metric checks find the faults of a metric."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

import genzoo
from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing import examine
from genzoo.testing.metric_checks import EXAMPLES


class Share(genzoo.Metric):
    """A metric with the fault that `fault` names."""

    label = "share"
    fault = ""

    def per_example(self, examined: Any) -> Tensor:
        x = examined.batch.x.flatten(1)
        noise, whole = (1e4 * x.mean(1)).sin(), len(x) == EXAMPLES  # of mean 0, with a standard error of about 0.04
        found: Tensor = {
            "of the batch": x.mean().expand(len(x)) * len(x),
            "amplified rounding": noise + 2e-4 * whole,
            "too much of it": noise + 2e-3 * whole,
            "division": x.mean(1) / 0,
        }.get(self.fault, x.mean(1))
        return found


@pytest.mark.parametrize(
    ("fault", "check", "said"),
    [
        ("", "", ""),
        ("of the batch", "stable", "in batches of 7"),
        ("amplified rounding", "", ""),
        ("too much of it", "stable", "in batches of 7"),
        ("division", "value", "it is inf"),
    ],
)
def test_a_fault_of_a_metric_is_found(fault: str, check: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Share, "fault", fault)
    entry = Entry("metric", "share", Share, "made for a test", HERE)
    registry().replace(entry)
    bad = {finding.check: finding.found for finding in examine(entry) if finding.verdict in ("FAIL", "WARN")}
    assert set(bad) <= {check}
    assert said in bad.get(check, "")
