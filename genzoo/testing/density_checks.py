"""Checks of a density: ln p(x) is normalised, is of each example alone, and follows the bijection of a flow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

from genzoo.core.model import Autoencoder, Density, LatentModel
from genzoo.core.noise import content_keys, keyed, seeded
from genzoo.testing.check import require
from genzoo.testing.consistency_checks import EXAMPLES, difference, near
from genzoo.testing.pair import SHARES, Pair
from genzoo.testing.sampling_checks import hurried

NO_DENSITY = "not a Density"
NORMALISED = 0.01
"""Tolerance for a sum or an integral that is 1."""
BOUND_DRAWS = 256
"""Draws of the noise that the bound on the probability of each value is averaged over."""
NODES = 100_001
"""Points of the quadrature of a density of single numbers."""
NODES_OF_BOUND, DRAWS_AT_NODE = 1001, 16
"""The same of a bound, and draws of its noise at each."""
SMALL = 8
"""Largest number of dimensions in which a Jacobian is computed, or a density is compared with samples."""
SEQUENCES = 4096
"""Largest number of sequences of tokens that are listed."""
INVERTED = 1e-2
"""Tolerance of decode(encode(x)), relative to 1 + |x|, with perturbed weights."""


def by_gradient(check: Callable[[Pair], str | None]) -> Callable[[Pair], str | None]:
    """Return a check of gradients or training steps that does not apply to a model fitted in closed form."""

    @wraps(check)
    def run(pair: Pair) -> str | None:
        if pair.model.load().in_closed_form():
            return "the model is fitted in closed form"
        return check(pair)

    return run


def check_log_prob(pair: Pair) -> str | None:
    """log_prob(x) is one number for each example, which depends on no other example; a probability is at most 1; on
    small data p(x) sums or integrates to 1, and a bound on it to at most 1."""
    model = hurried(pair.perturbed(), above=0).eval().model
    if not isinstance(model, Density):
        return NO_DENSITY
    x = pair.batch(EXAMPLES).x
    with torch.no_grad():
        whole = _keyed(model, x)
        require(tuple(whole.shape) == (EXAMPLES,), f"{pair}: log_prob(x) has shape {tuple(whole.shape)}, not [B]")
        require(bool(whole.isfinite().all()), f"{pair}: log_prob(x) is not finite")
        alone = torch.cat([_keyed(model, x[i : i + 1]) for i in range(EXAMPLES)])
        order = torch.arange(EXAMPLES - 1, -1, -1)
        for how, other in (("in a batch of its own", alone), ("in another order", _keyed(model, x[order])[order])):
            fault = f"differs {how}: {difference(other, whole)}"
            require(near(other, whole), f"{pair}: log_prob(x) of an example {fault}")
        highest = whole.max().item()
        impossible = model.measure == "probability" and highest > 1e-3
        require(not impossible, f"{pair}: log_prob(x) of a probability is {highest:.4g}, above 0")
        return _normalised(pair, model)


def _keyed(model: Density, x: Tensor) -> Tensor:
    """Return ln p(x) with noise that depends on the examples alone."""
    with keyed(content_keys(x)):
        return model.log_prob(x)


def _normalised(pair: Pair, model: Density) -> str | None:
    """Require that p(x) adds up to 1 where all values can be listed, or integrated over."""
    if model.exactness == "estimate":
        return "log_prob(x) is an estimate"
    if pair.spec.binary and pair.spec.numel <= SMALL and model.measure == "probability":
        values = torch.tensor(list(itertools.product((0.0, 1.0), repeat=pair.spec.numel)))
        total, what = _sum_over(values, pair, model), f"sums over all {len(values)} values to"
    elif pair.spec.is_discrete and pair.spec.levels**pair.spec.numel <= SEQUENCES:
        values = torch.tensor(list(itertools.product(range(pair.spec.levels), repeat=pair.spec.numel)))
        total, what = _sum_over(values, pair, model), f"sums over all {len(values)} sequences to"
    elif pair.spec.numel == 1 and model.measure == "density":
        total, what = _integral(pair, model), "integrates to"
    else:
        return None
    bound = model.exactness == "bound"
    within = total < 1 + NORMALISED and (bound or total > 1 - NORMALISED)
    wanted = "at most 1" if bound else "1"
    require(within, f"{pair}: exp(log_prob(x)) {what} {total:.6g}, not {wanted}")
    return None


def _sum_over(values: Tensor, pair: Pair, model: Density) -> float:
    """Return Σ p(x) over all possible x [N, F]."""
    return float(_probability(model, pair.spec.view(values).view(-1, *pair.spec.shape), BOUND_DRAWS).sum())


def _probability(model: Density, x: Tensor, draws: int) -> Tensor:
    """Return p(x) of x [B, *S], [B] float64; of a bound, exp of its expectation, from draws of its noise.

    exp of a mean of noisy values exceeds exp of their expectation, by half the variance of the mean.
    """
    if model.exactness == "exact":
        return model.log_prob(x).double().exp()
    with seeded(0):
        each = torch.stack([model.log_prob(x) for _ in range(draws)]).double()
    return (each.mean(0) - each.var(0) / (2 * draws)).exp()


def _integral(pair: Pair, model: Density) -> float:
    """Return ∫ p(x) dx over the line, in u with x = centre + scale · tan(π(u − ½)), which has its bulk around ½."""
    with seeded(0):
        drawn = model.sample(1000, noise=True).flatten().double()
    low, centre, high = drawn.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
    scale = max(high - low, 1e-6)
    nodes = NODES if model.exactness == "exact" else NODES_OF_BOUND
    angle = math.pi * ((torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes - 0.5)
    x = centre + scale * angle.tan()
    slope = scale * math.pi * (1 + angle.tan().square())
    # Far outside, a bound may overflow: an undefined density counts as 0.
    density = _probability(model, x.float().view(-1, *pair.spec.shape), DRAWS_AT_NODE).nan_to_num(nan=0.0)
    return float((density * slope).mean())


def check_inverts(pair: Pair) -> str | None:
    """decode(encode(x)) is x for a density whose codes have as many dimensions as x, and ln p(x) is ln p(z) plus the
    log-determinant of the Jacobian of encode."""
    x = pair.batch(EXAMPLES).x
    for share in SHARES[:-1]:  # many layers enlarge rounding, but less from weaker noise; a fault shrinks only with it
        model = pair.perturbed(most=share).eval().model
        if not isinstance(model, Density) or not isinstance(model, Autoencoder) or isinstance(model, LatentModel):
            return "not a density that encodes and decodes"
        with torch.no_grad():
            z = model.encode(x)
            if z[0].numel() != pair.spec.numel:
                return "its codes have other dimensions than the data"
            again, prior, log_prob = model.decode(z), model.prior(), model.log_prob
        inverts = ((again - x).abs() / (1 + x.abs())).max().item() < share * INVERTED
        if inverts:
            break
    require(inverts, f"{pair}: decode(encode(x)) differs from x: {difference(again, x)}")
    if model.exactness != "exact" or prior is None or pair.spec.numel > SMALL:
        return None
    for i in range(EXAMPLES):
        one = x[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(model.encode, one).view(one.numel(), one.numel())
        wanted = (prior.log_prob(z[i : i + 1]) + torch.linalg.slogdet(jacobian.double())[1]).float()
        found = log_prob(one).detach()
        require(near(found, wanted), f"{pair}: log_prob(x) and ln p(z) + ln |det J|: {difference(found, wanted)}")
    return None
