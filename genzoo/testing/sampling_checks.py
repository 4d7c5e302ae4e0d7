"""Checks of a model's samples: they depend on the seed and follow prior and likelihood."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError
from genzoo.core.model import Density, LatentModel, Model, without_prior
from genzoo.core.noise import seeded
from genzoo.core.options import OptionError
from genzoo.registry.configs import differing
from genzoo.testing.check import require
from genzoo.testing.densities import SLACK, SOLVED, examine_samples
from genzoo.testing.pair import Pair, train
from genzoo.training.objective import Objective

FEW = 5
"""Number of samples to compare with each other."""
DRAWS = 2000
"""Number of samples to compare distributions of small examples."""
MANY = 20_000
"""Number of samples to compare with the log_prob of a density."""
BUDGET = 800_000
"""Largest number of values drawn: large examples get fewer samples."""
VIEWS = 16
"""Number of single values, and of random sums of values, in which distributions are compared."""
SIGMAS = 6.6
"""Two samples of one distribution differ by more with a probability of 4e-11 in each of 64 ranks."""
CALLS = 10
"""Number of log_prob calls on `DRAWS` samples, to estimate the time."""
SECONDS = 8.0
LARGEST = 8
"""Largest number of dimensions in which a model's own log_prob is compared with its samples."""
STEPS = 4
"""The most steps of samples that are not compared with a distribution."""


def can_sample(objective: Objective) -> bool:
    """Return whether the model can draw samples: a latent model needs a prior."""
    return not without_prior(objective.model)


def hurried(objective: Objective, above: int = LARGEST) -> Objective:
    """Give a model sampling options that are at most `STEPS` if they are whole numbers, such as steps; return it.

    Args:
        objective: Of which it is the model.
        above: Only on data of more values than this.
    """
    own = objective.model.sampling
    for field in fields(own) if objective.model.spec.numel > above else ():
        value = getattr(own, field.name)
        if type(value) is int and value > STEPS:
            with contextlib.suppress(OptionError):
                own = replace(own, **{field.name: STEPS})
    objective.model.sampling = own
    return objective


def check_sampling(pair: Pair) -> None:
    """The same seed gives the same samples and another seed gives others; a model without a prior raises GenzooError;
    samples depend on y if, and only if, the model is conditional."""
    objective, batch = hurried(pair.build()), pair.batch(FEW + 11)
    model, y = objective.model, None if batch.y is None else batch.y[:FEW]
    if model.conditional:
        train(objective, batch, 2)  # untrained, samples may not depend on the class
    objective.eval()
    with torch.no_grad():
        if not can_sample(objective):
            try:
                model.sample(FEW, y)
            except GenzooError:
                return
            raise AssertionError(f"{pair}: prior() is None, but sample() returns something")
        samples = []
        calls = [(0, y), (0, y), (1, y)]
        if y is not None:
            calls += [(0, (y + 1) % pair.spec.classes), (0, None)]
        for seed, classes in calls:
            with seeded(seed):
                samples.append(model.sample(FEW, classes))
    require(torch.equal(samples[0], samples[1]), f"{pair}: two samples under one seed differ")
    require(not torch.equal(samples[0], samples[2]), f"{pair}: samples do not depend on the seed")
    if y is not None:
        depends = not torch.equal(samples[0], samples[3])
        fault = "samples depend on y" if depends else "samples do not depend on y"
        require(depends == model.conditional, f"{pair}: {fault}, but conditional is {model.conditional}")


def check_sampling_options(pair: Pair) -> str | None:
    """Without options, samples are those of `model.sampling`; each option can be changed, samples stay finite, and at
    least one option changes them."""
    model = hurried(pair.build()).eval().model
    own = model.sampling
    if not fields(own):
        return "no sampling options"

    def drawn(options: Any) -> Tensor:
        with torch.no_grad(), seeded(0):
            x: Tensor = model.sample(FEW, options=options)  # type: ignore[call-arg]
        return x

    without = drawn(None)
    require(torch.equal(without, drawn(own)), f"{pair}: samples without options differ from those of the defaults")
    changes = [changed for field in fields(own) for changed in others(own, field.name)]
    samples = []
    for changed in changes:
        x, text = drawn(changed), ", ".join(f"{name}={now}" for name, (_, now) in differing(own, changed).items())
        require(x.shape == without.shape, f"{pair}: with {text}, sample(n) has shape {tuple(x.shape)}")
        require(bool(x.isfinite().all()), f"{pair}: with {text}, sample(n) is not finite")
        samples.append(x)
    alike = all(torch.equal(x, without) for x in samples)
    require(not changes or not alike, f"{pair}: no sampling option changes the samples")
    return None


def others(own: Any, name: str) -> list[Any]:
    """Return options with other values of one of them: every choice, the opposite, or a number nearby."""
    hint, value = get_type_hints(type(own))[name], getattr(own, name)
    if isinstance(value, bool) or get_origin(hint) is Literal:
        return [replace(own, **{name: other}) for other in get_args(hint) or (True, False) if other != value]
    if not isinstance(value, (int, float)):
        return []
    for other in (value - 1, value + 1) if isinstance(value, int) else (value / 2, value + 0.5, value - 0.5):
        with contextlib.suppress(OptionError):
            if other != value:
                return [replace(own, **{name: other})]
    return []


