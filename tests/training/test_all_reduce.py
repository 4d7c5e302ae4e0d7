"""The all-reduce of gradients, terms and the stop flag, with a made-up second process."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genzoo.core.errors import PluginError, UsageError
from genzoo.system.distributed import Processes
from genzoo.training.all_reduce import AllReduce, divisible_batch_size


class Two(Processes):
    """Two processes; `other` holds the messages of the second one, in order."""

    size = 2

    def __init__(self, *other: list[float]) -> None:
        self.other = [torch.tensor(message) for message in other]

    def all_reduce(self, x: Any) -> Any:
        return x.add_(self.other.pop(0))


def parameters(*gradients: float | None) -> list[nn.Parameter]:
    found = [nn.Parameter(torch.zeros(1)) for _ in gradients]
    for parameter, gradient in zip(found, gradients, strict=True):
        parameter.grad = None if gradient is None else torch.tensor([gradient])
    return found


def gradients(of: list[nn.Parameter]) -> list[float | None]:
    return [None if parameter.grad is None else parameter.grad.item() for parameter in of]


def test_gradients_and_terms_are_means_and_one_request_stops_all() -> None:
    """The second process has a gradient for the second parameter alone, and neither for the third."""
    own = parameters(1.0, None, None)
    reduce = AllReduce(Two([0, 1, 0], [0, 4, 10, 30, 1]), own)
    terms: dict[str, Tensor] = reduce({"loss": torch.tensor(20.0), "kl": torch.tensor(10.0)}, stop=False)
    assert gradients(own) == [0.5, 2.0, None]
    assert {name: term.item() for name, term in terms.items()} == {"loss": 15.0, "kl": 20.0}
    assert reduce.stopped


def test_a_gradient_that_is_not_finite_reaches_all_processes() -> None:
    own = parameters(1.0)
    reduce = AllReduce(Two([1], [float("nan"), 0, 0]), own)
    reduce({"loss": torch.tensor(0.0)}, stop=False)
    assert own[0].grad is not None
    assert own[0].grad.isnan()
    assert not reduce.stopped


def test_a_parameter_that_gets_its_first_gradient_later_is_refused() -> None:
    own = parameters(1.0, None)
    reduce = AllReduce(Two([1, 0], [0, 0, 0], [0, 0, 0]), own)
    reduce({"loss": torch.tensor(0.0)}, stop=False)
    own[1].grad = torch.ones(1)
    with pytest.raises(PluginError, match="no gradient in the first step and has one in a later step"):
        reduce({"loss": torch.tensor(0.0)}, stop=False)


@pytest.mark.parametrize(("size", "expected"), [(2, 2), (7, 6), (128, 128)])
def test_a_batch_is_divisible_by_the_processes(size: int, expected: int) -> None:
    assert divisible_batch_size(size, Two()) == expected


def test_fewer_examples_than_processes_are_refused() -> None:
    with pytest.raises(UsageError, match="2 processes cannot share 1 examples"):
        divisible_batch_size(1, Two())
