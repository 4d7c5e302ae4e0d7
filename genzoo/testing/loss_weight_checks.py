"""Check the weights of a loss's terms: 1 for E[−ln p(x|z)], and for the KL 1 or the value of an option."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import statistics
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genzoo.core.model import Inference, LatentModel
from genzoo.core.options import option, to_json
from genzoo.evaluation.order import order_of
from genzoo.runs.schema import is_number
from genzoo.testing.check import require
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, perturb
from genzoo.training.objective import Objective

SETTINGS = 12
"""Number of random network weights at which the loss is computed."""
LATE = 1_000_000
"""A step after the end of any warm-up."""
EXACT = 2e-4
"""Largest residual of the linear fit, as a share of the loss's standard deviation."""
NEAR = 0.01
"""Relative tolerance of a term's weight."""
FEWEST = 8
"""Number of settings that the weights can be determined from."""
EXPLODED = 1e4
"""A loss so many times the median one comes from a network whose random weights have overflowed: rounding would hide
every other setting beside it."""


@contextlib.contextmanager
def recorded(model: LatentModel) -> Iterator[list[Inference]]:
    """Record all results of the model's infer in the returned list."""
    inferences: list[Inference] = []
    infer = model.infer

    def record(*arguments: Any, **options: Any) -> Inference:
        inferences.append(infer(*arguments, **options))
        return inferences[-1]

    model.infer = record  # type: ignore[method-assign]
    try:
        yield inferences
    finally:
        del model.infer


def observed(objective: Objective, pair: Pair, number: int) -> dict[str, float] | None:
    """Return the loss's terms and the model's own reconstruction and KL on the same samples.

    None if the loss does not call infer exactly once.
    """
    model, batch = objective.model, pair.batch(EXAMPLES + number % 3)
    assert isinstance(model, LatentModel)
    with torch.no_grad(), recorded(model) as inferences:
        terms = loss_of(objective, batch, LATE, seed=number)
    if len(inferences) != 1:
        return None
    row = {name: term.item() for name, term in terms.items()}
    row["its reconstruction"] = -inferences[0].px.log_prob(batch.x).mean().item()
    q, p = inferences[0].q, inferences[0].p
    if p is not None:  # a point posterior has no KL to a density
        row["its KL" if q.measure == p.measure else "its -ln p(z)"] = inferences[0].kl().mean().item()
    return row


def check_weighed(pair: Pair) -> str | None:
    """If a loss is a weighted sum of the model's −ln p(x|z), its KL and other reported terms, the weight of the first
    is 1, and that of the KL is 1 or the value of an option. The option that labels its points of the rate–distortion
    curve (`rate_options`) changes the loss."""
    objective = pair.perturbed().eval()
    if not isinstance(objective.model, LatentModel):
        return "not a LatentModel"
    weights = _weighed(pair)
    if isinstance(weights, str):
        return weights
    batch, options = pair.batch(EXAMPLES), to_json(objective.loss.config)
    labels = (name for name, symbol in objective.loss.rate_options.items() if symbol and is_number(options[name]))
    if name := next(labels, ""):
        changed = dataclasses.replace(pair, loss_options={**pair.loss_options, name: 3.0 * options[name] + 1.0})
        one, other = (loss_of(some, batch, LATE)["loss"] for some in (objective, changed.perturbed().eval()))
        require(not torch.equal(one, other), f"{pair}: {option(name)} changes nothing in the loss")
        others = _weighed(changed)
        if isinstance(others, dict):
            before, after = (some["its reconstruction"] for some in (weights, others))
            same = math.isclose(before, after, rel_tol=NEAR)
            require(same, f"{pair}: {option(name)} changes the weight of −ln p(x|z), {before:.4g} to {after:.4g}")
    return None


