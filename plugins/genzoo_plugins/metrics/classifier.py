"""A classifier two-sample test, and logistic regression."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed, keyed_bits
from genzoo.evaluation import anomaly

CHUNK = 1024
FOLDS = 5
NEIGHBOURS = 25
WHAT = f"logistic regression on values, squares and the {NEIGHBOURS} nearest, {FOLDS} folds"
"""The classifier. On pairs with a known optimal AUROC it comes within 0.03 of it. Values detect a shift, squares a
different variance, and neighbours the shape of thin sets, for which a regression on values alone stays at ½."""
PERMUTATIONS, T_QUANTILE = 40, 2.021
"""Label permutations for the null distribution, and the 97.5 % quantile of Student's t with 40 degrees of freedom."""
SLICES = 8
FLAT = 1e-6
"""A column counts as constant if its standard deviation is below this fraction of its largest absolute value."""


def auroc(positive: Tensor, negative: Tensor) -> float:
    """Return P(score of a positive > score of a negative); ties count half (Mann & Whitney 1947)."""
    scores = torch.cat([positive, negative])
    return anomaly.auroc(scores, torch.arange(len(scores), device=scores.device) < len(positive))


def c2st(x: Tensor, y: Tensor) -> float:
    """Return the cross-validated AUROC of a classifier between x and y; ½: not distinguishable.

    This is the classifier two-sample test (Lopez-Paz & Oquab 2017), averaged over the folds.

    Args:
        x, y: [N, F], [M, F] float64, in any order.
    """
    return TwoSets(x, y).auroc()


