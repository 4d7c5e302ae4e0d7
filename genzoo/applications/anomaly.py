"""How well a score tells anomalies from the rest."""

from __future__ import annotations

import torch
from torch import Tensor


def auroc(scores: Tensor, anomalous: Tensor) -> float:
    """P(score of an anomaly > score of a normal example) + ½ P(equal): Mann & Whitney's U over the number of pairs.

    The orientation is fixed: a higher score means more anomalous. Inverted scores give 1 − AUROC.

    Args:
        scores: [N].
        anomalous: [N] bool; both kinds must occur.
    """
    positives = int(anomalous.sum())
    negatives = len(scores) - positives
    if not positives or not negatives:
        raise ValueError("AUROC needs anomalies and normal examples")
    _, which, counts = scores.double().unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0)
    ranks = (last - (counts - 1) / 2.0)[which]  # equal scores share the mean of their ranks, from 1
    above = float(ranks[anomalous].double().sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def one_against_rest(scores: Tensor, y: Tensor) -> dict[int, float]:
    """AUROC of each class that occurs, taken as the anomaly, against all the others.

    Args:
        scores: [N], higher is more anomalous.
        y: [N] classes, at least two of them.
    """
    return {label: auroc(scores, y == label) for label in y.unique().tolist()}


def average_precision(scores: Tensor, anomalous: Tensor) -> float:
    """The area under precision over recall as a step function, Σ (R_k − R_{k−1}) P_k; equal scores are one step.

    By chance it is the share of anomalies and not one half.

    Args:
        scores: [N], higher is more anomalous.
        anomalous: [N] bool; at least one is true.
    """
    if not bool(anomalous.any()):
        raise ValueError("average precision needs anomalies")
    _, which, counts = (-scores.double()).unique(return_inverse=True, return_counts=True)
    hits = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, which, anomalous.double())
    precision = hits.cumsum(0) / counts.cumsum(0)
    return float((precision * hits).sum() / hits.sum())