def check_drawn(pair: Pair) -> str | None:
    """sample(n) has the distribution of the mean of p(x|z) for z from the prior, with noise=True that of x from p(x|z);
    the samples of a density follow its exact log_prob(x)."""
    objective = pair.perturbed().eval()
    model = objective.model
    n = max(200, min(DRAWS, BUDGET // pair.spec.numel))
    if not isinstance(model, LatentModel):
        return _as_log_prob(pair, model)
    if not can_sample(objective):
        return "no prior"
    for noise in (False, True):
        called = f"sample(n, noise={noise})"
        with torch.no_grad():
            try:
                if _same_computation(model, noise):
                    continue
            except GenzooError as error:
                return error.message
            if model.conditional:
                return "a conditional model may draw any classes if none are given"
            with seeded(0):
                own = model.sample(n, None, noise=noise)
            with seeded(1):
                wanted = _by_hand(model, n, noise)
        what = "x from p(x|z)" if noise else "likelihood(z).centre"
        if far := differs(own.flatten(1), wanted.flatten(1)):
            raise AssertionError(f"{pair}: {called} is not distributed as {what} for z from prior(): {far}")
    return _as_log_prob(pair, model) if isinstance(model, Density) else None


def _same_computation(model: LatentModel, noise: bool) -> bool:
    """Return whether sample equals likelihood(prior().rsample((n,))) for one seed: then no test is needed."""
    with seeded(0):
        own = model.sample(FEW, None, noise=noise)
    with seeded(0):
        return torch.equal(own, _by_hand(model, FEW, noise))


def _by_hand(model: LatentModel, n: int, noise: bool) -> Tensor:
    """Return n samples by prior and likelihood."""
    prior = model.prior()
    assert prior is not None
    px = model.likelihood(prior.rsample((n,)))
    return px.rsample() if noise else px.centre


def differs(one: Tensor, other: Tensor) -> str:
    """Describe how two samples [N, F] differ in distribution; "" if no significant difference is found.

    Location and spread are compared, by the ranks of single values and of random sums of values.
    """
    generator = torch.Generator().manual_seed(0)
    f = one.shape[1]
    directions = torch.randn(f, VIEWS, generator=generator) / math.sqrt(f)
    columns = torch.randperm(f, generator=generator)[:VIEWS]
    n = len(one)
    both = torch.cat([one, other])
    views = torch.cat([both[:, columns], both @ directions], 1).double()
    for kind, values in (
        ("location", views),
        ("spread", (views - views.median(0).values).abs()),
    ):
        rank = _ranks(values)
        gap = rank[:n].mean(0) - rank[n:].mean(0)
        error = rank.std(0) * math.sqrt(2 / n)
        far = gap.abs() / error.clamp_min(1e-12)
        i = int(far.argmax())
        if far[i] > SIGMAS and rank.std(0)[i] > 1e-9:
            a, b = views[:n, i], views[n:, i]
            values_text = (
                f"{a.mean().item():.3g} ± {a.std().item():.3g} and {b.mean().item():.3g} ± {b.std().item():.3g}"
            )
            return f"they differ in {kind}, {values_text} ({far[i].item():.0f} standard errors)"
    return ""


def _ranks(values: Tensor) -> Tensor:
    """Return ranks [N, F] as shares of N; equal values share the mean of their ranks."""
    ordered = values.sort(0).values.T.contiguous()
    columns = values.T.contiguous()
    low = torch.searchsorted(ordered, columns)
    high = torch.searchsorted(ordered, columns, right=True)
    return ((low + high).double() / (2 * len(values))).T


def _as_log_prob(pair: Pair, model: Model) -> str | None:
    """Compare a log_prob(x) of a model without latents with its samples."""
    log_prob = getattr(model, "log_prob", None)
    if not callable(log_prob):
        return "neither latents nor a log_prob(x)"
    if pair.spec.numel > LARGEST:
        return "log_prob(x) is compared with samples on small data only"
    if isinstance(model, Density) and model.exactness != "exact":
        return (
            f"log_prob(x) is {'a bound' if model.exactness == 'bound' else 'an estimate'}, which samples do not follow"
        )
    n = MANY if isinstance(model, Density) else DRAWS
    with torch.no_grad(), seeded(0):
        start = time.perf_counter()
        own = model.sample(FEW * FEW, None, noise=True)
        log_prob(own)
        if (time.perf_counter() - start) / len(own) * n * CALLS > SECONDS:
            return "log_prob(x) is too slow to be compared with samples"
        own = model.sample(n, None, noise=True)
        if not bool(own.isfinite().all()):  # because of the perturbed weights
            own = (model := pair.build().eval().model).sample(n, None, noise=True)
            log_prob = getattr(model, "log_prob")  # noqa: B009

        def density(rows: Tensor) -> Tensor:
            values: Tensor = log_prob(rows.reshape(-1, *pair.spec.shape))
            return values.view(len(rows), 1)

        slack = SLACK if isinstance(model, Density) else SOLVED
        return examine_samples(own.reshape(n, 1, -1), density, f"{pair}: log_prob(x)", slack)
