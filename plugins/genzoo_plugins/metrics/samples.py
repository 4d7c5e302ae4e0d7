"""Metrics of samples, on the features of a small classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.data.batching import evaluation_batch
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.evaluation.intervals import wilson
from genzoo.evaluation.sampling import Sampler, draw
from genzoo_plugins.metrics.features import NAME, SHA256, SHAPE, features, why_no_features
from genzoo_plugins.metrics.resampling import GROUPS, Interval, jackknife, null_of_real_data
from genzoo_plugins.metrics.two_samples import (
    PRDC,
    coverage_of_one_distribution,
    frechet,
    moments,
    moments_without_each,
    prdc,
)

MOST = 10_000
"""Examples on either side: the Fréchet distance is biased by about 1/n, so n is always the same where it can be."""
CORRELATED = 3.0
"""The variance of a share of points in balls over that of as many independent ones: 1.3 to 3.3, as neighbours' balls
hold the same points."""


class SampleMetric(genzoo.Metric):
    """A metric that compares examples with as many samples, 10,000 at most, both as points [n, F]."""

    fake: Tensor
    """[n, F]: the samples."""
    chosen: Tensor
    """[n]: which examples, in an order that depends on what they are and not on where they stand."""
    space: str
    """What the points are."""

    @genzoo.config
    class Config:
        sampler: str = "prior"
        """Where codes come from: prior, or gaussian or gmm:10, which are fitted to training codes."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.sampler = Sampler.parse(config.sampler)
        self.needs_train = self.needs_train or self.sampler.components > 0

    def refuses(self, model: genzoo.Model) -> str | None:
        return self.sampler.refuses(model) or self.why_no_points(model)

    def why_no_points(self, model: genzoo.Model) -> str | None:
        """Why such examples cannot be compared as points; None if they can."""
        return why_no_features(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        n = min(MOST, len(context.data))
        if n < 2:
            return "needs 2 examples"
        if context.train is not None and len(context.train) < self.sampler.components:
            return f"only {len(context.train)} training codes"
        try:
            self.fake = shared_samples(context, self.sampler, n)
        except genzoo.GenzooError as error:  # codes that no density can be fitted to
            return error.message
        if not bool(self.fake.isfinite().all()):
            return "samples that are not finite"
        self.chosen = chosen(context.data)
        self.space = f"{NAME} sha256 {SHA256}" if context.model.spec.shape == SHAPE else "values"
        return None

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "examples that are not finite"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return as_points(examined.model.spec, examined.batch.x)

    def standard_error(self, values: Tensor) -> float | None:
        return None

    def described(self, *notes: str, **known: Any) -> dict[str, Any]:
        """Return details, with those that all such metrics have; the note names a sampler other than the prior."""
        n = len(self.fake)
        parts = [*notes, f"n {n:,}", *([self.config.sampler] if self.sampler.components else [])]
        return {**known, "sampler": self.config.sampler, "features": self.space, "n": n, "note": ", ".join(parts)}


class Frechet(SampleMetric):
    """Fréchet distance of samples and data as a percentage of the trace of the data's covariance.

    Beside it the floor: the same between training data and these data, both real. Not an FID: other features.
    """

    label = f"Fréchet distance @{NAME}"
    unit = "% of trace"
    needs_train = True
    reference: Tensor | None

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        self.reference = training_points(context)
        return why_not_finite(self.reference) or super().begin(context)

    def summarise(self, values: Tensor) -> float:
        return percent(self.fake, values[self.chosen])

    def why_not_available(self, values: Tensor) -> str | None:
        alike = bool((values == values[0]).all())
        return super().why_not_available(values) or ("all examples are equal" if alike else None)

    def details(self, values: Tensor) -> dict[str, Any]:
        """The interval is for what the distance would be without the bias of n; the null is that of real data of n."""
        real = values[self.chosen]
        floor = None if self.reference is None else percent(self.reference, real)
        interval = percent_interval(self.fake, real)
        null = null_of_real_data(real, self.reference, percent, power=1.0)
        notes = [*beside("real data", null), *beside("95 % without the bias of n", interval)]
        few = ["n too small"] if len(real) <= real.shape[1] else []
        known = {"floor": floor, "null_95": null, "interval_95": interval, "trace": moments(real)[1].trace().item()}
        return self.described(*notes, *few, **known)


class Coverage(SampleMetric):
    """Coverage, with precision, recall and density beside it (Kynkäänniemi et al. 2019; Naeem et al. 2020)."""

    label = f"coverage @{NAME}"
    better = "higher"
    found: PRDC

    @genzoo.config
    class Config(SampleMetric.Config):
        k: genzoo.Count = 5
        """A point's ball reaches to its k-th neighbour."""

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        if len(context.data) <= self.config.k:
            return f"needs more than {self.config.k} examples"
        return super().begin(context)

    def summarise(self, values: Tensor) -> float:
        self.found = prdc(values[self.chosen], self.fake, self.config.k)
        return self.found.coverage

    def details(self, values: Tensor) -> dict[str, Any]:
        found = self.found
        n = len(self.chosen)
        shares = {name: value for name, value in found._asdict().items() if name != "density"}
        intervals = {name: wilson(value, n / CORRELATED) for name, value in shares.items()}
        null = coverage_of_one_distribution(n, self.config.k)
        null_95 = wilson(null, n / CORRELATED)
        note = f"precision {found.precision:.3f}, recall {found.recall:.3f}, density {found.density:.3f}"
        notes = [*beside("95 %", intervals["coverage"]), *beside("one distribution", null_95), note]
        known = {"interval_95": intervals["coverage"], "null": null, "null_95": null_95, "intervals_95": intervals}
        return self.described(*notes, **found._asdict(), **known, k=self.config.k)


def shared_samples(context: genzoo.EvaluationContext, sampler: Sampler, n: int) -> Tensor:
    """n samples as points [n, F], the same for all metrics of one seed: whatever was drawn before does not matter."""
    seed = torch.initial_seed()
    name = f"{sampler} {n} {seed}"
    if name not in context.shared:
        # Of black and white images and of vectors x ~ p(x|z); of grey ones the mean, as papers show them.
        noise = context.data.binary or not context.model.spec.is_image
        with seeded(seed):
            new = draw(context.model, sampler, context.train, n, noise)
        context.shared[name] = as_points(context.model.spec, new)
    points: Tensor = context.shared[name]
    return points


def beside(what: str, interval: Interval | None) -> list[str]:
    """Return an interval as text for notes; [] without one."""
    return [] if interval is None else [f"{what} {interval[0]:.3g} to {interval[1]:.3g}"]


def as_points(spec: genzoo.DataSpec, x: Tensor) -> Tensor:
    """Examples [N, *S] as a model sees them → [N, F] float64 on the CPU: features of 28×28 images, else the values."""
    x = spec.original(x)
    return features(x) if spec.shape == SHAPE else x.flatten(1).cpu().double()


def chosen(data: Resident) -> Tensor:
    """At most MOST examples, by the hashes of what they hold: the first of MNIST's test images differ from the rest."""
    return data.keys.cpu().argsort()[:MOST]


def training_points(context: genzoo.EvaluationContext) -> Tensor | None:
    """As many training examples as there are examples, or all if they are fewer; None where the two are the same."""
    train, n = context.train, min(MOST, len(context.data))
    if train is None or train is context.data:  # of data with themselves any distance is 0
        return None
    if "training points" not in context.shared:
        index = fixed_permutation(len(train))[:n].to(train.device)
        spec = context.model.spec
        found = [as_points(spec, train.batch(part).x) for part in index.split(evaluation_batch(spec))]
        context.shared["training points"] = torch.cat(found)
    points: Tensor = context.shared["training points"]
    return points


def why_not_finite(reference: Tensor | None) -> str | None:
    """Why nothing can be held against these training points; None if it can."""
    return None if reference is None or bool(reference.isfinite().all()) else "training examples that are not finite"


def percent(one: Tensor, real: Tensor) -> float:
    """Fréchet distance over the trace of the second's covariance, in percent."""
    reference = moments(real)
    return 100 * frechet(moments(one), reference) / reference[1].trace().item()


def percent_interval(one: Tensor, real: Tensor) -> Interval | None:
    """95 % interval of `percent` without its bias of about 1/n, over the choice of both; None for a few points."""
    if len(real) < 2 * GROUPS:
        return None
    trace = moments(real)[1].trace()
    pairs = zip(moments_without_each(one), moments_without_each(real), strict=True)
    without = torch.tensor([frechet(*pair) for pair in pairs], dtype=torch.float64) / trace
    return jackknife(percent(one, real), 100 * without, least=0.0)
