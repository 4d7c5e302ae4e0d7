"""Test whether samples follow a log-probability, and whether it is normalised.

Each test averages bounded values whose expectation is exactly 0 for a correct distribution, of any dimension and with
any tails. The tolerance is an empirical Bernstein bound (Maurer & Pontil 2009, theorem 4), so that a correct
distribution fails one test with a probability of at most 2e-9.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.distributions import Distribution, StandardNormal
from genzoo.core.observation import WHITE
from genzoo.testing.check import require

LOG_ALARM = math.log(2e9)
"""ln 2/δ for a false-alarm probability δ on each side of each test."""
DRAWS = 20_000
BUDGET = 4_000_000
"""Largest number of values drawn: distributions of many dimensions get fewer samples."""
DISCRETE = 4000
"""Largest number of samples whose values are counted, which is slow in many dimensions."""
MOST_COUNTED = 1 << 24
"""The largest count up to which single precision has all whole numbers, so that each value stands for itself."""
FEWEST = 200
FEWEST_SEEN = 50
"""Of fewer unlike samples the mean says nothing where a sample may be large."""
SLACK = 0.004
"""Tolerance for rounding in a mean of values of at most 1."""
SOLVED = 0.02
"""Tolerance for a density that is computed by a numerical solver."""
LogProb = Callable[[Tensor], Tensor]


def examine_distribution(p: Distribution, called: str, draws: int | None = None) -> str | None:
    """Test the samples of a distribution, of any batch shape, against its own log_prob.

    Args:
        p: The distribution.
        called: Its name in messages.
        draws: The largest number of samples; None: `DRAWS`.

    Returns:
        Why it could not be tested; None if it passed.

    Raises:
        AssertionError: They disagree, or the distribution is not normalised.
    """
    if p.measure == "none":
        return f"{called} has no density"
    draws, numbers = draws or DRAWS, max(1, p.shape.numel())
    most = DISCRETE if p.measure == "probability" else draws
    own = p.rsample((max(FEWEST, min(draws, most, BUDGET // numbers)),)).detach()
    events = p.shape[len(p.shape) - p.event_dims :]

    def log_prob(rows: Tensor) -> Tensor:
        """[N, B, F] → [N, B]."""
        return p.log_prob(rows.reshape(len(rows), *p.shape)).reshape(len(rows), -1)

    rows = own.reshape(len(own), -1, max(1, events.numel()))
    if p.measure == "probability":  # it is asked for the probability of its own values alone
        adds_up(rows, log_prob, called)
        return None
    if p.support == "sphere":
        return examine_samples(*off_sphere(rows, log_prob), called)
    return examine_samples(rows, log_prob, called)


def off_sphere(own: Tensor, log_prob: LogProb) -> tuple[Tensor, LogProb]:
    """Return unit vectors [N, B, F] with the lengths of normal vectors, and their density in space.

    For a density p of directions z it is p(z) A N(x; 0, I), with A the area of the sphere: directions that are all
    alike become normal vectors.
    """
    size = own.shape[-1]
    log_area = math.log(2) + 0.5 * size * math.log(math.pi) - math.lgamma(0.5 * size)
    normal = StandardNormal((size,), like=own)
    lengths = torch.randn_like(own).norm(dim=-1, keepdim=True)
    return own * lengths, lambda x: log_prob(x / x.norm(dim=-1, keepdim=True)) + log_area + normal.log_prob(x)


def examine_samples(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> str | None:
    """Test samples [N, B, F] of B distributions against `log_prob`, which maps them to ln p, [N, B].

    Results and errors are those of `examine_distribution`; `slack` is the tolerance for rounding.
    """
    kind = kind_of(own)
    if kind == "discrete":
        adds_up(own[:DISCRETE], log_prob, called)
        return None
    if kind == "mixed":
        return f"some samples of {called} are equal: it is neither a density nor a probability"
    balances(own, log_prob, called, slack)
    stays(own, log_prob, called, slack)
    keeps_shape(own, log_prob, called, slack)
    return None


def kind_of(own: Tensor) -> str:
    """Return "continuous", "discrete" or "mixed" for samples [N, B, F], by their number of distinct values."""
    columns = own[:, 0, : min(16, own.shape[2])].T
    distinct = [len(column.unique()) / len(column) for column in columns]
    if min(distinct) > 0.98:
        return "continuous"
    return "discrete" if max(distinct) < 0.6 else "mixed"


def bound(values: Tensor) -> Tensor:
    """Return the tolerance for the mean of values [N, …] in an interval of length 1."""
    n = len(values)
    return (2 * values.var(0) * LOG_ALARM / n).sqrt() + 7 * LOG_ALARM / (3 * (n - 1))


def balances(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> None:
    """Require ∫ p̂ = 1 and samples from p̂, by E_p[g/(g + p̂)] = E_g[p̂/(g + p̂)] for any density g.

    g is a Gaussian fitted to half of the samples, once with their standard deviation and once with a larger one.
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
        mass = f"{low[:, i].mean().item():.3g} of the mass by samples and {high[:, i].mean().item():.3g} by integration"
        fault = f"{called}: it does not integrate to 1, or its samples do not follow log_prob ({mass})"
        require(bool(far[i] < 0), f"{fault}{_mass(log_prob, g, mean, i)}")


