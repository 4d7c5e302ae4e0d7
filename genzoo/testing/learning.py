"""Checks of a training step: that its numbers are finite, its gradient whole, and that it makes the loss smaller."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.model import LatentModel
from genzoo.testing.check import require
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, train
from genzoo.training.objective import Objective

STEPS = 30
SETTINGS = 3
"""Random weights at which a gradient is held against the loss."""
SIZES = (1e-1, 1e-2, 1e-3)
"""Lengths of a step that is small enough to be straight and large enough to be told from rounding."""
FAITHFUL = 0.03


def check_loss(pair: Pair) -> None:
    """The loss is a finite scalar called "loss" among scalars, in batches of 1, 7 and more, and in bfloat16."""
    objective = pair.build()
    for n, precision in ((1, "fp32"), (7, "fp32"), (EXAMPLES, "fp32"), (EXAMPLES, "bf16")):
        objective.precision = precision
        objective.train(n > 1)  # batch normalisation has no variance of one example
        terms = loss_of(objective, pair.batch(n))
        require("loss" in terms, f'{pair}: the loss returns {sorted(terms)}, and no "loss"')
        for name, term in terms.items():
            where = f"{pair}: {name!r} of a batch of {n} in {precision}"
            require(term.dim() == 0, f"{where} has shape {tuple(term.shape)}; it must be a scalar")
            require(bool(term.isfinite()), f"{where} is {term.item()}")
        require(terms["loss"].requires_grad, f'{pair}: "loss" carries no gradient')
        objective.zero_grad()
        terms["loss"].backward()
        for name, parameter in objective.named_parameters():
            finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
            require(finite, f"{pair}: the gradient of {name} is not finite, batch of {n} in {precision}")


def check_edges(pair: Pair) -> None:
    """The loss and its gradient are finite for an example of zeros and for one of ones."""
    for value in (0.0, 1.0):
        objective = pair.build()
        batch = pair.batch(2)
        terms = loss_of(objective, batch._replace(x=torch.full_like(batch.x, value)))
        for name, term in terms.items():
            require(bool(term.isfinite()), f"{pair}: {name!r} is {term.item()} where x is {value:g} throughout")
        terms["loss"].backward()
        for name, parameter in objective.named_parameters():
            finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
            require(finite, f"{pair}: the gradient of {name} is not finite where x is {value:g} throughout")


def check_gradients(pair: Pair) -> None:
    """A gradient reaches every parameter of model and loss, from the third step on: some weights begin as 0."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    train(objective, batch, 2)
    objective.zero_grad()
    loss_of(objective, batch, step=10_000)["loss"].backward()
    none = [
        name for name, parameter in objective.named_parameters() if parameter.requires_grad and not _moves(parameter)
    ]
    for name in none:
        parameter = objective.get_parameter(name)
        require(parameter.grad is not None, f"{pair}: no gradient reaches {name}")
        # A critic's differences do not change with its last bias.
        of_a_game = name.startswith("loss.") and parameter.dim() < 2 and is_game(pair)
        require(of_a_game, f"{pair}: the gradient of {name} is 0")
    _reparameterised(pair, objective)


def _moves(parameter: nn.Parameter) -> bool:
    return parameter.grad is not None and bool(parameter.grad.any())


def _reparameterised(pair: Pair, objective: Objective) -> None:
    """Where the posterior is a density, its samples carry its gradient to what they are decoded to."""
    model = objective.model
    if not isinstance(model, LatentModel):
        return
    q, _, z, _ = model.infer(pair.batch(EXAMPLES))
    if q.measure == "density" and q.mean.requires_grad:
        require(z.requires_grad, f"{pair}: the z of infer(batch) carry no gradient to the posterior's mean")


def check_learns(pair: Pair) -> str | None:
    """30 steps of Adam on one batch reduce the loss, and the reconstruction error if there is one; but for a game,
    whose players' gradients are not that of the sum."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    before = loss_of(objective, batch, STEPS)
    train(objective, batch, STEPS)
    after = loss_of(objective, batch, STEPS)
    for name in sorted({"loss", "reconstruction"} & before.keys()):
        values = f"from {before[name].item():.6g} to {after[name].item():.6g}"
        if bool(after[name] < before[name]) or (name != "loss" and bool(after[name] == before[name])):
            continue  # a reconstruction that no weight changes, as that of a bijection, need not fall
        if is_game(pair):
            return f"a game: the gradient is not that of the loss, which {STEPS} steps take {values}"
        raise AssertionError(f"{pair}: {STEPS} steps of Adam take the {name} {values}")
    return None


def is_game(pair: Pair) -> bool:
    """Whether the gradient is not that of the loss, as where two nets play against each other in one scalar, or where
    some gradients are stopped."""
    return any(abs(abs(along(pair.stirred(seed), pair)) - 1) > FAITHFUL for seed in range(SETTINGS))


def along(objective: Objective, pair: Pair) -> float:
    """By how much the loss changes along its gradient, as a share of what it must by that gradient's length: 1, or -1
    where the sign is wrong."""
    batch = pair.batch(EXAMPLES)
    loss_of(objective, batch)["loss"].backward()
    moved = [(parameter, parameter.grad.clone()) for parameter in objective.parameters() if parameter.grad is not None]
    length = torch.stack([gradient.double().square().sum() for _, gradient in moved]).sum().sqrt().item()
    shares = [_slope(objective, batch, moved, size / length) / length**2 for size in SIZES if length]
    return min(shares, key=lambda share: abs(abs(share) - 1), default=0.0)


def _slope(objective: Objective, batch: Batch, moved: list[tuple[nn.Parameter, Tensor]], size: float) -> float:
    """The derivative of the loss along a direction, by its difference between two points."""
    losses = []
    with torch.no_grad():
        for step in (size, -2 * size):
            for parameter, gradient in moved:
                parameter.add_(gradient, alpha=step)
            losses.append(loss_of(objective, batch)["loss"].item())
        for parameter, gradient in moved:
            parameter.add_(gradient, alpha=size)
    return (losses[0] - losses[1]) / (2 * size)
