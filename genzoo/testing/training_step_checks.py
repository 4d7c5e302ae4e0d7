"""Checks of a training step: its values are finite, every parameter has a gradient, and the loss decreases."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genzoo.core.dataset import UNKNOWN, Batch
from genzoo.core.model import LatentModel
from genzoo.testing.check import require
from genzoo.testing.pair import EXAMPLES, Pair, backward, loss_of, phase_terms, train
from genzoo.training.objective import Objective

STEPS = 30
SETTINGS = 3
"""Number of random weights at which the gradient is compared with a finite difference of the loss."""
SIZES = (1e-1, 1e-2, 1e-3)
"""Step lengths of the finite difference: small enough to be linear and large compared with rounding."""
FAITHFUL = 0.03
"""Largest relative difference between the gradient and the finite difference."""


def check_loss(pair: Pair) -> None:
    """The loss is a finite scalar called "loss", or as its phase says, among scalars, in batches of 1, 7 and more, and
    in bfloat16."""
    objective = pair.build()
    for n, precision in ((1, "fp32"), (7, "fp32"), (EXAMPLES, "fp32"), (EXAMPLES, "bf16")):
        objective.precision = precision
        objective.train(n > 1)  # batch normalisation needs more than one example in training mode
        for number, phase in enumerate(objective.loss.phases):
            own = phase_terms(objective, pair.batch(n), number)
            require(phase.term in own, f'{pair}: the loss returns {sorted(own)} without "{phase.term}"')
            require(own[phase.term].requires_grad, f'{pair}: "{phase.term}" has no gradient')
        terms = loss_of(objective, pair.batch(n))
        for name, term in terms.items():
            where = f"{pair}: {name!r} of a batch of {n} in {precision}"
            require(term.dim() == 0, f"{where} has shape {tuple(term.shape)}; it must be a scalar")
            require(bool(term.isfinite()), f"{where} is {term.item()}")
        objective.zero_grad()
        backward(objective, pair.batch(n))
        for name, parameter in objective.named_parameters():
            finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
            require(finite, f"{pair}: the gradient of {name} is not finite, batch of {n} in {precision}")


def check_edges(pair: Pair) -> None:
    """The loss and its gradient are finite for examples of zeros, of ones, and of unknown class (−1)."""
    batch = pair.batch(2)
    cases = {f"if all of x is {value:g}": batch._replace(x=torch.full_like(batch.x, value)) for value in (0.0, 1.0)}
    if batch.y is not None:
        cases["if no class is known, y = −1"] = batch._replace(y=torch.full_like(batch.y, UNKNOWN))
        cases["if one class is known"] = batch._replace(
            y=torch.cat([batch.y[:1], torch.full_like(batch.y[1:], UNKNOWN)])
        )
    for case, given in cases.items():
        objective = pair.build()
        terms = loss_of(objective, given)
        for name, term in terms.items():
            require(bool(term.isfinite()), f"{pair}: {name!r} is {term.item()} {case}")
        backward(objective, given)
        for name, parameter in objective.named_parameters():
            finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
            require(finite, f"{pair}: the gradient of {name} is not finite {case}")


def check_gradients(pair: Pair) -> None:
    """Every parameter of model and loss has a gradient, at the latest after two steps: some weights start at 0, and
    others, such as those of q(y|x), may be trained by examples of unknown class alone."""
    objective = pair.build()
    train(objective, pair.batch(EXAMPLES), 2)
    none = [name for name, parameter in objective.named_parameters() if parameter.requires_grad]
    for size in (EXAMPLES, EXAMPLES - 1):  # the signs of the errors of a Laplace p(x|z) may add up to 0
        batch = pair.batch(size)
        objective.zero_grad()
        backward(objective, batch, step=10_000)
        if batch.y is not None:
            backward(objective, batch._replace(y=torch.full_like(batch.y, UNKNOWN)), step=10_000)
        none = [name for name in none if not _moves(objective.get_parameter(name))]
        if not none:
            break
    for name in none:
        parameter = objective.get_parameter(name)
        require(parameter.grad is not None, f"{pair}: no gradient reaches {name}")
        # A critic's differences do not depend on its last bias.
        of_a_game = name.startswith("loss.") and parameter.dim() < 2 and is_game(pair)
        require(of_a_game, f"{pair}: the gradient of {name} is 0")
    _reparameterised(pair, objective)


def _moves(parameter: nn.Parameter) -> bool:
    """Return whether a parameter has a gradient other than 0."""
    return parameter.grad is not None and bool(parameter.grad.any())


def _reparameterised(pair: Pair, objective: Objective) -> None:
    """Require that samples of a posterior density are differentiable in its parameters."""
    model = objective.model
    if not isinstance(model, LatentModel):
        return
    q, _, z, _ = model.infer(pair.batch(EXAMPLES))
    if q.measure == "density" and q.centre.requires_grad:
        require(z.requires_grad, f"{pair}: the z of infer(batch) have no gradient to the posterior's centre")


def check_learns(pair: Pair) -> str | None:
    """30 steps of Adam on one batch reduce the loss, and the reconstruction error if there is one. This is not required
    of a game, whose gradients are not those of the sum."""
    if (change := _rising(pair, new_noise=True)) is None:
        return None
    if is_game(pair):
        return f"a game: the gradient is not that of the loss, which {STEPS} steps change {change.partition(' ')[2]}"
    # A loss that begins near its least value may rise with other noise, but not with the noise it is trained with.
    if (change := _rising(pair, new_noise=False)) is not None:
        raise AssertionError(f"{pair}: {STEPS} steps of Adam change the {change}")
    return None


def _rising(pair: Pair, new_noise: bool) -> str | None:
    """Return which term does not fall in a training, such as "loss from 1 to 2"; None if all do as they must."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    before = loss_of(objective, batch, STEPS)
    train(objective, batch, STEPS, new_noise)
    after = loss_of(objective, batch, STEPS)
    for name in sorted({"loss", "reconstruction"} & before.keys()):
        if bool(after[name] < before[name]) or (name != "loss" and bool(after[name] == before[name])):
            continue  # a reconstruction that depends on no weight, as of a bijection, need not decrease
        return f"{name} from {before[name].item():.6g} to {after[name].item():.6g}"
    return None