def _share(rows: Tensor, one: LogProb, other: LogProb) -> Tensor:
    """Return one/(one + other) at points [N, B, F]: [N, B]. An undefined density counts as 0."""
    first, second = (value(rows).double().nan_to_num(nan=-math.inf, posinf=math.inf) for value in (one, other))
    return torch.sigmoid((first - second).nan_to_num(nan=0.0))


def _mass(log_prob: LogProb, g: torch.distributions.Normal, mean: Tensor, i: int) -> str:
    """Return a text with the integral of p̂ number i; "" in more than 5 dimensions."""
    if mean.shape[-1] > 5:
        return ""
    rows = g.sample((DRAWS,))
    ratios = (log_prob(rows) - g.log_prob(rows).sum(-1)).double().exp().nan_to_num(nan=0.0)
    total = ratios[:, i].mean().item()
    return f"; it integrates to about {total:.3g}"


def stays(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> None:
    """Require that a step of a Markov chain with stationary density p̂ (Barker 1965) does not change the samples' law.

    With Δ the change of ln p̂ by a symmetric move, E_p[σ(Δ) tanh(Δ/2)] = 0. This needs no normalised density, so it
    works in any number of dimensions.
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
            f"{called}: samples do not follow log_prob: they are those of a {more} distribution "
            f"({off[i].item():.3g} ± {bound(values)[i].item():.2g}, not 0)",
        )


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "are near their mean": lambda u: u.abs() < 0.5,
    "are within one standard deviation": lambda u: u.abs() < 1,
    "are far from their mean": lambda u: u.abs() > 1.7,
    "are above their mean": lambda u: u > 0,
    "are far above their mean": lambda u: u > 1,
    "have the sign of their neighbours": lambda u: u * u.roll(1, -1) > 0,
    "have the sign of others": lambda u: u * u.roll(u.shape[-1] // 2 + 1, -1) > 0,
}
"""Shares of an example's standardised values, each from 0 to 1, that a step of the Markov chain must not change."""


def keeps_shape(own: Tensor, log_prob: LogProb, called: str, slack: float = SLACK) -> None:
    """Require that the Markov chain of `stays` does not change the `VIEWS`: E_p[σ(Δ) (φ(x′) − φ(x))] = 0 for any φ."""
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
        fault = f"{more} of their values {what} than log_prob says"
        require(bool(far[i] < 0), f"{called}: samples do not follow log_prob: {fault}")


def adds_up(own: Tensor, log_prob: LogProb, called: str) -> None:
    """Require that the probabilities of discrete samples sum to 1, and that each value is as frequent as probable.

    Unseen values have the share of values seen once (Good 1953).
    """
    n = len(own)
    for i in range(min(3, own.shape[1])):
        if own[:, i].abs().max() > MOST_COUNTED:
            continue
        values, counts = own[:, i].unique(dim=0, return_counts=True)
        whole = values[:, None].expand(-1, own.shape[1], -1)
        p = log_prob(whole)[:, i].double().exp()
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        total = p.sum().item() + once / n
        tolerance = 7 * math.sqrt(once + 4 * twice + 1) / n + 0.02
        near = abs(total - 1) < tolerance
        require(near, f"{called}: the probabilities of all values sum to {total:.4g} ± {tolerance:.2g}, not to 1")
        often = counts / n
        allowed = (2 * p * (1 - p).clamp_min(0) * LOG_ALARM / n).sqrt() + LOG_ALARM / n + SLACK
        far = (often - p).abs() - allowed
        worst = int(far.argmax())
        fault = f"{often[worst].item():.3g} of the samples are one value of probability {p[worst].item():.3g}"
        require(bool(far[worst] < 0), f"{called}: samples do not follow log_prob: {fault}")


def centred(p: Distribution, called: str, loose: float) -> None:
    """Require that a distribution's mean, if it has one, is that of its samples, within `loose` standard deviations.

    For grey levels it may be the mean of the continuous distribution before rounding.
    """
    try:
        mean = p.mean
    except NotImplementedError:
        return
    rounding = 0.5 / WHITE if p.support == "levels" else 0.0
    own = p.rsample((max(FEWEST, min(DRAWS, BUDGET // max(1, p.shape.numel()))),)).detach().double()
    spread = own.std(0)
    near = (7.0 / math.sqrt(len(own)) + loose) * spread + rounding + 1e-4 * (1 + mean.abs())
    # An event that no sample has, such as a rare class, may still have a probability of some 1/n.
    near = near + torch.where(spread == 0, LOG_ALARM / len(own) * (own.amax() - own.amin()), 0.0)
    if p.support == "counts":  # they may be rare and then large, as for a negative binomial of small r
        near = near.masked_fill((own != own.median(0).values).sum(0) < FEWEST_SEEN, math.inf)
    off = (own.mean(0) - mean).abs() - near
    i = int(off.argmax())
    found, wanted = own.mean(0).flatten()[i].item(), mean.flatten()[i].item()
    fault = f"{called}: mean is {wanted:.4g}, but its samples have the mean {found:.4g}"
    require(bool(off.flatten()[i] < 0), f"{fault} and the standard deviation {spread.flatten()[i].item():.3g}")
