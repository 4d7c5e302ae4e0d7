"""Splits: the fixed permutation, samples, held-out examples and labels that are refused."""

from __future__ import annotations

import hashlib

import pytest
import torch

from genzoo.core.dataset import Split, Splits
from genzoo.core.errors import UsageError
from genzoo.data.splits import fixed_permutation, hold_out, refuse_odd_labels, sample_of, take

TEN = Split(torch.arange(10)[:, None].float(), torch.arange(10))


def test_the_permutation_never_changes() -> None:
    order = fixed_permutation(60_000)
    assert torch.equal(order.sort().values, torch.arange(60_000))
    first = hashlib.sha256(order[:5000].numpy().astype("<i8").tobytes()).hexdigest()
    assert first == "59d3b777dd55fb5623275d86a2c4630d8a8c8010696e07d87af798ac3005445d"


def test_examples_and_labels_are_taken_in_order() -> None:
    x, y, _ = take(TEN, torch.tensor([7, 0, 3]))
    assert y is not None
    assert (x[:].flatten().tolist(), y.tolist()) == ([7, 0, 3], [7, 0, 3])
    assert take(Split(TEN.x), torch.tensor([2])).y is None


def test_a_sample_is_the_start_of_the_permutation_in_the_original_order() -> None:
    assert sample_of(TEN, 10) is TEN
    expected = sorted(fixed_permutation(10)[:4].tolist())
    assert sample_of(TEN, 4).x[:].flatten().tolist() == expected


def test_held_out_examples_and_the_rest_are_the_whole() -> None:
    assert hold_out(TEN, 0) == (TEN, None)
    rest, held = hold_out(TEN, 3)
    assert held is not None
    assert held.x[:].flatten().tolist() == sorted(fixed_permutation(10)[:3].tolist())
    assert sorted([*rest.x[:].flatten().tolist(), *held.x[:].flatten().tolist()]) == list(range(10))
    with pytest.raises(UsageError, match="validation 10 leaves nothing to train on: there are 10"):
        hold_out(TEN, 10)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_labels_outside_the_classes_are_refused(wrong: int) -> None:
    good, bad = Split(TEN.x, torch.tensor([0, 2])), Split(TEN.x, torch.tensor([1, wrong]))
    refuse_odd_labels(Splits(good, None, good), 3, "mine")
    refuse_odd_labels(Splits(bad, None, bad), 0, "mine")  # data without classes
    with pytest.raises(UsageError, match=f"dataset mine has the label {wrong}, but its spec has 3 classes, 0 to 2"):
        refuse_odd_labels(Splits(good, None, bad), 3, "mine")
