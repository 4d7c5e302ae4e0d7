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


def faults_of(dataset: type) -> dict[str, str]:
    """Return what is found by each check that fails or warns."""
    findings = examine(Entry("dataset", "odd", dataset, "made for a test", HERE))
    return {finding.check: finding.found for finding in findings if finding.verdict in ("FAIL", "WARN")}


@pytest.mark.parametrize("fault", FAULTY_DATA)
def test_a_fault_of_a_dataset_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Odd, "fault", fault)
    said = faults_of(Odd)
    assert set(said) == ({fault} if fault else set())
    assert FAULTY_DATA[fault] in said.get(fault, "")


class OddTokens(Odd):
    """Tokens made from factors, with the fault that `fault` names."""

    factors = ("first", "length")
    factor_sizes = (3, 3)

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec((4,), "", size=6, kind="tokens", levels=3 if self.fault == "levels" else 4)

    def render(self, index: torch.Tensor) -> torch.Tensor:
        first, length = (part[:, None] for part in index.T)
        x = torch.where(torch.arange(4) <= length, first + 1, 0)
        return x.to(torch.int64 if self.fault == "type" else torch.int8)

    def load(self, store: Any) -> genzoo.Splits:
        factors = torch.cartesian_prod(torch.arange(3), torch.arange(3))
        x = self.render(factors)
        if self.fault == "padding":
            x[0] = torch.tensor([1, 0, 1, 0])
        made = factors.flip(1) if self.fault == "factors" else factors
        return genzoo.Splits(genzoo.Split(x[:6], None, made[:6]), None, genzoo.Split(x[6:], None, made[6:]))


FAULTY_TOKENS = {
    "": {},
    "levels": {"values": "train has tokens from 0 to 2; the vocabulary has 3"},
    "type": {"form": "train is torch.int64; tokens below 4 are stored as torch.int8"},
    "padding": {"values": "train has tokens after the padding", "factors": "render(factors) does not give"},
    "factors": {"factors": "train: render(factors) does not give the examples"},
}


@pytest.mark.parametrize("fault", FAULTY_TOKENS)
def test_a_fault_of_tokens_or_factors_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OddTokens, "fault", fault)
    said = faults_of(OddTokens)
    if fault == "levels":  # the tokens run to 2 in train and to 3 in test
        assert said["values"] == "test has tokens from 0 to 3; the vocabulary has 3"
        return
    assert set(said) == set(FAULTY_TOKENS[fault])
    for check, part in FAULTY_TOKENS[fault].items():
        assert part in said[check]
