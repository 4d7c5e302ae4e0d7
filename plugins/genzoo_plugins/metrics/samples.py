"""Figures of what a model draws from its prior, on the features of a small classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data.splits import fixed_permutation
from genzoo_plugins.metrics.bound import why_no_prior
from genzoo_plugins.metrics.features import NAME, SHA256, features, why_no_features
from genzoo_plugins.metrics.two_samples import PRDC, frechet, moments, prdc

MOST = 10_000
"""Images on either side: the Fréchet distance is biased by about 1/n, so n is always the same where it can be."""
CHUNK = 500


class SampleMetric(genzoo.Metric):
    """Compares the features of as many samples as there are examples (10,000 at most)."""

    in_every_run = False
    fake: Tensor

    def refuses(self, model: genzoo.Model) -> str | None:
        return why_no_prior(model) or why_no_features(model)

    def begin(self, subject: genzoo.Subject) -> str | None:
        n = min(MOST, len(subject.data))
        if f"{NAME} {n}" not in subject.shared:
            subject.shared[f"{NAME} {n}"] = sample_features(subject, n)
        self.fake = subject.shared[f"{NAME} {n}"]
        return None

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        return features(examined.batch.x)

    def standard_error(self, values: Tensor) -> float | None:
        return None


class Frechet(SampleMetric):
    """Fréchet distance of samples and data as a percentage of the trace of the data's covariance.

    Beside it the floor: the same between training data and these data, both real. Not an FID: other features.
    """

    label = f"Fréchet distance @{NAME}"
    unit = "% of trace"
    needs_train = True
    reference: Tensor | None

    def begin(self, subject: genzoo.Subject) -> str | None:
        super().begin(subject)
        train, n = subject.train, len(self.fake)
        self.reference = None
        if train is not None and train is not subject.data:  # of data with themselves it would be 0
            index = fixed_permutation(len(train))[:n].to(train.device)
            self.reference = torch.cat([features(train.batch(part).x) for part in index.split(CHUNK)])
        return None

    def summarise(self, values: Tensor) -> float:
        return percent(self.fake, some(values))

    def details(self, values: Tensor) -> dict[str, Any]:
        real = some(values)
        floor = None if self.reference is None else percent(self.reference, real)
        known = "" if floor is None else f"real data {floor:.2g}, "
        return {
            "floor": floor,
            "trace": moments(real)[1].trace().item(),
            "features": f"{NAME} sha256 {SHA256}",
            "n": len(real),
            "note": f"{known}n {len(real):,}",
        }


class Coverage(SampleMetric):
    """Coverage, with precision, recall and density beside it (Kynkäänniemi et al. 2019; Naeem et al. 2020)."""

    label = f"coverage @{NAME}"
    found: PRDC

    @genzoo.config
    class Config:
        k: genzoo.Count = 5
        """A point's ball reaches to its k-th neighbour."""

    def begin(self, subject: genzoo.Subject) -> str | None:
        if len(subject.data) <= self.config.k:
            return f"needs more than {self.config.k} examples"
        return super().begin(subject)

    def summarise(self, values: Tensor) -> float:
        self.found = prdc(some(values), self.fake, self.config.k)
        return self.found.coverage

    def details(self, values: Tensor) -> dict[str, Any]:
        found = self.found
        note = f"precision {found.precision:.3f}, recall {found.recall:.3f}, density {found.density:.3f}"
        known = {"k": self.config.k, "features": f"{NAME} sha256 {SHA256}", "n": len(self.fake), "note": note}
        return {**found._asdict(), **known}


def sample_features(subject: genzoo.Subject, n: int) -> Tensor:
    """Features of n samples: of their means, as papers show them, unless the data are black and white."""
    drawn = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    return torch.cat([features(subject.model.sample(count, noise=subject.data.binary)) for count in drawn])


def some(values: Tensor) -> Tensor:
    """At most MOST rows, by the fixed permutation: the first ones of MNIST's test images differ from the rest."""
    return values if len(values) <= MOST else values[fixed_permutation(len(values))[:MOST]]


def percent(one: Tensor, real: Tensor) -> float:
    """Fréchet distance over the trace of the second's covariance, in percent."""
    reference = moments(real)
    return 100 * frechet(moments(one), reference) / reference[1].trace().item()
