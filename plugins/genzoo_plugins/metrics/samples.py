"""Metrics of samples on the features of a small classifier, and the base class of all metrics of samples."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.data.batching import evaluation_batch
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.evaluation.intervals import wilson
from genzoo.evaluation.samplers import PRIOR, full_sampler_name, why_no_sampler
from genzoo.evaluation.sampling import described, draw, sampling_options, unusual
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
"""The most examples and samples. The Fréchet distance has a bias of about 1/n, so n is kept equal where possible."""
CORRELATED = 3.0
"""Variance of the share of points in balls, relative to as many independent points. It is 1.3 to 3.3, because the balls
of neighbours contain the same points."""


class SampleMetric(genzoo.Metric):
    """A metric that compares at most 10,000 examples with the same number of samples, both as points [n, F]."""

    fake: Tensor
    """[n, F]: the samples."""
    chosen: Tensor
    """[n]: indices of the examples, ordered by content and not by position."""
    space: str
    """The space of the points."""
    unusual: dict[str, Any]
    """The options of the model's sampling that are not their defaults."""
    draws = True

    @genzoo.config
    class Config:
        sampler: str = "prior"
        """Source of the codes: prior, or a sampler fitted to training codes, such as gmm:10."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.sampler = full_sampler_name(config.sampler)
        self.needs_train = self.needs_train or self.sampler != PRIOR

    def refuses(self, model: genzoo.Model) -> str | None:
        distances = "there are no distances between tokens" if model.spec.is_discrete else None
        return why_no_sampler(model, self.sampler) or distances or self.why_no_points(model)

    def why_no_points(self, model: genzoo.Model) -> str | None:
        """Return why the model's examples cannot be compared as points; None if they can."""
        return why_no_features(model)

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        n = min(MOST, len(context.data))
        if n < 2:
            return "needs at least 2 examples"
        self.unusual = unusual(sampling_options(context.model.sampling, self.sampling) or context.model.sampling)
        try:
            self.fake = shared_samples(context, self.sampler, n, self.sampling)
        except genzoo.GenzooError as error:  # no density can be fitted to the codes
            return error.message
        if not bool(self.fake.isfinite().all()):
            return "some samples are not finite"
        self.chosen = chosen(context.data)
        self.space = f"{NAME} sha256 {SHA256}" if context.model.spec.shape == SHAPE else "values"
        return None

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some examples are not finite"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return as_points(examined.model.spec, examined.batch.x)

    def standard_error(self, values: Tensor) -> float | None:
        return None

    def described(self, *notes: str, **known: Any) -> dict[str, Any]:
        """Return details, including those that all these metrics share; the note names a fitted sampler and options."""
        n = len(self.fake)
        sampler = [self.sampler] if self.sampler != PRIOR else []
        parts = [*notes, f"n {n:,}", *sampler, *described(self.unusual)]
        own = {"sampling": self.unusual} if self.unusual else {}
        shared = {"sampler": self.sampler, **own, "features": self.space, "n": n}
        return {**known, **shared, "note": ", ".join(parts)}


class Frechet(SampleMetric):
    """Fréchet distance of samples and data, in percent of the trace of the data's covariance.

    The details give the floor: the same distance between the training data and these data. It is not an FID, because
    the features are different: they are for images of 1x28x28. Grey ones of another size become such by --data.resize
    28; kid and sliced-wasserstein also take small examples of any shape.
    """

    label = f"Fréchet distance @{NAME}"
    raced = True
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
        """Return details: a bias-corrected interval, and the null interval for n real examples."""
        real = values[self.chosen]
        floor = None if self.reference is None else percent(self.reference, real)
        interval = percent_interval(self.fake, real)
        null = null_of_real_data(real, self.reference, percent, power=1.0)
        notes = [*beside("real data", null), *beside("bias-corrected 95 %", interval)]
        few = ["n too small"] if len(real) <= real.shape[1] else []
        known = {"floor": floor, "null_95": null, "interval_95": interval, "trace": moments(real)[1].trace().item()}
        return self.described(*notes, *few, **known)


class Coverage(SampleMetric):
    """Coverage; details: precision, recall and density (Kynkäänniemi et al. 2019; Naeem et al. 2020)."""

    label = f"coverage @{NAME}"
    raced = True
    better = "higher"
    found: PRDC

    @genzoo.config
    class Config(SampleMetric.Config):
        k: genzoo.Count = 5
        """Rank of the neighbour that sets the radius of a point's ball."""

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


def shared_samples(
    context: genzoo.EvaluationContext, sampler: str, n: int, sampling: Mapping[str, Any] = MappingProxyType({})
) -> Tensor:
    """Return n samples as points [n, F]: the same for all metrics at one seed, whatever was drawn before."""
    seed = torch.initial_seed()
    options = sampling_options(context.model.sampling, sampling)
    name = f"{sampler} {n} {seed} {options}"
    if name not in context.shared:
        # Binary images and vectors are drawn from p(x|z); grey images are its mean, as in the literature.
        noise = context.data.binary or not context.model.spec.is_image
        fitted = context.samplers(sampler)
        with seeded(seed):
            new = draw(context.model, fitted, n, noise, options=options)
        context.shared[name] = as_points(context.model.spec, new)
    points: Tensor = context.shared[name]
    return points


def beside(what: str, interval: Interval | None) -> list[str]:
    """Return an interval as text for notes; [] without one."""
    return [] if interval is None else [f"{what} {interval[0]:.3g} to {interval[1]:.3g}"]


def as_points(spec: genzoo.DataSpec, x: Tensor) -> Tensor:
    """Return points [N, F], float64 on the CPU, of examples [N, *S] in the model's view.

    They are the features of 28×28 images, and the values of all other examples.
    """
    x = spec.original(x)
    return features(x) if spec.shape == SHAPE else x.flatten(1).cpu().double()


def chosen(data: Resident) -> Tensor:
    """Return the indices of at most MOST examples, ordered by hash: MNIST's first test images differ from the rest."""
    return data.keys.cpu().argsort()[:MOST]


def training_points(context: genzoo.EvaluationContext) -> Tensor | None:
    """Return training points [M, F], at most as many as examples; None without separate training data."""
    train, n = context.train, min(MOST, len(context.data))
    if train is None or train is context.data:  # the distance of data to themselves is 0
        return None
    if "training points" not in context.shared:
        index = fixed_permutation(len(train))[:n].to(train.device)
        spec = context.model.spec
        found = [as_points(spec, train.batch(part).x) for part in index.split(evaluation_batch(spec))]
        context.shared["training points"] = torch.cat(found)
    points: Tensor = context.shared["training points"]
    return points


def why_not_finite(reference: Tensor | None) -> str | None:
    """Return why the data cannot be compared with these training points; None if they can."""
    return None if reference is None or bool(reference.isfinite().all()) else "some training examples are not finite"


def percent(one: Tensor, real: Tensor) -> float:
    """Return the Fréchet distance in percent of the trace of the covariance of `real`."""
    reference = moments(real)
    return 100 * frechet(moments(one), reference) / reference[1].trace().item()


def percent_interval(one: Tensor, real: Tensor) -> Interval | None:
    """Return the bias-corrected 95 % interval of `percent` over the choice of both sets; None for too few points."""
    if len(real) < 2 * GROUPS:
        return None
    trace = moments(real)[1].trace()
    pairs = zip(moments_without_each(one), moments_without_each(real), strict=True)
    without = torch.tensor([frechet(*pair) for pair in pairs], dtype=torch.float64) / trace
    return jackknife(percent(one, real), 100 * without, least=0.0)
