"""How well a score tells anomalies from the rest."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed
from genzoo.evaluation.intervals import effective_number, wilson

RESAMPLES, CHUNK = 400, 50
"""Bootstrap samples for the precision; at so many a time."""


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


def auroc_interval(scores: Tensor, anomalous: Tensor) -> tuple[float, float]:
    """95 % interval of the AUROC over the choice of examples.

    Wilson's interval of a share with the AUROC's variance: it stays in [0, 1] and is no point where all anomalies have
    higher scores than the rest. The variance is DeLong's (1988) or, where that is larger, Hanley & McNeil's (1982):
    the first is often far too small for a few anomalies, the second for scores that spread unlike the others'.

    Args:
        scores: [N], higher is more anomalous.
        anomalous: [N] bool; both kinds must occur.
    """
    value = auroc(scores, anomalous)
    one, other = scores[anomalous], scores[~anomalous]
    fewer, pairs = min(len(one), len(other)), len(one) * len(other)
    parts = (_placements(one, other), _placements(other, one))
    delong = sum(part.var().item() / len(part) for part in parts) if fewer > 1 else 0.0
    near = min(max(value, 0.5 / fewer), 1 - 0.5 / fewer)  # of 0 and 1 the variance would be 0
    spread = (len(one) + len(other)) / 2 - 1
    hanley = near * (1 - near) * (1 + spread * ((1 - near) / (2 - near) + near / (1 + near))) / pairs
    return wilson(value, min(effective_number(value, delong, pairs), near * (1 - near) / hanley))


def _placements(of: Tensor, among: Tensor) -> Tensor:
    """For each score the share of others that are lower, ties counted half."""
    of, among = of.double(), among.double().sort().values
    return (torch.searchsorted(among, of) + torch.searchsorted(among, of, right=True)) / (2.0 * len(among))


def one_against_rest_intervals(scores: Tensor, y: Tensor) -> dict[int, tuple[float, float]]:
    """The interval of each AUROC of `one_against_rest`."""
    return {label: auroc_interval(scores, y == label) for label in y.unique().tolist()}


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


def average_precision_interval(scores: Tensor, anomalous: Tensor) -> tuple[float, float]:
    """95 % interval of the average precision at this share of anomalies, by its variance over bootstrap samples.

    Anomalies and the rest are drawn each among themselves, with Poisson weights. As Wilson's interval of a share of
    no more examples than there are anomalies (Boyd, Eng & Page 2013, section 3.1).

    Args:
        scores: [N], higher is more anomalous.
        anomalous: [N] bool; at least one is true.
    """
    value, positives = average_precision(scores, anomalous), int(anomalous.sum())
    falling, order = (-scores.double()).sort(stable=True)
    hit, last = anomalous[order], torch.cat([falling[1:] != falling[:-1], torch.ones(1, dtype=torch.bool)])
    generator = torch.Generator().manual_seed(derive_seed(0, "average precision"))
    found = [_resampled_precision(hit, last, generator) for _ in range(RESAMPLES // CHUNK)]
    variance = torch.cat(found).var().item()
    return wilson(value, min(effective_number(value, variance, positives), positives))


def _resampled_precision(hit: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
    """The average precision of bootstrap samples of examples by falling score, `last` of equal ones: [CHUNK]."""
    weights = torch.poisson(torch.ones(CHUNK, len(hit), dtype=torch.float64), generator)
    hits, others = weights * hit, weights * ~hit
    hits = hits * (int(hit.sum()) / hits.sum(1, keepdim=True).clamp_min(1))
    others = others * (int((~hit).sum()) / others.sum(1, keepdim=True).clamp_min(1))
    hits, others = hits.cumsum(1)[:, last], others.cumsum(1)[:, last]
    precision = hits / (hits + others).clamp_min(1e-300)
    recalled = hits.diff(dim=1, prepend=torch.zeros(CHUNK, 1, dtype=torch.float64))
    return (precision * recalled).sum(1) / hits[:, -1].clamp_min(1e-300)
