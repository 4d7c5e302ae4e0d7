"""The dataset checks find the faults of a dataset."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import genzoo
from genzoo.registry.current import HERE, Entry
from genzoo.testing import examine


class Odd:
    """A dataset with the fault that `fault` names."""

    fault = ""

    @genzoo.config
    class Config:
        pass

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec((2,), "bernoulli", classes=3, size=51 if self.fault == "form" else 50)

    def load(self, store: Any) -> genzoo.Splits:
        generator = torch.Generator().manual_seed(0) if self.fault != "again" else None
        x = torch.rand(80, 2, generator=generator) * (3 if self.fault == "values" else 1)
        y = torch.arange(80) % (4 if self.fault == "labels" else 3)
        test = slice(40, 80) if self.fault == "apart" else slice(50, 80)
        return genzoo.Splits(genzoo.Split(x[:50], y[:50]), None, genzoo.Split(x[test], y[test]))


FAULTY_DATA = {
    "": "",
    "form": "spec says 51 training examples; there are 50",
    "values": "and bernoulli is for [0, 1]",
    "labels": "labels outside 0 … 2",
    "again": "differs when it is loaded again",
    "apart": "10 of 40 examples of test are also in train",
}


@pytest.mark.parametrize("fault", FAULTY_DATA)
def test_a_fault_of_a_dataset_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Odd, "fault", fault)
    said = {
        finding.check: finding.found
        for finding in examine(Entry("dataset", "odd", Odd, "made for a test", HERE))
        if finding.verdict in ("FAIL", "WARN")
    }
    assert set(said) == ({fault} if fault else set())
    assert FAULTY_DATA[fault] in said.get(fault, "")
