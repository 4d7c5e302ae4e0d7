"""Accuracies of classifiers on the codes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data.batching import evaluation_batch, in_parts
from genzoo.data.splits import fixed_permutation
from genzoo.evaluation.intervals import wilson
from genzoo_plugins.metrics.classifier import FLAT, logistic_regression
from genzoo_plugins.metrics.samples import beside
from genzoo_plugins.metrics.two_samples import distances

MOST = 10_000
"""The most training codes: more of them hardly change the accuracy but cost time."""


class CodeMetric(genzoo.Metric):
    """Accuracy of a classifier that is fitted to the posterior means of at most 10,000 training examples."""

    needs_train = True
    better = "higher"
    codes: Tensor
    """[M, D] float64: the training codes, standardised."""
    labels: Tensor
    """[M]: the classes of the training codes."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.Encoder) else "no encoder"

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        train, model = context.train, context.model
        assert train is not None
        assert isinstance(model, genzoo.Encoder)
        if train.y is None or context.data.y is None:
            return "no labels"
        if train is context.data:
            return "the evaluation data are the training data"
        index = fixed_permutation(len(train))[:MOST].to(train.device)
        size = evaluation_batch(model.spec)
        codes = in_parts(lambda part: model.encode(train.batch(part).x).flatten(1), index, size).cpu().double()
        if not bool(codes.isfinite().all()):
            return "some training codes are not finite"
        self.labels = train.y[index].cpu()
        if len(self.labels.unique()) < 2:
            return "the training data have only one class"
        self.mean, self.scale = codes.mean(0), codes.std(0, correction=0)
        self.scale[self.scale <= FLAT * codes.abs().amax(0)] = math.inf  # constant except for rounding
        self.codes = self.standardised(codes)
        self.fit()
        return None

    def standardised(self, codes: Tensor) -> Tensor:
        """Return codes shifted and scaled so that the training codes have mean 0 and standard deviation 1."""
        return (codes - self.mean) / self.scale

    def fit(self) -> None:
        """Fit the classifier; called once `codes` and `labels` are set."""

    def predict(self, codes: Tensor) -> Tensor:
        """Return the classes [B] of standardised codes [B, D]."""
        raise NotImplementedError(f"{type(self).__name__} must define predict(codes)")

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        model, y = examined.model, examined.batch.y
        assert isinstance(model, genzoo.Encoder)
        assert y is not None
        codes = model.encode(examined.batch.x).flatten(1).cpu().double()
        right = (self.predict(self.standardised(codes)) == y.cpu()).double()
        return torch.where(codes.isfinite().all(1), right, math.nan)

    def why_not_available(self, values: Tensor) -> str | None:
        return None if bool(values.isfinite().all()) else "some codes are not finite"

    def details(self, values: Tensor) -> dict[str, Any]:
        """Return details; the interval is over the choice of test examples, for fixed training codes."""
        interval = wilson(values.mean().item(), len(values))
        note = ", ".join([*beside("95 %", interval), f"n {len(values):,}"])
        return {"training_codes": len(self.codes), "n": len(values), "interval_95": interval, "note": note}


class KNN(CodeMetric):
    """Accuracy of a majority vote of the k nearest training codes; a tie gives the smallest winning class.

    If too many codes are equally far for the last places, they share these votes equally.
    """

    label = "nearest neighbours, accuracy"

    @genzoo.config
    class Config:
        k: genzoo.Count = 5
        """Number of neighbours that vote."""

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        few = context.train is not None and len(context.train) < self.config.k
        return f"needs at least {self.config.k} training examples" if few else super().begin(context)

    def predict(self, codes: Tensor) -> Tensor:
        k, (classes, number) = self.config.k, self.labels.unique(return_inverse=True)
        gaps = distances(codes.nan_to_num(), self.codes)
        farthest = gaps.kthvalue(k, 1, keepdim=True).values
        nearer, last = (gaps < farthest).double(), (gaps == farthest).double()
        shares = nearer + last * (k - nearer.sum(1, keepdim=True)) / last.sum(1, keepdim=True)
        votes = shares @ torch.nn.functional.one_hot(number).double()
        winners: Tensor = classes[votes.round(decimals=9).argmax(1)]  # the first of the largest
        return winners


class LinearProbe(CodeMetric):
    """Accuracy of a logistic regression on the standardised codes (Alain & Bengio 2017)."""

    label = "linear probe, accuracy"

    @genzoo.config
    class Config:
        c: genzoo.Positive = 1.0
        """Inverse strength of the penalty on the weights."""

    def fit(self) -> None:
        classes = int(self.labels.max()) + 1
        self.weight, self.bias = logistic_regression(self.codes, self.labels, classes, self.config.c)

    def predict(self, codes: Tensor) -> Tensor:
        return (codes @ self.weight.T + self.bias).argmax(1)
