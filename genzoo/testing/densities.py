"""Whether samples and log-probabilities belong to one distribution, and whether that adds up to 1.

Every test here is of bounded numbers whose expectation is exactly 0 where the distribution is sound, whatever its
dimensions and tails. Its tolerance is an empirical Bernstein bound (Maurer & Pontil 2009, theorem 4), so that a sound
distribution fails one test with a probability of at most 2e-9.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.distributions import Distribution
from genzoo.core.observation import WHITE
from genzoo.testing.check import require

LOG_ALARM = math.log(2e9)
"""ln 2/δ for a probability δ of a false alarm on each side of each test."""
DRAWS = 20_000
BUDGET = 4_000_000
"""Numbers drawn in all at most: a distribution of many dimensions is given fewer samples."""
DISCRETE = 4000
"""Samples at most whose values are counted, which is slow in many dimensions."""
FEWEST = 200
SLACK = 0.004
"""What rounding may add to a mean of numbers of at most 1."""
SOLVED = 0.02
"""What a density may be off where it is itself computed by a solver."""
LogProb = Callable[[Tensor], Tensor]


def examine_distribution(p: Distribution, called: str) -> str | None:
    """Holds the samples of a distribution, of any batch shape, against its own log_prob.

    Returns:
        Why nothing could be said, None where all is well.

    Raises:
        AssertionError: They disagree, or the distribution does not add up to 1.
    """
    if p.measure == "none":
        return f"{called} has no density"
    numbers = max(1, p.shape.numel())
    own = p.rsample((max(FEWEST, min(DRAWS, BUDGET // numbers)),)).detach()
    events = p.shape[len(p.shape) - p.event_dims :]

    def log_prob(rows: Tensor) -> Tensor:
        """[N, B, F] → [N, B]."""
        return p.log_prob(rows.reshape(len(rows), *p.shape)).reshape(len(rows), -1)

    return examine_samples(own.reshape(len(own), -1, max(1, events.numel())), log_prob, called)


def examine_samples(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> str | None:
    """As `examine_distribution`, for samples [N, B, F] of B distributions and what gives ln p of such: [N, B]."""
    kind = kind_of(own)
    if kind == "discrete":
        adds_up(own[:DISCRETE], log_prob, called)
        return None
    if kind == "mixed":
        return f"samples of {called} are partly equal: neither a density nor probabilities"
    balances(own, log_prob, called, slack)
    stays(own, log_prob, called, slack)
    keeps_shape(own, log_prob, called, slack)
    return None


def kind_of(own: Tensor) -> str:
    """Whether samples [N, B, F] are of a density, of discrete values or of both, by how many values come again."""
    columns = own[:, 0, : min(16, own.shape[2])].T
    distinct = [len(column.unique()) / len(column) for column in columns]
    if min(distinct) > 0.98:
        return "continuous"
    return "discrete" if max(distinct) < 0.6 else "mixed"


def bound(values: Tensor) -> Tensor:
    """How far the mean of numbers [N, …] within an interval of length 1 may be off."""
    n = len(values)
    return (2 * values.var(0) * LOG_ALARM / n).sqrt() + 7 * LOG_ALARM / (3 * (n - 1))


def balances(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> None:
    """∫ p̂ = 1 and the samples are of p̂: E_p[g/(g + p̂)] = E_g[p̂/(g + p̂)] for any density g.

    g is a Gaussian with the mean and spread of half of the samples, once as it is and once wider.
    """
    fit, own = own[: len(own) // 2], own[len(own) // 2 :]
    mean, spread = fit.mean(0), fit.std(0)
    spread = spread.clamp_min(1e-6 * (1 + mean.abs().amax()))
    for width in (1.0, 1.6):
        g = torch.distributions.Normal(mean, width * spread, validate_args=False)
        drawn = g.sample((len(own),))
        low = _share(own, lambda rows, g=g: g.log_prob(rows).sum(-1), log_prob)  # type: ignore[misc]
        high = _share(drawn, log_prob, lambda rows, g=g: g.log_prob(rows).sum(-1))  # type: ignore[misc]
        far = (low.mean(0) - high.mean(0)).abs() - bound(low) - bound(high) - slack
        i = int(far.argmax())
        said = f"{low[:, i].mean().item():.3g} of the mass by samples and {high[:, i].mean().item():.3g} by integration"
        fault = f"{called}: it does not integrate to 1, or log_prob is not that of its samples ({said})"
        require(bool(far[i] < 0), f"{fault}{_mass(log_prob, g, mean, i)}")


def _share(rows: Tensor, one: LogProb, other: LogProb) -> Tensor:
    """one/(one + other) at points [N, B, F]: [N, B]. Where a density is not defined it is 0."""
    first, second = (value(rows).double().nan_to_num(nan=-math.inf, posinf=math.inf) for value in (one, other))
    return torch.sigmoid((first - second).nan_to_num(nan=0.0))


def _mass(log_prob: LogProb, g: torch.distributions.Normal, mean: Tensor, i: int) -> str:
    """What p̂ number i integrates to, as text, where few dimensions allow to say so."""
    if mean.shape[-1] > 5:
        return ""
    rows = g.sample((DRAWS,))
    ratios = (log_prob(rows) - g.log_prob(rows).sum(-1)).double().exp().nan_to_num(nan=0.0)
    total = ratios[:, i].mean().item()
    return f"; it integrates to about {total:.3g}"


def stays(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> None:
    """One step of a Markov chain that leaves p̂ as it is (Barker 1965) leaves the samples as they are.

    With Δ the change of ln p̂ by a symmetric move, E_p[σ(Δ) tanh(Δ/2)] = 0. It needs no normalised density, so it holds
    in any dimensions.
    """
    spread = own.std(0)
    for length in (2.4 / math.sqrt(own.shape[2]), 0.6):
        moved = own + min(length, 1.5) * spread * torch.randn_like(own)
        change = log_prob(moved).double().nan_to_num(nan=-math.inf) - log_prob(own).double()
        change = change.nan_to_num(nan=0.0)
        values = torch.sigmoid(change) * torch.tanh(change / 2) / 1.3  # from -0.22 to 0.77
        off = values.mean(0)
        far = off.abs() - bound(values) - slack
        i = int(far.argmax())
        more = "narrower" if off[i] < 0 else "wider"
        require(
            bool(far[i] < 0),
            f"{called}: samples do not follow log_prob: they lie as those of a {more} distribution "
            f"({off[i].item():.3g} ± {bound(values)[i].item():.2g}, not 0)",
        )


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "lie near their middle": lambda u: u.abs() < 0.5,
    "lie within one standard deviation": lambda u: u.abs() < 1,
    "lie far out": lambda u: u.abs() > 1.7,
    "lie above their middle": lambda u: u > 0,
    "lie far above their middle": lambda u: u > 1,
    "have the sign of their neighbours": lambda u: u * u.roll(1, -1) > 0,
    "have the sign of others": lambda u: u * u.roll(u.shape[-1] // 2 + 1, -1) > 0,
}
"""Shares of the numbers of an example, each from 0 to 1, that a Markov chain must leave as they are."""


def keeps_shape(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> None:
    """As `stays`, for what share of the numbers lies where: E_p[σ(Δ) (φ(x′) − φ(x))] = 0 for every φ."""
    fit, own = own[: len(own) // 2], own[len(own) // 2 :]
    middle, spread = fit.mean(0), fit.std(0).clamp_min(1e-12)
    moved = own + min(2.4 / math.sqrt(own.shape[2]), 1.5) * spread * torch.randn_like(own)
    change = log_prob(moved).double().nan_to_num(nan=-math.inf) - log_prob(own).double()
    taken = torch.sigmoid(change.nan_to_num(nan=0.0))
    for what, view in VIEWS.items():
        before, after = (view((x - middle) / spread).double().mean(-1) for x in (own, moved))
        values = taken * (after - before) / 2
        far = values.mean(0).abs() - bound(values) - slack / 2
        i = int(far.argmax())
        more = "fewer" if values.mean(0)[i] > 0 else "more"
        said = f"{more} of their numbers {what} than log_prob says"
        require(bool(far[i] < 0), f"{called}: samples do not follow log_prob: {said}")


def adds_up(own: Tensor, log_prob: LogProb, called: str) -> None:
    """Σ p̂ over the values seen, and the share of values seen once (Good 1953) for the others, is 1; and each value
    comes as often as its probability says."""
    n = len(own)
    for i in range(min(3, own.shape[1])):
        values, counts = own[:, i].unique(dim=0, return_counts=True)
        whole = values[:, None].expand(-1, own.shape[1], -1)
        p = log_prob(whole)[:, i].double().exp()
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        total = p.sum().item() + once / n
        tolerance = 7 * math.sqrt(once + 4 * twice + 1) / n + 0.02
        near = abs(total - 1) < tolerance
        require(near, f"{called}: probabilities of all values add up to {total:.4g} ± {tolerance:.2g}, not to 1")
        often = counts / n
        allowed = (2 * p * (1 - p).clamp_min(0) * LOG_ALARM / n).sqrt() + LOG_ALARM / n + SLACK
        far = (often - p).abs() - allowed
        worst = int(far.argmax())
        said = f"{often[worst].item():.3g} of the samples are one value of probability {p[worst].item():.3g}"
        require(bool(far[worst] < 0), f"{called}: samples do not follow log_prob: {said}")


def centred(p: Distribution, called: str, loose: float) -> None:
    """The mean of a distribution is the mean of its samples, within `loose` standard deviations.

    That of grey levels may be the mean of the continuous distribution that they are rounded from.
    """
    rounding = 0.5 / WHITE if p.support == "levels" else 0.0
    own = p.rsample((max(FEWEST, min(DRAWS, BUDGET // max(1, p.shape.numel()))),)).detach().double()
    spread = own.std(0)
    near = (7.0 / math.sqrt(len(own)) + loose) * spread + rounding + 1e-4 * (1 + p.mean.abs())
    off = (own.mean(0) - p.mean).abs() - near
    i = int(off.argmax())
    found, wanted = own.mean(0).flatten()[i].item(), p.mean.flatten()[i].item()
    said = f"{called}: mean is {wanted:.4g}, and its samples have the mean {found:.4g}"
    require(bool(off.flatten()[i] < 0), f"{said} and the standard deviation {spread.flatten()[i].item():.3g}")
