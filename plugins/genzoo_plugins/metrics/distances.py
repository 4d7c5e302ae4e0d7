"""Distances between samples and data, on features of 28×28 images or on the values of small examples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.evaluation.intervals import NORMAL_QUANTILE
from genzoo_plugins.metrics.classifier import WHAT, TwoSets
from genzoo_plugins.metrics.features import NAME, SHAPE
from genzoo_plugins.metrics.resampling import (
    GROUPS,
    T_QUANTILE,
    Interval,
    group_numbers,
    jackknife,
    null_of_real_data,
)
from genzoo_plugins.metrics.samples import SampleMetric, beside, training_points, why_not_finite
from genzoo_plugins.metrics.two_samples import (
    distances_to_each_group,
    kid,
    mmd_without_each,
    sliced_wasserstein,
    sliced_wasserstein_without_each,
)

WIDEST = 64
"""The most values of an example without features: distances in more dimensions say little."""
SURE = 4.0
"""Standard errors by which samples must be nearer to training data than to held-out data to be flagged. They include
only the choice of samples; with the choice of data, independent sets differ by up to twice as much. So the interval,
which includes both, must be below 1 too."""
FEW_DIRECTIONS = 100
"""Directions of the sliced distances that an interval is computed from; it needs many of these distances."""
LARGEST = 1e9
"""The largest ratio of distances: a sample can equal a held-out example."""


class SmallSampleMetric(SampleMetric):
    """A metric of samples that is also defined for small examples."""

    def why_no_points(self, model: genzoo.Model) -> str | None:
        small = model.spec.shape == SHAPE or model.spec.numel <= WIDEST
        return None if small else f"for images of 1x28x28 and examples of at most {WIDEST} values"

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        return "needs at least 10 examples" if len(context.data) < 10 else super().begin(context)

    @property
    def where(self) -> str:
        """The name of the space in notes."""
        return "values" if self.space == "values" else f"@{NAME}"


class C2ST(SmallSampleMetric):
    """AUROC of a classifier between samples and data (Lopez-Paz & Oquab 2017): ½ at best, 1 at worst."""

    label = "samples against data, AUROC"
    ideal = 0.5

    sets: TwoSets

    def summarise(self, values: Tensor) -> float:
        self.sets = TwoSets(values[self.chosen], self.fake)
        return self.sets.auroc()

    def details(self, values: Tensor) -> dict[str, Any]:
        null = self.sets.null()
        return self.described(*beside("one distribution", null), self.where, null_95=null, classifier=WHAT)


class KID(SmallSampleMetric):
    """Squared MMD with the kernel (xᵀy/F + 1)³ (Bińkowski et al. 2018), on built-in features."""

    label = "kernel distance"
    found: Tensor

    @genzoo.config
    class Config(SampleMetric.Config):
        subsets: genzoo.Count = 100
        """Number of pairs of subsets that the distance is averaged over."""

    def summarise(self, values: Tensor) -> float:
        self.found = kid(values[self.chosen], self.fake, self.config.subsets)
        return self.found.mean().item()

    def details(self, values: Tensor) -> dict[str, Any]:
        spread = self.found.std().item() if len(self.found) > 1 else None
        interval = self.interval(values[self.chosen], spread)
        known = {"subsets": len(self.found), "deviation": spread, "interval_95": interval}
        return self.described(*beside("95 %", interval), self.where, **known)

    def interval(self, real: Tensor, spread: float | None) -> Interval | None:
        """Return a jackknife interval over all points that includes the error from the choice of subsets."""
        if len(real) < 2 * GROUPS:
            return None
        without = mmd_without_each(real, self.fake)
        variance = (GROUPS - 1) * without.var(correction=0).item() + (spread or 0.0) ** 2 / len(self.found)
        centre, half = self.found.mean().item(), T_QUANTILE * variance**0.5
        return centre - half, centre + half


class SlicedWasserstein(SmallSampleMetric):
    """Root mean square W₂ distance along random directions, in the data's units; details: that of real data."""

    label = "sliced Wasserstein distance"
    needs_train = True
    reference: Tensor | None

    @genzoo.config
    class Config(SampleMetric.Config):
        directions: genzoo.Count = 1000
        """Number of random directions; the relative error is at most about 1/√(2·directions)."""

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        self.reference = training_points(context)
        return why_not_finite(self.reference) or super().begin(context)

    def summarise(self, values: Tensor) -> float:
        return sliced_wasserstein(values[self.chosen], self.fake, self.config.directions)

    def details(self, values: Tensor) -> dict[str, Any]:
        floor = None
        if self.reference is not None:
            real = values[self.chosen][: len(self.reference)]
            floor = sliced_wasserstein(real, self.reference[: len(real)], self.config.directions)
        null = null_of_real_data(values[self.chosen], self.reference, self.few_directions, power=0.5)
        interval = self.interval(values[self.chosen])
        notes = [*beside("real data", null), *beside("95 %", interval)]
        known = {"floor": floor, "null_95": null, "interval_95": interval, "directions": self.config.directions}
        return self.described(*notes, self.where, **known)

    def few_directions(self, x: Tensor, y: Tensor) -> float:
        """Return the distance along at most FEW_DIRECTIONS directions."""
        return sliced_wasserstein(x, y, min(FEW_DIRECTIONS, self.config.directions))

    def interval(self, real: Tensor) -> Interval | None:
        """Return a bias-corrected interval: a jackknife of the squared distance along a few directions.

        It includes the error from the choice of directions.
        """
        if len(real) < 2 * GROUPS:
            return None
        without = sliced_wasserstein_without_each(real, self.fake, min(FEW_DIRECTIONS, self.config.directions))
        some = self.few_directions(real, self.fake)
        found = jackknife(some**2, without.square(), least=0.0)
        scale = sliced_wasserstein(real, self.fake, self.config.directions) / some if some > 0 else 1.0
        error = min(1.0, NORMAL_QUANTILE / (2 * self.config.directions) ** 0.5)
        return None if found is None else (found[0] ** 0.5 * scale * (1 - error), found[1] ** 0.5 * scale * (1 + error))


