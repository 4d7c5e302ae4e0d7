"""Whether a loss weighs its terms as it says: E[−ln p(x|z)] once, and the KL as an option says."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genzoo.core.loss import Loss
from genzoo.core.model import Inference, LatentModel
from genzoo.core.options import option
from genzoo.testing.check import require
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, stir
from genzoo.training.objective import Objective

SETTINGS = 12
"""Random weights that a loss is looked at with."""
LATE = 1_000_000
"""A step at which a warm-up is over."""
EXACT = 2e-4
"""What a linear relation may leave unexplained, as a share of the loss's deviation."""
NEAR = 0.01
"""A weight is the one that it should be to within this share."""


@contextlib.contextmanager
def recorded(model: LatentModel) -> Iterator[list[Inference]]:
    """Inside, all that infer returns is put into the list."""
    said: list[Inference] = []
    infer = model.infer

    def record(*arguments: Any, **options: Any) -> Inference:
        said.append(infer(*arguments, **options))
        return said[-1]

    model.infer = record  # type: ignore[method-assign]
    try:
        yield said
    finally:
        del model.infer


def observed(objective: Objective, pair: Pair, number: int) -> dict[str, float] | None:
    """The loss's terms, beside the model's own reconstruction and KL on the very samples that the loss was made of;
    None where it does not ask infer for them exactly once."""
    model, batch = objective.model, pair.batch(EXAMPLES + number % 3)
    assert isinstance(model, LatentModel)
    with torch.no_grad(), recorded(model) as said:
        terms = loss_of(objective, batch, LATE, seed=number)
    if len(said) != 1:
        return None
    found = {name: term.item() for name, term in terms.items()}
    found["its reconstruction"] = -said[0].px.log_prob(batch.x).mean().item()
    if said[0].p is not None:
        found["its KL"] = said[0].kl().mean().item()
    return found


def check_weighed(pair: Pair) -> str | None:
    """Where a loss is a weighted sum of the model's −ln p(x|z) and KL and of other terms that it names, it counts the
    first once, and the KL once or as often as an option says. An option called beta counts."""
    objective = pair.stirred().eval()
    if not isinstance(objective.model, LatentModel):
        return "not a LatentModel"
    weights = _weighed(pair)
    if isinstance(weights, str):
        return weights
    config, batch = objective.loss.config, pair.batch(EXAMPLES)
    for name in (field.name for field in dataclasses.fields(config) if "beta" in field.name.lower()):
        value = getattr(config, name)
        if isinstance(value, (int, float)):
            changed = dataclasses.replace(pair, loss_options={**pair.loss_options, name: 3.0 * value + 1.0})
            one, other = (loss_of(some, batch, LATE)["loss"] for some in (objective, changed.stirred().eval()))
            require(not torch.equal(one, other), f"{pair}: {option(name)} changes nothing in the loss")
            others = _weighed(changed)
            if isinstance(others, dict):
                said = [some["its reconstruction"] for some in (weights, others)]
                same = math.isclose(*said, rel_tol=NEAR)
                require(
                    same, f"{pair}: {option(name)} changes how often −ln p(x|z) counts, {said[0]:.4g} to {said[1]:.4g}"
                )
    return None


def _weighed(pair: Pair) -> dict[str, float] | str:
    """How often the loss counts each term; or why that cannot be said."""
    objective, rows = pair.stirred().eval(), []
    weights = {name: parameter.detach().clone() for name, parameter in objective.named_parameters()}
    for number in range(SETTINGS):
        stir(objective, weights, number, share=0.5)
        row = observed(objective, pair, number)
        if row is None or not all(map(math.isfinite, row.values())):
            return "the loss does not take its terms from one infer(batch)"
        rows.append(row)
    counted = solved(rows)
    if counted is None:
        return "the loss is no weighted sum of terms that it names"
    _holds(pair, objective.loss.config, counted, rows[0])
    return counted


def _holds(pair: Pair, config: Any, weights: dict[str, float], row: dict[str, float]) -> None:
    said = {abs(value) for value in numbers_of(config)}
    reconstruction = weights["its reconstruction"]
    fine = any(math.isclose(reconstruction, right, rel_tol=NEAR) for right in (1.0, *said))
    share = f" (1/{1 / reconstruction:.4g})" if 0 < reconstruction < 0.7 else ""
    counts = f"the loss counts −ln p(x|z) {reconstruction:.4g} times{share}"
    require(fine, f"{pair}: {counts}, and no option says so")
    if "its KL" not in weights:
        return
    weight = weights["its KL"]
    if abs(weight) < NEAR:
        meant = 0.0 in said or abs(weights["a constant"]) > 1e-2 or not _about_kl(pair, row)
        require(meant, f"{pair}: the KL is no part of the loss, and no option says so")
        return
    fine = any(math.isclose(abs(weight), right, rel_tol=NEAR) for right in (1.0, *said))
    signed = weight > 0 or abs(weights["a constant"]) > 1e-2
    require(fine and signed, f"{pair}: the loss counts the KL {weight:.4g} times, and no option says so")


def _about_kl(pair: Pair, row: dict[str, float]) -> bool:
    """Whether a loss has to do with the KL: it names it, or needs a prior, or is the model's own."""
    loss_class: type[Loss] = pair.loss.load()
    own = pair.loss.name == pair.model.loss
    named = [name.lower() for name in row if not name.startswith("its ")]
    return loss_class.needs_prior or own or any("kl" in name or "elbo" in name for name in named)


def numbers_of(config: Any) -> Iterator[float]:
    """Numbers that the options of a loss are set to."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield float(value)


def solved(rows: list[dict[str, float]]) -> dict[str, float] | None:
    """The weights with which the loss is the sum of terms and a constant, by least squares; None if it is not one.

    A term that is itself a sum of those before it, as a negative ELBO is, counts as those.
    """
    loss = column(rows, "loss")
    spread = loss.std(0).item()
    if not spread:
        return None
    names, basis = ["a constant"], [torch.ones_like(loss)]
    own = [name for name in rows[0] if name.startswith("its ")]
    for name in (*own, *(name for name in rows[0] if name != "loss" and name not in own)):
        new = column(rows, name)
        scale = new.std(0).item()
        if scale > 1e-9 and _left(basis, new) > 1e-4 * scale and len(basis) < SETTINGS - 4:
            names.append(name)
            basis.append(new)
        elif name == "its reconstruction":
            return None
    if _left(basis, loss) > EXACT * spread:
        return None
    solution = torch.linalg.lstsq(torch.stack(basis, 1), loss[:, None], driver="gelsd").solution[:, 0]
    return dict(zip(names, solution.tolist(), strict=True))


def column(rows: list[dict[str, float]], name: str) -> Tensor:
    """A term at all settings, [N] float64."""
    return torch.tensor([row[name] for row in rows], dtype=torch.float64)


def _left(basis: list[Tensor], target: Tensor) -> float:
    """The root mean square that no weighted sum of a basis explains of a target."""
    table = torch.stack(basis, 1)
    table = table / table.norm(dim=0)
    found = torch.linalg.lstsq(table, target[:, None], driver="gelsd").solution
    left: float = (table @ found)[:, 0].sub(target).square().mean().sqrt().item()
    return left
