"""Splits: the fixed permutation, samples, held-out examples and labels that are refused."""

from __future__ import annotations

import hashlib

import pytest
import torch

from genzoo.core.dataset import Split, Splits
from genzoo.core.errors import UsageError
from genzoo.data.splits import fixed_permutation, hold_out, refuse_odd_labels, sample_of, take, with_labels_of

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


@pytest.mark.parametrize("wrong", [-2, 3])
def test_labels_outside_the_classes_are_refused(wrong: int) -> None:
    good, bad = Split(TEN.x, torch.tensor([0, 2])), Split(TEN.x, torch.tensor([1, wrong]))
    refuse_odd_labels(Splits(good, None, good), 3, "mine")
    refuse_odd_labels(Splits(bad, None, bad), 0, "mine")  # data without classes
    with pytest.raises(UsageError, match=f"dataset mine has the label {wrong}, but its spec has 3 classes, 0 to 2"):
        refuse_odd_labels(Splits(good, None, bad), 3, "mine")


def test_the_labels_that_are_kept_are_balanced_and_depend_on_the_seed() -> None:
    y = torch.arange(300) % 3
    split = Split(torch.zeros(300, 1), y)
    kept = [with_labels_of(split, 20, 3, seed).y for seed in (0, 0, 1)]
    for labels in kept:
        assert labels is not None
        assert torch.equal(labels[labels >= 0], y[labels >= 0])
        assert [(labels == number).sum().item() for number in (-1, 0, 1, 2)] == [280, 7, 7, 6]
    assert torch.equal(kept[0], kept[1])  # type: ignore[arg-type]
    assert not torch.equal(kept[0], kept[2])  # type: ignore[arg-type]
    assert with_labels_of(split, None, 3) is split


def test_more_labels_than_examples_are_refused() -> None:
    with pytest.raises(UsageError, match="takes 11 labels of each class; class 0 has 10 examples") as caught:
        with_labels_of(Split(torch.zeros(30, 1), torch.arange(30) % 3), 33, 3)
    assert caught.value.hint == "at most --data.labelled 30"


def test_an_unknown_label_is_accepted_and_others_below_0_are_not() -> None:
    good, bad = (Splits(Split(TEN.x, TEN.y - shift), None, TEN) for shift in (1, 2))
    refuse_odd_labels(good, 10, "mine")
    with pytest.raises(UsageError, match="label -2"):
        refuse_odd_labels(bad, 10, "mine")


def test_factors_stay_with_their_examples() -> None:
    taken = take(TEN._replace(factors=torch.arange(20).view(10, 2)), torch.tensor([3, 1]))
    assert taken.factors is not None
    assert taken.factors.tolist() == [[6, 7], [2, 3]]