def is_game(pair: Pair) -> bool:
    """Return whether the gradient is not that of the loss, as in an adversarial loss or with stopped gradients."""
    return len(pair.build().loss.phases) > 1 or any(
        abs(abs(gradient_ratio(pair.perturbed(seed), pair)) - 1) > FAITHFUL for seed in range(SETTINGS)
    )


def gradient_ratio(objective: Objective, pair: Pair) -> float:
    """Return the loss's finite difference along its gradient over the gradient's length: 1, or -1 for a wrong sign."""
    batch = pair.batch(EXAMPLES)
    loss_of(objective, batch)["loss"].backward()
    moved = [(parameter, parameter.grad.clone()) for parameter in objective.parameters() if parameter.grad is not None]
    length = torch.stack([gradient.double().square().sum() for _, gradient in moved]).sum().sqrt().item()
    shares = [_slope(objective, batch, moved, size / length) / length**2 for size in SIZES if length]
    return min(shares, key=lambda share: abs(abs(share) - 1), default=0.0)


def _slope(objective: Objective, batch: Batch, moved: list[tuple[nn.Parameter, Tensor]], size: float) -> float:
    """Return the derivative of the loss along a direction, by a central difference."""
    losses = []
    with torch.no_grad():
        for step in (size, -2 * size):
            for parameter, gradient in moved:
                parameter.add_(gradient, alpha=step)
            losses.append(loss_of(objective, batch)["loss"].item())
        for parameter, gradient in moved:
            parameter.add_(gradient, alpha=size)
    return (losses[0] - losses[1]) / (2 * size)
