"""Checks of what a model draws: that it is seeded, and that it is what prior and likelihood say."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError
from genzoo.core.model import LatentModel, Model
from genzoo.core.noise import seeded
from genzoo.testing.check import require
from genzoo.testing.densities import SOLVED, examine_samples
from genzoo.testing.pair import Pair, train
from genzoo.training.objective import Objective

FEW = 5
"""Samples drawn to compare with others."""
DRAWS = 2000
"""Samples drawn to compare distributions, where the examples are small."""
BUDGET = 800_000
"""Numbers drawn at most: of large examples there are fewer samples."""
VIEWS = 16
"""Numbers of an example, and random sums of them, that distributions are compared in."""
SIGMAS = 6.6
"""Two samples of one distribution differ by more with a probability of 4e-11 in each of 64 ranks."""
CALLS = 10
"""How often a log_prob of so many samples is asked for."""
SECONDS = 8.0
LARGEST = 8
"""Dimensions up to which a log_prob of the model's own is held against its samples."""


def can_sample(objective: Objective) -> bool:
    """Whether there is something to draw from."""
    return not (isinstance(objective.model, LatentModel) and objective.model.prior() is None)


def check_sampling(pair: Pair) -> None:
    """The same seed gives the same samples and another seed others; a model without a prior says that it has none, and
    one that is conditional heeds the classes asked for."""
    objective, batch = pair.build(), pair.batch(FEW + 11)
    model, y = objective.model, None if batch.y is None else batch.y[:FEW]
    if model.conditional:
        train(objective, batch, 2)  # at first a class may say nothing
    objective.eval()
    with torch.no_grad():
        if not can_sample(objective):
            try:
                model.sample(FEW, y)
            except GenzooError:
                return
            raise AssertionError(f"{pair}: prior() is None, but sample() returns something")
        samples = []
        asked = [(0, y), (0, y), (1, y)]
        if y is not None:
            asked += [(0, (y + 1) % pair.spec.classes), (0, None)]
        for seed, classes in asked:
            with seeded(seed):
                samples.append(model.sample(FEW, classes))
    require(torch.equal(samples[0], samples[1]), f"{pair}: two samples under one seed differ")
    require(not torch.equal(samples[0], samples[2]), f"{pair}: samples do not depend on the seed")
    if y is not None:
        heeds = not torch.equal(samples[0], samples[3])
        said = "samples depend on y" if heeds else "samples do not depend on y"
        require(heeds == model.conditional, f"{pair}: {said}, and conditional is {model.conditional}")


def check_drawn(pair: Pair) -> str | None:
    """sample(n) is distributed as the mean of p(x|z) for z of the prior, and with noise=True as x of p(x|z); where a
    model without latents has a log_prob(x), as that says."""
    objective = pair.stirred().eval()
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
                return "a conditional model may draw any classes where none are asked for"
            with seeded(0):
                own = model.sample(n, None, noise=noise)
            with seeded(1):
                wanted = _by_hand(model, n, noise)
        what = "x of p(x|z)" if noise else "likelihood(z).mean"
        if far := differs(own.flatten(1), wanted.flatten(1)):
            raise AssertionError(f"{pair}: {called} is not distributed as {what} for z of prior(): {far}")
    return None


def _same_computation(model: LatentModel, noise: bool) -> bool:
    """Whether sample is likelihood(prior().rsample((n,))) by the same random numbers: then it needs no statistics."""
    with seeded(0):
        own = model.sample(FEW, None, noise=noise)
    with seeded(0):
        return torch.equal(own, _by_hand(model, FEW, noise))


def _by_hand(model: LatentModel, n: int, noise: bool) -> Tensor:
    prior = model.prior()
    assert prior is not None
    px = model.likelihood(prior.rsample((n,)))
    return px.rsample() if noise else px.mean


def differs(one: Tensor, other: Tensor) -> str:
    """Whether two samples [N, F] are of two distributions, by the ranks of single numbers and of sums of them; "" if
    nothing tells so. Location and spread are compared, and how the samples differ among themselves."""
    generator = torch.Generator().manual_seed(0)
    f = one.shape[1]
    directions = torch.randn(f, VIEWS, generator=generator) / math.sqrt(f)
    columns = torch.randperm(f, generator=generator)[:VIEWS]
    n = len(one)
    both = torch.cat([one, other])
    views = torch.cat([both[:, columns], both @ directions], 1).double()
    for kind, values in (
        ("where it lies", views),
        ("how far it spreads", (views - views.median(0).values).abs()),
    ):
        rank = _ranks(values)
        gap = rank[:n].mean(0) - rank[n:].mean(0)
        error = rank.std(0) * math.sqrt(2 / n)
        far = gap.abs() / error.clamp_min(1e-12)
        i = int(far.argmax())
        if far[i] > SIGMAS and rank.std(0)[i] > 1e-9:
            a, b = views[:n, i], views[n:, i]
            said = f"{a.mean().item():.3g} ± {a.std().item():.3g} and {b.mean().item():.3g} ± {b.std().item():.3g}"
            return f"they differ in {kind}, {said} ({far[i].item():.0f} standard errors)"
    return ""


def _ranks(values: Tensor) -> Tensor:
    """Ranks [N, F] as shares of N; equal values share theirs."""
    ordered = values.sort(0).values.T.contiguous()
    columns = values.T.contiguous()
    low = torch.searchsorted(ordered, columns)
    high = torch.searchsorted(ordered, columns, right=True)
    return ((low + high).double() / (2 * len(values))).T


def _as_log_prob(pair: Pair, model: Model) -> str | None:
    """Holds a log_prob(x) of a model without latents against its samples."""
    log_prob = getattr(model, "log_prob", None)
    if not callable(log_prob):
        return "neither latents nor a log_prob(x)"
    if pair.spec.numel > LARGEST or pair.spec.is_image:
        return "log_prob(x) is held against samples on small vectors alone"
    with torch.no_grad(), seeded(0):
        start = time.perf_counter()
        own = model.sample(FEW * FEW, None, noise=True)
        log_prob(own)
        if (time.perf_counter() - start) / len(own) * DRAWS * CALLS > SECONDS:
            return "log_prob(x) takes too long to be held against samples"
        own = model.sample(DRAWS, None, noise=True)
        if not bool(own.isfinite().all()):  # with weights at random
            own = (model := pair.build().eval().model).sample(DRAWS, None, noise=True)
            log_prob = getattr(model, "log_prob")  # noqa: B009

        def density(rows: Tensor) -> Tensor:
            found: Tensor = log_prob(rows.reshape(-1, *pair.spec.shape))
            return found.view(len(rows), 1)

        return examine_samples(own.reshape(DRAWS, 1, -1), density, f"{pair}: log_prob(x)", SOLVED)
