"""More figures of what a model draws, on features of 28×28 images or on the values of small examples."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import genzoo
from genzoo_plugins.metrics.classifier import WHAT, c2st
from genzoo_plugins.metrics.features import NAME, SHAPE
from genzoo_plugins.metrics.samples import SampleMetric, training_points
from genzoo_plugins.metrics.two_samples import distances_to_nearest, kid, sliced_wasserstein

WIDEST = 64
"""Values an example may have where it has no features: distances between more of them say little."""
SURE = 4.0
"""Standard errors by which samples must be nearer to training data than to others before it is said. They count the
choice of samples alone; with that of the data, pairs of independent sets differ by up to twice as much."""


class SmallSampleMetric(SampleMetric):
    """Takes small examples too."""

    def why_no_points(self, model: genzoo.Model) -> str | None:
        small = model.spec.shape == SHAPE or model.spec.numel <= WIDEST
        return None if small else f"for images of 1x28x28 and examples of {WIDEST} values at most"

    def begin(self, subject: genzoo.Subject) -> str | None:
        return "needs 10 examples" if len(subject.data) < 10 else super().begin(subject)

    @property
    def where(self) -> str:
        """The space, as notes name it."""
        return "values" if self.space == "values" else f"@{NAME}"


class C2ST(SmallSampleMetric):
    """AUROC of a classifier that tells samples from data (Lopez-Paz & Oquab 2017): ½ where it cannot, 1 at worst."""

    label = "samples told from data, AUROC"
    ideal = 0.5

    def summarise(self, values: Tensor) -> float:
        return c2st(values[self.chosen], self.fake)

    def details(self, values: Tensor) -> dict[str, Any]:
        return self.described(self.where, classifier=WHAT)


class KID(SmallSampleMetric):
    """Squared maximum mean discrepancy with the kernel (xᵀy/F + 1)³ (Bińkowski et al. 2018), on features of our own."""

    label = "kernel distance"
    found: Tensor

    @genzoo.config
    class Config(SampleMetric.Config):
        subsets: genzoo.Count = 100
        """Over so many pairs of subsets the distance is averaged."""

    def summarise(self, values: Tensor) -> float:
        self.found = kid(values[self.chosen], self.fake, self.config.subsets)
        return self.found.mean().item()

    def details(self, values: Tensor) -> dict[str, Any]:
        spread = self.found.std().item() if len(self.found) > 1 else None
        notes = [self.where, *([] if spread is None else [f"± {spread:.2g} between subsets"])]
        return self.described(*notes, subsets=len(self.found), deviation=spread)


class SlicedWasserstein(SmallSampleMetric):
    """Root mean square of the W₂ distances along random directions, in the data's units, beside that of real data."""

    label = "sliced Wasserstein distance"
    needs_train = True
    reference: Tensor | None

    @genzoo.config
    class Config(SampleMetric.Config):
        directions: genzoo.Count = 1000
        """How many; the relative error is about 1/√(2·directions) or less."""

    def begin(self, subject: genzoo.Subject) -> str | None:
        self.reference = training_points(subject)
        return super().begin(subject)

    def summarise(self, values: Tensor) -> float:
        return sliced_wasserstein(values[self.chosen], self.fake, self.config.directions)

    def details(self, values: Tensor) -> dict[str, Any]:
        floor, known = None, []
        if self.reference is not None:
            real = values[self.chosen][: len(self.reference)]
            floor = sliced_wasserstein(real, self.reference[: len(real)], self.config.directions)
            known = [f"real data {floor:.2g}"]
        return self.described(*known, self.where, floor=floor, directions=self.config.directions)


class Memorisation(SmallSampleMetric):
    """Mean distance of samples to the nearest training example over that to the nearest of as many held-out ones.

    1 for a model that has learnt the distribution, less for one that repeats its training data (compare Meehan,
    Chaudhuri & Dasgupta 2020, arXiv 2004.05675).
    """

    label = "nearest training over nearest held-out example"
    ideal = 1.0
    needs_train = True
    reference: Tensor
    errors: float

    def begin(self, subject: genzoo.Subject) -> str | None:
        reference = training_points(subject)
        if reference is None:
            return "these are the training data"
        self.reference = reference
        return super().begin(subject)

    def summarise(self, values: Tensor) -> float:
        n = min(len(self.chosen), len(self.reference))  # the more there are, the nearer is the nearest
        seen = distances_to_nearest(self.fake, self.reference[:n])
        unseen = distances_to_nearest(self.fake, values[self.chosen][:n])
        gap = seen - unseen
        error = gap.std() / len(gap) ** 0.5
        self.errors = (gap.mean() / error.clamp_min(1e-30)).item()
        return (seen.mean() / unseen.mean().clamp_min(1e-30)).item()

    def details(self, values: Tensor) -> dict[str, Any]:
        flagged = self.errors < -SURE
        notes = ["MEMORISED: nearer to training data"] if flagged else []
        return self.described(*notes, self.where, memorised=flagged, standard_errors=self.errors)