def _weighed(pair: Pair) -> dict[str, float] | str:
    """Return the weight of each term in the loss, or why the weights cannot be determined."""
    objective, rows = pair.perturbed().eval(), []
    weights = {name: parameter.detach().clone() for name, parameter in objective.named_parameters()}
    for number in range(SETTINGS):
        perturb(objective, weights, number, share=0.5)
        row = observed(objective, pair, number)
        if row is None:
            return "the loss does not compute its terms from one infer(batch)"
        rows.append(row)
    rows = _of_common_size(rows)
    if len(rows) < FEWEST:
        return "the loss is not finite with random weights"
    fitted = solve(rows)
    if fitted is None:
        return "the loss is not a weighted sum of its reported terms"
    _require_weights(pair, objective.loss.config, fitted, rows[0])
    return fitted


def _of_common_size(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return the rows that are finite and not `EXPLODED`."""
    finite = [row for row in rows if all(map(math.isfinite, row.values()))]
    largest = EXPLODED * statistics.median(abs(row["loss"]) for row in finite) if finite else 0.0
    return [row for row in finite if abs(row["loss"]) <= largest]


def _require_weights(pair: Pair, config: Any, weights: dict[str, float], row: dict[str, float]) -> None:
    """Require that the weights of reconstruction and KL are 1 or the value of an option."""
    allowed = {abs(value) for value in numbers_of(config)}
    reconstruction = weights["its reconstruction"]
    fine = any(math.isclose(reconstruction, right, rel_tol=NEAR) for right in (1.0, *allowed))
    share = f" (1/{1 / reconstruction:.4g})" if 0 < reconstruction < 0.7 else ""
    fault = f"the weight of −ln p(x|z) in the loss is {reconstruction:.4g}{share}"
    require(fine, f"{pair}: {fault}, which no option sets")
    if "its KL" not in weights:
        return
    weight = weights["its KL"]
    if abs(weight) < NEAR:
        intended = 0.0 in allowed or abs(weights["a constant"]) > 1e-2 or not _has_kl(pair, row)
        require(intended, f"{pair}: the KL is not part of the loss, which no option sets")
        return
    fine = any(math.isclose(abs(weight), right, rel_tol=NEAR) for right in (1.0, *allowed))
    signed = weight > 0 or abs(weights["a constant"]) > 1e-2
    require(fine and signed, f"{pair}: the weight of the KL in the loss is {weight:.4g}, which no option sets")


def _has_kl(pair: Pair, row: dict[str, float]) -> bool:
    """Return whether a loss should contain the KL: it reports one, or is the model's own loss."""
    own = pair.loss.name == pair.model.loss
    reported = any(order_of(name).role in ("rate", "bound") for name in row)
    return own or reported


def numbers_of(config: Any) -> Iterator[float]:
    """Yield the numbers among a loss's options."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield float(value)


def solve(rows: list[dict[str, float]]) -> dict[str, float] | None:
    """Return the weights of the loss as a sum of terms and a constant, by least squares; None if it is not such a sum.

    A term that is a linear combination of earlier terms, such as a negative ELBO, is left out.
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
        if scale > 1e-9 and _residual(basis, new) > 1e-4 * scale and len(basis) < len(rows) - 4:
            names.append(name)
            basis.append(new)
        elif name == "its reconstruction":
            return None
    if _residual(basis, loss) > EXACT * spread:
        return None
    solution = torch.linalg.lstsq(torch.stack(basis, 1), loss[:, None], driver="gelsd").solution[:, 0]
    return dict(zip(names, solution.tolist(), strict=True))


def column(rows: list[dict[str, float]], name: str) -> Tensor:
    """Return a term's values in all rows, [N] float64."""
    return torch.tensor([row[name] for row in rows], dtype=torch.float64)


def _residual(basis: list[Tensor], target: Tensor) -> float:
    """Return the root mean square residual of a least-squares fit of a target by a basis."""
    table = torch.stack(basis, 1)
    table = table / table.norm(dim=0)
    solution = torch.linalg.lstsq(table, target[:, None], driver="gelsd").solution
    residual: float = (table @ solution)[:, 0].sub(target).square().mean().sqrt().item()
    return residual
