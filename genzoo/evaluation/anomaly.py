"""AUROC and average precision of anomaly scores, with 95 % intervals."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed
from genzoo.evaluation.intervals import effective_number, wilson

RESAMPLES, CHUNK = 400, 50
"""Bootstrap samples for the average precision, and how many are computed at a time."""


def auroc(scores: Tensor, anomalous: Tensor) -> float:
    """Return P(score of an anomaly > score of a normal example) + ½ P(equal): Mann-Whitney U over the number of pairs.

    A higher score means more anomalous. Negated scores give 1 − AUROC.

    Args:
        scores: [N].
        anomalous: [N] bool; both values must occur.

    Raises:
        ValueError: All examples are anomalous or none is.
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


def auroc_interval(scores: Tensor, anomalous: Tensor) -> tuple[float, float]:
    """Return the 95 % interval of the AUROC over the choice of examples.

    It is Wilson's interval of a proportion with the AUROC's variance: it stays in [0, 1] and has a positive width even
    for an AUROC of 1. The variance is the larger of DeLong's (1988) and Hanley & McNeil's (1982): the first is often
    far too small for few anomalies, the second if the two groups' scores have different spreads.

    Args:
        scores: [N], higher is more anomalous.
        anomalous: [N] bool; both values must occur.
    """
    value = auroc(scores, anomalous)
    one, other = scores[anomalous], scores[~anomalous]
    fewer, pairs = min(len(one), len(other)), len(one) * len(other)
    parts = (_placements(one, other), _placements(other, one))
    delong = sum(part.var().item() / len(part) for part in parts) if fewer > 1 else 0.0
    near = min(max(value, 0.5 / fewer), 1 - 0.5 / fewer)  # at 0 and 1 the variance would be 0
    spread = (len(one) + len(other)) / 2 - 1
    hanley = near * (1 - near) * (1 + spread * ((1 - near) / (2 - near) + near / (1 + near))) / pairs
    return wilson(value, min(effective_number(value, delong, pairs), near * (1 - near) / hanley))


def _placements(of: Tensor, among: Tensor) -> Tensor:
    """Return for each score the share of others that are lower; ties count half."""
    of, among = of.double(), among.double().sort().values
    return (torch.searchsorted(among, of) + torch.searchsorted(among, of, right=True)) / (2.0 * len(among))


def one_against_rest_intervals(scores: Tensor, y: Tensor) -> dict[int, tuple[float, float]]:
    """Return the 95 % interval of each AUROC of `one_against_rest`."""
    return {label: auroc_interval(scores, y == label) for label in y.unique().tolist()}


def one_against_rest(scores: Tensor, y: Tensor) -> dict[int, float]:
    """Return the AUROC of each class that occurs, as the anomaly, against all other classes.

    Args:
        scores: [N], higher is more anomalous.
        y: [N] classes, at least two of them.
    """
    return {label: auroc(scores, y == label) for label in y.unique().tolist()}


def average_precision(scores: Tensor, anomalous: Tensor) -> float:
    """Return the area under the precision-recall step function, Σ (R_k − R_{k−1}) P_k; equal scores are one step.

    Random scores give the share of anomalies, not one half.

    Args:
        scores: [N], higher is more anomalous.
        anomalous: [N] bool; at least one is true.

    Raises:
        ValueError: No example is anomalous.
    """
    if not bool(anomalous.any()):
        raise ValueError("average precision needs anomalies")
    _, which, counts = (-scores.double()).unique(return_inverse=True, return_counts=True)
    hits = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, which, anomalous.double())
    precision = hits.cumsum(0) / counts.cumsum(0)
    return float((precision * hits).sum() / hits.sum())


def average_precision_interval(scores: Tensor, anomalous: Tensor) -> tuple[float, float]:
    """Return the 95 % interval of the average precision at this share of anomalies, by its bootstrap variance.

    Anomalies and other examples are resampled separately, with Poisson weights. The interval is Wilson's for a
    proportion of at most as many examples as there are anomalies (Boyd, Eng & Page 2013, section 3.1).

    Args:
        scores: [N], higher is more anomalous.
        anomalous: [N] bool; at least one is true.
    """
    value, positives = average_precision(scores, anomalous), int(anomalous.sum())
    falling, order = (-scores.double()).sort(stable=True)
    hit, last = anomalous[order], torch.cat([falling[1:] != falling[:-1], torch.ones(1, dtype=torch.bool)])
    generator = torch.Generator().manual_seed(derive_seed(0, "average precision"))
    resampled = [_resampled_precision(hit, last, generator) for _ in range(RESAMPLES // CHUNK)]
    variance = torch.cat(resampled).var().item()
    return wilson(value, min(effective_number(value, variance, positives), positives))


def _resampled_precision(hit: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
    """Return the average precision of bootstrap samples, [CHUNK].

    Examples are in order of falling score; `last` marks the last one of each group of equal scores.
    """
    weights = torch.poisson(torch.ones(CHUNK, len(hit), dtype=torch.float64), generator)
    hits, others = weights * hit, weights * ~hit
    hits = hits * (int(hit.sum()) / hits.sum(1, keepdim=True).clamp_min(1))
    others = others * (int((~hit).sum()) / others.sum(1, keepdim=True).clamp_min(1))
    hits, others = hits.cumsum(1)[:, last], others.cumsum(1)[:, last]
    precision = hits / (hits + others).clamp_min(1e-300)
    recalled = hits.diff(dim=1, prepend=torch.zeros(CHUNK, 1, dtype=torch.float64))
    return (precision * recalled).sum(1) / hits[:, -1].clamp_min(1e-300)
