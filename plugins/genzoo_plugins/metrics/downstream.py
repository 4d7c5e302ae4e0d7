"""What the codes are good for: telling the classes apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.batches import evaluation_batch, in_parts
from genzoo.data.splits import fixed_permutation
from genzoo_plugins.metrics.classifier import logistic_regression

MOST = 10_000
"""Training codes: more change accuracies by little and cost much."""


class CodeMetric(genzoo.Metric):
    """Accuracy of a classifier that is fitted to the posterior means of at most 10,000 training examples."""

    needs_train = True
    codes: Tensor
    """[M, D] float64: the training codes, standardised."""
    labels: Tensor
    """[M]: their classes."""

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.LatentModel) else "no encoder"

    def begin(self, subject: genzoo.Subject) -> str | None:
        train, model = subject.train, subject.model
        assert train is not None
        assert isinstance(model, genzoo.LatentModel)
        if train.y is None or subject.data.y is None:
            return "no labels"
        if train is subject.data:
            return "these are the training data"
        index = fixed_permutation(len(train))[:MOST].to(train.device)
        size = evaluation_batch(model.spec)
        codes = in_parts(lambda part: model.encode(train.batch(part).x).flatten(1), index, size).cpu().double()
        self.mean, self.scale = codes.mean(0), codes.std(0, correction=0).clamp_min(1e-8)
        self.codes, self.labels = self.standardised(codes), train.y[index].cpu()
        self.fit()
        return None

    def standardised(self, codes: Tensor) -> Tensor:
        """Codes with the training codes' mean 0 and deviation 1."""
        return (codes - self.mean) / self.scale

    def fit(self) -> None:
        """Called once the training codes are there."""

    def predict(self, codes: Tensor) -> Tensor:
        """Classes [B] of codes [B, D], standardised."""
        raise NotImplementedError(f"{type(self).__name__} must define predict(codes)")

    def per_example(self, examined: genzoo.Examined) -> Tensor:
        model, y = examined.model, examined.batch.y
        assert isinstance(model, genzoo.LatentModel)
        assert y is not None
        codes = model.encode(examined.batch.x).flatten(1).cpu().double()
        return (self.predict(self.standardised(codes)) == y.cpu()).double()

    def details(self, values: Tensor) -> dict[str, Any]:
        return {"training_codes": len(self.codes)}


class KNN(CodeMetric):
    """Accuracy of the majority among the nearest training codes; the smallest of the winning classes at a tie."""

    label = "nearest neighbours, accuracy"

    @genzoo.config
    class Config:
        k: genzoo.Count = 5
        """How many neighbours vote."""

    def begin(self, subject: genzoo.Subject) -> str | None:
        few = subject.train is not None and len(subject.train) < self.config.k
        return f"needs {self.config.k} training examples" if few else super().begin(subject)

    def predict(self, codes: Tensor) -> Tensor:
        nearest = torch.cdist(codes, self.codes).topk(self.config.k, largest=False).indices
        return self.labels[nearest].mode(1).values


class LinearProbe(CodeMetric):
    """Accuracy of a logistic regression on the standardised codes (Alain & Bengio 2017)."""

    label = "linear probe, accuracy"

    @genzoo.config
    class Config:
        c: genzoo.Positive = 1.0
        """Inverse strength of the penalty on its weights."""

    def fit(self) -> None:
        classes = int(self.labels.max()) + 1
        self.weight, self.bias = logistic_regression(self.codes, self.labels, classes, self.config.c)

    def predict(self, codes: Tensor) -> Tensor:
        return (codes @ self.weight.T + self.bias).argmax(1)
