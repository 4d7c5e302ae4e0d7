"""The measure of a model's p(x) or p(x|z) on real data, and whether q(z|x) and p(z) give a bound on ln p(x).

A measure is a density, a probability or neither.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.distributions import Distribution, Measure
from genzoo.core.metric import EvaluationContext
from genzoo.core.model import Density, Encoder, LatentModel, Model
from genzoo.core.noise import of_examples
from genzoo.core.parts import Likelihood
from genzoo.data.resident import Resident
from genzoo.registry.parts import likelihood_class
from genzoo.system.computing import evaluating


class LikelihoodSummary(NamedTuple):
    """Measure and name of a model's p(x|z), or of its p(x)."""

    measure: Measure
    """Its measure on these values."""
    likelihood: str
    """The name of the likelihood head that made it, such as "gaussian:0.1"; without one, the name of its class, such
    as "diag-gaussian". For a density p(x), the likelihood of the data where both have one measure."""


@torch.no_grad()
def summarise_likelihood(model: Model, data: Resident) -> LikelihoodSummary | None:
    """Return measure and name of the model's p(x), or of its p(x|z) for the first example; None without either."""
    if isinstance(model, Density):
        own, of_data = measure_of(model, data), model.spec.likelihood
        same = bool(of_data) and own in (likelihood_class(of_data).family.measure, "none")
        return LikelihoodSummary(own, of_data if same else _kebab(model))
    if not isinstance(model, LatentModel):
        return None
    index = torch.zeros(1, dtype=torch.int64, device=data.device)
    x = data.batch(index).x
    made: list[tuple[str, Distribution]] = []
    heads = [part for part in model.modules() if isinstance(part, Likelihood)]
    hooks = [head.register_forward_hook(lambda head, _, px: made.append((head.name, px))) for head in heads]
    try:
        with evaluating(model), of_examples(data.keys[:1]):
            px = model.infer(Batch(x)).px
    finally:
        for hook in hooks:
            hook.remove()
    return LikelihoodSummary(
        measure_of(px, data), next((name for name, own in made if name and _same(own, px, x)), _kebab(px))
    )


def _same(one: Distribution, other: Distribution, x: Tensor) -> bool:
    """Return whether two distributions have the same class and the same log-probability of an example [1, *S]."""
    if type(one) is not type(other) or math.prod(one.shape) != math.prod(other.shape):
        return False  # a posterior may use the decoder for other codes
    first, second = one.log_prob(x).flatten(), other.log_prob(x).flatten()
    return first.shape == second.shape and torch.allclose(first, second, equal_nan=True)


def _kebab(px: object) -> str:
    """Return the name of a value's class in kebab case: DiagGaussian → diag-gaussian."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(px).__name__.strip("_")).lower()


def measure_of(px: Distribution | Density, data: Resident) -> Measure:
    """Return the measure of p(x|z), or of a model's p(x), on these data; "none" if they are outside its support.

    The cross-entropy of grey pixels is an example of "none": its exponential neither sums nor integrates to 1
    (Loaiza-Ganem & Cunningham 2019, section 3).
    """
    return px.measure if data.holds(px.support) else "none"


def why_no_bound(context: EvaluationContext) -> str | None:
    """Return why E ln p(x|z) − KL(q(z|x)‖p(z)) is no bound on ln p(x); None if it is.

    q(z|x) and p(z) must have the same measure: the divergence of a point from a density is infinite.
    """
    q, p = context.example.q, context.example.p
    assert p is not None, "models without a prior are refused earlier"
    if p.measure == "none":
        return "p(z) is neither a density nor a probability"
    if q.measure == "none" or _is_point(context):
        return f"q(z|x) is a point, and p(z) a {p.measure}"
    return None if q.measure == p.measure else f"q(z|x) is a {q.measure}, and p(z) a {p.measure}"


def _is_point(context: EvaluationContext) -> bool:
    """Return whether a posterior that is declared a density draws a single value; checked without a closed-form KL."""
    q, p = context.example.q, context.example.p
    if q.measure != "density" or p is None or q.kl(p) is not None:
        return False
    with of_examples(context.data.keys[:1]):
        first, second = q.rsample((2,))
    return torch.equal(first, second)


def code_size(model: Model, data: Resident) -> int:
    """Return how many numbers a code has; 0 for a model without codes."""
    if not isinstance(model, Encoder):
        return 0
    with torch.no_grad(), evaluating(model):
        return model.encode(data.batch(torch.zeros(1, dtype=torch.int64, device=data.device)).x).numel()
