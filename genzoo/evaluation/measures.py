"""What a model says of real data: its p(x|z), of which measure that is, and whether q(z|x) and p(z) make a bound."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.distributions import Distribution, Measure
from genzoo.core.likelihoods import Likelihood
from genzoo.core.metric import EvaluationContext
from genzoo.core.model import LatentModel, Model
from genzoo.core.noise import of_examples
from genzoo.data.resident import Resident
from genzoo.system.computing import evaluating


class LikelihoodSummary(NamedTuple):
    """The p(x|z) that a model gives for examples."""

    measure: Measure
    """What −ln p(x|z) of these values counts."""
    likelihood: str
    """The name of genzoo's head that made it, such as "gaussian:0.1"; of any other p(x|z) that of its class, such as
    "diag-gaussian"."""


@torch.no_grad()
def summarise_likelihood(model: Model, data: Resident) -> LikelihoodSummary | None:
    """What a model says of the first example of a split; None for a model without p(x|z)."""
    if not isinstance(model, LatentModel):
        return None
    index = torch.zeros(1, dtype=torch.int64, device=data.device)
    x = data.batch(index).x
    heard: list[tuple[str, Distribution]] = []
    heads = [part for part in model.modules() if isinstance(part, Likelihood)]
    hooks = [head.register_forward_hook(lambda head, _, px: heard.append((head.name, px))) for head in heads]
    try:
        with evaluating(model), of_examples(data.keys[:1]):
            px = model.infer(Batch(x)).px
    finally:
        for hook in hooks:
            hook.remove()
    return LikelihoodSummary(
        measure_of(px, data), next((name for name, own in heard if name and _same(own, px, x)), _kebab(px))
    )


def _same(one: Distribution, other: Distribution, x: Tensor) -> bool:
    """Whether two distributions are of one kind and find an example [1, *S] as likely."""
    if type(one) is not type(other):
        return False
    found, wanted = one.log_prob(x).flatten(), other.log_prob(x).flatten()
    return found.shape == wanted.shape and torch.allclose(found, wanted, equal_nan=True)


def _kebab(px: Distribution) -> str:
    """The name of its class: DiagGaussian → diag-gaussian."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(px).__name__.strip("_")).lower()


def measure_of(px: Distribution, data: Resident) -> Measure:
    """What exp(ln p(x|z)) of such data is: the cross-entropy of grey pixels, for one, is the logarithm of nothing that
    sums or integrates to 1 (Loaiza-Ganem & Cunningham 2019, section 3)."""
    return px.measure if data.holds(px.support) else "none"


def why_no_bound(context: EvaluationContext) -> str | None:
    """Why E ln p(x|z) − KL(q(z|x)‖p(z)) is no bound on ln p(x), None if it is.

    ln q(z|x) and ln p(z) must be of one measure: of a point under a density the divergence is infinite.
    """
    q, p = context.example.q, context.example.p
    assert p is not None, "models without a prior are refused before"
    if p.measure == "none":
        return "p(z) is neither a density nor a probability"
    if q.measure == "none" or _is_point(context):
        return f"q(z|x) is a point, and p(z) a {p.measure}"
    return None if q.measure == p.measure else f"q(z|x) is a {q.measure}, and p(z) a {p.measure}"


def _is_point(context: EvaluationContext) -> bool:
    """Whether a posterior that calls itself a density, without a divergence in closed form, draws one value alone."""
    q, p = context.example.q, context.example.p
    if q.measure != "density" or p is None or q.kl(p) is not None:
        return False
    with of_examples(context.data.keys[:1]):
        first, second = q.rsample((2,))
    return torch.equal(first, second)