class Memorisation(SmallSampleMetric):
    """Mean distance of samples to the nearest training example, divided by that to the nearest held-out example.

    Both sets have the same size. The ratio is 1 for a model that has learned the distribution, and lower for one that
    repeats its training data (compare Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675).
    """

    label = "nearest training over nearest held-out example"
    raced = True
    ideal = 1.0
    needs_train = True
    reference: Tensor
    seen: Tensor
    """[n, GROUPS]: the distance of each sample to the nearest training example of each group."""
    unseen: Tensor
    """[n, GROUPS]: the distance of each sample to the nearest held-out example of each group."""

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        reference = training_points(context)
        if reference is None:
            return "the evaluation data are the training data"
        self.reference = reference
        return why_not_finite(reference) or super().begin(context)

    def why_not_available(self, values: Tensor) -> str | None:
        if reason := super().why_not_available(values):
            return reason
        n = min(len(self.chosen), len(self.reference))  # in a larger set the nearest example is nearer
        self.seen = distances_to_each_group(self.fake, self.reference[:n])
        self.unseen = distances_to_each_group(self.fake, values[self.chosen][:n])
        everywhere = max(self.seen.amin(1).max(), self.unseen.amin(1).max()) == 0
        return "every sample equals both a training and a held-out example" if everywhere else None

    def summarise(self, values: Tensor) -> float:
        return ratio(self.seen.amin(1), self.unseen.amin(1))

    def details(self, values: Tensor) -> dict[str, Any]:
        gap = self.seen.amin(1) - self.unseen.amin(1)
        errors = (gap.mean() / (gap.std() / len(gap) ** 0.5).clamp_min(1e-30)).item()
        interval = self.interval()
        flagged = errors < -SURE and (interval is None or interval[1] < 1)
        notes = ["MEMORISED: nearer to training data"] if flagged else []
        known = {"memorised": flagged, "standard_errors": errors, "interval_95": interval}
        return self.described(*notes, *beside("95 %", interval), self.where, **known)

    def interval(self) -> Interval | None:
        """Return an interval over the choice of samples, training and held-out examples; None if there are too few."""
        if min(len(self.chosen), len(self.reference)) < 2 * GROUPS:
            return None
        number, group = group_numbers(len(self.fake)), torch.arange(GROUPS)
        without = [
            ratio(*(gaps[number != left_out][:, group != left_out].amin(1) for gaps in (self.seen, self.unseen)))
            for left_out in range(GROUPS)
        ]
        whole = ratio(self.seen.amin(1), self.unseen.amin(1))
        return jackknife(whole, torch.tensor(without, dtype=torch.float64), least=0.0)


def ratio(seen: Tensor, unseen: Tensor) -> float:
    """Return the ratio of two mean distances, at most LARGEST."""
    return (seen.mean() / unseen.mean().clamp_min(seen.mean().item() / LARGEST).clamp_min(1e-300)).item()
