"""Adam against torch.optim's fused kernels, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.optimization.adam import Adam, AdamW
from torch import Tensor, nn

from genzoo.training.step import TINY_STEPS

KINDS = [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)]
SHAPES = [(7, 5), (7,), (), (3, 2, 4)]


def twins(shapes: list[tuple[int, ...]] = SHAPES) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    generator = torch.Generator().manual_seed(1)
    values = [torch.randn(shape, generator=generator) for shape in shapes]
    return [nn.Parameter(value.clone()) for value in values], [nn.Parameter(value.clone()) for value in values]


def gradients(ours: list[nn.Parameter], theirs: list[nn.Parameter], step: int, missing: int = -1) -> None:
    """The same gradients for both, larger and smaller by turns; one parameter may get none."""
    generator = torch.Generator().manual_seed(100 + step)
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        gradient = torch.randn(one.shape, generator=generator) * 10.0 ** (step % 7 - 4)
        one.grad, other.grad = (None, None) if i == missing else (gradient.clone(), gradient.clone())


def equal(ours: list[nn.Parameter], theirs: list[nn.Parameter]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("ours_of", "reference"), KINDS, ids=["adam", "adamw"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("as_tensor", [False, True], ids=["number", "tensor"])
def test_it_is_torchs_bit_for_bit(ours_of: type[Adam], reference: Any, decay: float, as_tensor: bool) -> None:
    """A rate that changes; one parameter without a gradient now and then, and so with a count of its own."""
    ours, theirs = twins()
    one = ours_of(ours, 0.0, decay)
    other = reference(theirs, lr=0.0, weight_decay=decay, fused=True)
    for step in range(60):
        gradients(ours, theirs, step, missing=2 if step % 3 == 0 else -1)
        rate = 0.01 / (step + 1)
        one.lr = torch.tensor(rate, dtype=torch.float64) if as_tensor else rate
        other.param_groups[0]["lr"] = rate
        one.step()
        other.step()
        assert equal(ours, theirs), step
    for i, parameter in enumerate(theirs):
        for kind in ("exp_avg", "exp_avg_sq", "step"):
            assert torch.equal(one.tensors()[f"{i}.{kind}"], other.state[parameter][kind])


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_a_step_that_is_not_finite_changes_nothing(kind: type[Adam]) -> None:
    """With the flag set, however poisonous the gradients; and afterwards it goes on as if that step had not been."""
    ours, plain = twins()
    one, other = kind(ours, 0.01, 0.1), kind(plain, 0.01, 0.1)
    flag = torch.zeros(())
    for step in range(10):
        if step == 4:
            for parameter in ours:
                parameter.grad = torch.full_like(parameter, torch.nan)
            one.step(flag.fill_(1.0))
            flag.zero_()
        gradients(ours, plain, step, missing=1 if step == 6 else -1)
        one.step(flag)
        other.step()
    assert equal(ours, plain)
    assert all(torch.equal(value, other.tensors()[name]) for name, value in one.tensors().items())


def test_a_run_that_is_continued_is_the_run() -> None:
    """Through `tensors` and `load`, by name, between two optimisers that share nothing."""
    names = ["a.weight", "a.bias", "scale", "b.weight"]
    ours, theirs = twins()
    whole = Adam(zip(names, theirs, strict=True), 0.01)
    first = Adam(zip(names, ours, strict=True), 0.01)
    for step in range(20):
        gradients(ours, theirs, step)
        if step == 10:
            saved = {name: tensor.clone() for name, tensor in reversed(first.tensors().items())}
            assert set(saved) == {f"{name}.{kind}" for name in names for kind in ("exp_avg", "exp_avg_sq", "step")}
            first = Adam(zip(names, ours, strict=True), 0.01)
            first.load(saved)
        first.step()
        whole.step()
    assert equal(ours, theirs)


def test_a_state_that_does_not_fit_is_refused_and_nothing_is_loaded() -> None:
    (ours, _), (others, _) = twins(), twins([(7, 5), (7,), (), (3, 2, 5)])
    optimizer = Adam(ours, 0.01)
    with pytest.raises(ValueError, match=r"3.exp_avg is torch.float32 \(3, 2, 5\), not torch.float32 \(3, 2, 4\)"):
        optimizer.load({name: torch.ones_like(value) for name, value in Adam(others, 0.01).tensors().items()})
    with pytest.raises(ValueError, match=r"differs in 3\.step"):
        optimizer.load({name: value for name, value in optimizer.tensors().items() if name != "3.step"})
    assert not any(value.any() for value in optimizer.tensors().values())


def test_parameters_of_two_types_and_none_at_all() -> None:
    ours, theirs = twins()
    for half in (ours, theirs):
        half[1].data = half[1].data.double()
    one, other = Adam(ours, 0.01), torch.optim.Adam(theirs, lr=0.01, fused=True)
    for _ in range(3):
        for parameter in (*ours, *theirs):
            parameter.grad = torch.full_like(parameter, 0.3)
        one.step()
        other.step()
    assert equal(ours, theirs)
    Adam([], 0.01).step()


def denormal(tensors: list[Tensor]) -> int:
    tiny = torch.finfo(torch.float32).tiny
    return sum(int(((tensor != 0) & (tensor.abs() < tiny)).sum()) for tensor in tensors)


def test_moments_never_become_denormal_and_the_weights_are_torchs_all_the_same() -> None:
    """Weights that get a gradient now and then, once, and never, as those of pixels at the border do."""
    ours, theirs = twins([(3, 4)])
    one, other = Adam(ours, 1e-3), torch.optim.Adam(theirs, lr=1e-3, fused=True)
    for step in range(4000):
        if step % TINY_STEPS == 0:
            one.drop_tiny()
        for parameter in (ours[0], theirs[0]):
            parameter.grad = torch.zeros(3, 4)
            parameter.grad[0] = 1e-6 * (step % 1300 == 0)
            parameter.grad[1] = 1e-2 * (step == 0)
        one.step()
        other.step()
        assert equal(ours, theirs), step
        assert denormal([*one.exp_avg, *one.exp_avg_sq]) == 0
    assert denormal([other.state[theirs[0]]["exp_avg"]]) > 0, "without the clean-up there are some"
