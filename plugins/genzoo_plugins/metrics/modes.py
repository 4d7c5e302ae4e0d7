"""The digits among samples of MNIST, as the classifier of `features` reads them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.metrics.features import pinned
from genzoo_plugins.metrics.samples import SampleMetric, as_points, chosen

PART = 0.1
"""A digit counts if its share of the samples is at least this part of its share of the data."""
KNOWN = 0.9
"""The least accuracy of the classifier on the data: others are not digits."""
ENOUGH = 1000
"""Examples that the accuracy is measured on."""


class Modes(SampleMetric):
    """Number of digits among the samples, after Metz et al. 2017 (arXiv 1611.02163, section 3.3.1).

    The details give the share of each digit and KL(samples‖data) of the shares, in nats.
    """

    label = "digits among the samples"
    better = "higher"
    shares: Tensor
    """[2, 10]: the share of each digit, of the samples and of the data."""
    accuracy: float

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        some = context.data.batch(chosen(context.data)[:ENOUGH].to(context.data.device))
        if some.y is None:
            return "the data have no labels"
        right = read(as_points(context.model.spec, some.x)) == some.y.cpu()
        self.accuracy = right.double().mean().item()
        if self.accuracy < KNOWN:
            return f"the classifier reads {self.accuracy:.0%} of the data as labelled"
        return super().begin(context)

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """Return the digit that is read, [B]."""
        return read(as_points(examined.model.spec, examined.batch.x)).double()

    def why_not_available(self, values: Tensor) -> str | None:
        return None

    def summarise(self, values: Tensor) -> float:
        self.shares = torch.stack([shares(read(self.fake)), shares(values.long())])
        of_samples, of_data = self.shares
        return float((of_samples >= PART * of_data).logical_and(of_samples > 0).sum())

    def of_each(self, values: Tensor) -> Tensor | None:
        return None

    def details(self, values: Tensor) -> dict[str, Any]:
        of_samples, of_data = self.shares
        divergence = torch.special.xlogy(of_samples, of_samples / of_data).nansum().item()
        known = {"shares": of_samples.tolist(), "kl": divergence, "accuracy": self.accuracy}
        return self.described(f"KL of the shares {divergence:.3f}", **known)


def read(points: Tensor) -> Tensor:
    """Return the digit [N] that the classifier reads from features [N, 64]."""
    digits: Tensor = pinned().digits(points.float()).argmax(1)
    return digits


def shares(digits: Tensor) -> Tensor:
    """Return the share of each of the ten digits among [N] of them: [10] float64."""
    return digits.bincount(minlength=10).double() / len(digits)
