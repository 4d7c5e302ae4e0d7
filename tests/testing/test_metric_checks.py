"""The metric checks find the faults of a metric."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

import genzoo
from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing import examine


class Share(genzoo.Metric):
    """A metric with the fault that `fault` names."""

    label = "share"
    fault = ""

    def per_example(self, examined: Any) -> Tensor:
        x = examined.batch.x.flatten(1)
        return {"stable": x.mean().expand(len(x)) * len(x), "value": x.mean(1) / 0}.get(self.fault, x.mean(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("fault", "said"), [("", ""), ("stable", "in batches of 7"), ("value", "it is inf")])
def test_a_fault_of_a_metric_is_found(fault: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Share, "fault", fault)
    entry = Entry("metric", "share", Share, "made for a test", HERE)
    registry().replace(entry)
    bad = {finding.check: finding.found for finding in examine(entry) if finding.verdict in ("FAIL", "WARN")}
    assert set(bad) <= {fault}
    assert said in bad.get(fault, "")