class TwoSets:
    """Two sets of points [N, F] and [M, F], prepared for the classifier.

    Equal points are one distinct point with copies. Copies have the same neighbours and the same score, so neither the
    order of the points nor rounding breaks a tie.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        distinct, which = (torch.cat([x, y]) + 0.0).unique(dim=0, return_inverse=True)  # + 0: −0 is 0
        labels = torch.cat([torch.zeros(len(x)), torch.ones(len(y))]).double()
        order = (2 * which + labels.long()).argsort(stable=True)
        self.which, self.labels = which[order], labels[order]
        self.copies = self.which.bincount().double()
        points = standardised(distinct, self.copies)
        self.inputs = rotated(torch.cat([points, points.square()], 1))
        self.near = nearest(points, min(NEIGHBOURS, len(points) - 1))
        self.own_weight, self.weights = neighbour_weights(self.copies, self.near)
        self.part = folds(self.which, self.labels, self.copies)

    def auroc(self) -> float:
        """Return the AUROC; exactly ½ if every distinct point is equally frequent in both sets."""
        shares = self.counted(self.labels) / self.copies
        return 0.5 if bool((shares == shares[0]).all()) else self.left_out_auroc()

    def left_out_auroc(self) -> float:
        """Return the mean AUROC over folds with points of both sets; each classifier is fitted to the other folds."""
        found, labels = [], self.labels
        for number in range(FOLDS):
            known, seen, about = self.labels_around(number, labels[:, None])
            weight = separating_direction(torch.cat([self.inputs[self.which], seen], 1)[known], labels[known])
            scores = torch.cat([self.inputs, about], 1) @ weight
            left_out = labels[~known] == 1
            if 0 < int(left_out.sum()) < len(left_out):
                found.append(anomaly.auroc(scores[self.which[~known]], left_out))
        return math.fsum(found) / len(found) if found else 0.5

    def null(self) -> tuple[float, float]:
        """Return the 95 % interval of the AUROC for two sets of one distribution, with these sizes and dimensions.

        Labels are permuted within folds, and the regression takes one Newton step: without a difference to learn,
        further steps change almost nothing. The interval is wider than Mann & Whitney's, because each fold also trains
        the classifiers of the others.
        """
        generator = torch.Generator().manual_seed(derive_seed(0, "permutations"))
        noise = torch.rand(len(self.part), PERMUTATIONS, generator=generator, dtype=torch.float64)
        labels = torch.empty_like(noise)
        labels[self.part.argsort(stable=True)] = self.labels[(self.part[:, None] + noise).argsort(0)]
        found = [part for number in range(FOLDS) if (part := self.null_of_part(number, labels)) is not None]
        if not found:
            return 0.0, 1.0
        half = T_QUANTILE * (torch.stack(found).mean(0) - 0.5).square().mean().sqrt().item()
        return max(0.0, 0.5 - half), min(1.0, 0.5 + half)

    def null_of_part(self, number: int, labels: Tensor) -> Tensor | None:
        """Return a fold's AUROCs [P], one per column of labels [N + M, P]; None for a fold of one set only."""
        known, seen, about = self.labels_around(number, labels)
        x, y, seen = with_ones(self.inputs[self.which][known]), labels[known] - 0.5, seen[known]
        # Normal equations; only the column of the neighbours differs between the columns of labels.
        gram = x.T @ x / 4 + penalty_of(x).diag()
        across, fixed = torch.linalg.solve(gram, torch.cat([x.T @ seen / 4, x.T @ y], 1)).tensor_split(2, 1)
        corner = seen.square().sum(0) / 4 + 1 - (x.T @ seen / 4 * across).sum(0)
        last = ((seen * y).sum(0) - (x.T @ seen / 4 * fixed).sum(0)) / corner
        scores = (self.inputs @ (fixed - across * last)[:-1] + about * last)[self.which[~known]]
        hits = labels[~known]
        positives = int(hits[:, 0].sum())
        if not 0 < positives < len(hits):
            return None
        scores = scores.gather(0, hits.argsort(0, descending=True)).T.contiguous()
        higher, lower = scores[:, :positives].contiguous(), scores[:, positives:].contiguous().sort(1).values
        below = torch.searchsorted(lower, higher) + torch.searchsorted(lower, higher, right=True)
        aurocs: Tensor = below.double().mean(1) / (2 * lower.shape[1])
        return aurocs

    def labels_around(self, number: int, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return which points are outside a fold, and the log-odds of labels near each point and each distinct point.

        Labels [N + M, P] of the fold's own points are never used, neither for these points nor for the others.
        """
        known = self.part != number
        ones, total = self.around(known[:, None] * labels), self.around(known[:, None].double())
        own = (self.own_weight[self.which] * known)[:, None]  # no point is its own neighbour
        seen = smoothed(ones[self.which] - own * labels, total[self.which] - own)
        return known, seen, smoothed(ones, total)

    def counted(self, values: Tensor) -> Tensor:
        """Return the sum of values [N + M, …] over the copies of each distinct point."""
        sums = torch.zeros(len(self.copies), *values.shape[1:], dtype=torch.float64)
        return sums.index_add_(0, self.which, values)

    def around(self, values: Tensor) -> Tensor:
        """Return the weighted sum of values [N + M, P] over each distinct point's neighbours and its own copies."""
        sums = self.counted(values)
        found = self.own_weight[:, None] * sums
        for near, weight in zip(self.near.T, self.weights.T, strict=True):
            found += weight[:, None] * sums[near]
        return found


def smoothed(ones: Tensor, total: Tensor) -> Tensor:
    """Return the smoothed log-odds for `ones` ones among `total` labels."""
    return ((ones + 0.5) / (total + 1)).logit()


def standardised(points: Tensor, copies: Tensor) -> Tensor:
    """Return distinct points with mean 0 and standard deviation 1 over all copies; constant columns become 0."""
    share = (copies / copies.sum())[:, None]
    centred = points - (share * points).sum(0)
    deviation = (share * centred.square()).sum(0).sqrt()
    return torch.where(deviation > FLAT * points.abs().amax(0), centred / deviation, 0.0)


def neighbour_weights(copies: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights of a point's own copies [U] and of its neighbours' copies [U, K] among its 25 nearest.

    The nearest points fill the 25 places first. If the copies of a point exceed the places left, they share them
    equally.
    """
    own, others = copies - 1, copies[near]
    before = own[:, None] + others.cumsum(1) - others
    return (NEIGHBOURS / own).clamp_max(1), ((NEIGHBOURS - before) / others).clamp(0, 1)


def folds(which: Tensor, labels: Tensor, copies: Tensor) -> Tensor:
    """Return the fold of each point, [N + M], for points sorted by value and label.

    A few copies of one point are in the same fold, because a classifier that has seen some of them knows the others. If
    there are more copies than folds, they are spread: their frequencies in the two sets are then what can be learned.
    The assignment is random with a seed that depends on the data: with the same ranks every time, the folds would be
    too similar.
    """
    seed = [int(part.sum()) for part in labels.tensor_split(SLICES)]
    together = ((copies > 1) & (copies <= FOLDS))[which]
    part = parts(len(copies), "copies")[which]
    for label in (0, 1):
        single = ~together & (labels == label)
        part[single] = parts(int(single.sum()), label, *seed)
    return part


def parts(n: int, *seed: str | int) -> Tensor:
    """Return a random fold for each of n points, [n]; the sizes of the folds differ by at most 1."""
    number = torch.empty(n, dtype=torch.int64)
    order = keyed_bits(torch.tensor([derive_seed(0, "parts", *seed)]), 0, n)[0].argsort(stable=True)
    number[order] = torch.arange(n) % FOLDS
    return number


def nearest(points: Tensor, k: int) -> Tensor:
    """Return the indices of each point's k nearest neighbours, the nearest first: [N, k]."""
    found = []
    for start in range(0, len(points), CHUNK):
        distances = torch.cdist(points[start : start + CHUNK], points)
        rows = torch.arange(len(distances))
        distances[rows, start + rows] = math.inf
        found.append(distances.topk(k, largest=False).indices)
    return torch.cat(found)


def rotated(x: Tensor) -> Tensor:
    """Return points [N, F] with no more coordinates than there are points, which have the same inner products.

    A regression whose penalty is ‖w‖² has the same scores on both.
    """
    if x.shape[1] <= len(x):
        return x
    factor: Tensor = torch.linalg.qr(x.T, mode="r").R
    return factor.T


def with_ones(x: Tensor) -> Tensor:
    """Return x [N, F] with a column of ones for the intercept, [N, F + 1]."""
    return torch.cat([x, torch.ones_like(x[:, :1])], 1)


def penalty_of(x: Tensor) -> Tensor:
    """Return each weight's penalty factor: 1, and almost 0 for the intercept, the last column of `with_ones`."""
    penalty = torch.ones_like(x[0])
    penalty[-1] = 1e-9
    return penalty


def separating_direction(x: Tensor, y: Tensor) -> Tensor:
    """Return the weights [F] of a logistic regression of y [N], 0 or 1, on x [N, F], with a penalty of ‖w‖²/2.

    Newton's method converges to the same point to machine precision, whatever the rounding on the way.
    """
    ones = with_ones(x)
    penalty = penalty_of(ones)
    weight = torch.zeros_like(ones[0])
    for _ in range(50):
        p = torch.sigmoid(ones @ weight)
        gradient = ones.T @ (p - y) + penalty * weight
        curvature = (ones * (p * (1 - p))[:, None]).T @ ones + penalty.diag()
        step = torch.linalg.solve(curvature, gradient)
        step *= (5 / step.norm()).clamp_max(1)  # long steps overshoot if the sets are separated
        weight = weight - step
        if step.norm() < 1e-10 * (1 + weight.norm()):
            break
    return weight[:-1]


@torch.enable_grad()
def logistic_regression(x: Tensor, y: Tensor, classes: int, c: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return a multinomial logistic regression: the minimum of Σ cross-entropy + ‖W‖²/2c, by L-BFGS.

    Args:
        x: [N, F] float64.
        y: [N] int64.
        classes: Number of classes.
        c: Inverse strength of the penalty, scikit-learn's C; the intercept is not penalised.

    Returns:
        Weight [classes, F] and intercept [classes].
    """
    weight = x.new_zeros(classes, x.shape[1]).requires_grad_()
    bias = x.new_zeros(classes).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=1000, tolerance_grad=1e-6, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        entropy = torch.nn.functional.cross_entropy(x @ weight.T + bias, y)
        loss = entropy + weight.square().sum() / (2 * c * len(x))
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()
