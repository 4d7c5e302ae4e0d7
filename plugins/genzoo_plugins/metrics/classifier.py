"""Telling two sets of points apart, and logistic regression, which that and others rest on."""

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
"""On pairs of known AUROC it comes within 0.03 of the best there could be: values see a shift, squares another spread,
and neighbours the form of thin sets, where a regression on the values alone stays at ½."""
PERMUTATIONS, T_QUANTILE = 40, 2.021
"""Of the labels, for the spread under the null; the 97.5 % quantile of Student's t with as many degrees of freedom."""
SLICES = 8
FLAT = 1e-6
"""A column that deviates by less than this part of its largest value is constant but for rounding."""


def auroc(positive: Tensor, negative: Tensor) -> float:
    """P(score of a positive > score of a negative), ties counted half (Mann & Whitney 1947)."""
    scores = torch.cat([positive, negative])
    return anomaly.auroc(scores, torch.arange(len(scores), device=scores.device) < len(positive))


def c2st(x: Tensor, y: Tensor) -> float:
    """AUROC of a classifier that tells y from x on points it was not fitted to; ½ where it cannot.

    Classifier two-sample test (Lopez-Paz & Oquab 2017), the mean over parts, each left out once.

    Args:
        x, y: [N, F], [M, F] float64, in any order.
    """
    return TwoSets(x, y).auroc()


class TwoSets:
    """Two sets of points [N, F] and [M, F], as the classifier sees them.

    Equal points are one point with copies: they have the same neighbours and the same score, so that neither the order
    of the points nor rounding breaks a tie.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        distinct, which = (torch.cat([x, y]) + 0.0).unique(dim=0, return_inverse=True)  # + 0: −0 is 0
        labels = torch.cat([torch.zeros(len(x)), torch.ones(len(y))]).double()
        order = (2 * which + labels.long()).argsort(stable=True)
        self.which, self.labels = which[order], labels[order]
        self.copies = self.which.bincount().double()
        points = standardised(distinct, self.copies)
        self.inputs = torch.cat([points, points.square()], 1)
        self.near = nearest(points, min(NEIGHBOURS, len(points) - 1))
        self.own_weight, self.weights = neighbour_weights(self.copies, self.near)
        self.part = folds(self.which, self.labels, self.copies)

    def auroc(self) -> float:
        """The AUROC of the two sets; exactly ½ where each distinct point is as frequent in both."""
        shares = self.counted(self.labels) / self.copies
        return 0.5 if bool((shares == shares[0]).all()) else self.left_out_auroc()

    def left_out_auroc(self) -> float:
        """The mean AUROC over parts that have points of both sets, by a classifier of all other parts."""
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
        """Between which AUROCs 95 % of pairs of sets of one distribution lie, of these sizes and dimensions.

        From permutations of the labels within parts, with one step of Newton's method for the regression: where there
        is nothing to find, others add next to nothing. The spread is wider than Mann & Whitney's, as each part also
        trains the classifiers of the others.
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
        """AUROCs of a part [P], one for each column of labels [N + M, P]; None for a part of one set."""
        known, seen, about = self.labels_around(number, labels)
        x, y, seen = with_ones(self.inputs[self.which][known]), labels[known] - 0.5, seen[known]
        # Normal equations, of which the column of the neighbours is another for each column of labels.
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
        """Which points are in no such part, and log-odds of the labels around each point and each distinct point.

        Labels [N + M, P] of the part itself are nobody's neighbours: not its own points' and not the others'.
        """
        known = self.part != number
        ones, total = self.around(known[:, None] * labels), self.around(known[:, None].double())
        own = (self.own_weight[self.which] * known)[:, None]  # no point is its own neighbour
        seen = smoothed(ones[self.which] - own * labels, total[self.which] - own)
        return known, seen, smoothed(ones, total)

    def counted(self, values: Tensor) -> Tensor:
        """The sum of values [N + M, …] over the copies of each distinct point."""
        sums = torch.zeros(len(self.copies), *values.shape[1:], dtype=torch.float64)
        return sums.index_add_(0, self.which, values)

    def around(self, values: Tensor) -> Tensor:
        """The weighted sum of values [N + M, P] over the neighbours of each distinct point, all its copies included."""
        sums = self.counted(values)
        found = self.own_weight[:, None] * sums
        for near, weight in zip(self.near.T, self.weights.T, strict=True):
            found += weight[:, None] * sums[near]
        return found


def smoothed(ones: Tensor, total: Tensor) -> Tensor:
    """The log-odds of so many ones among so many labels."""
    return ((ones + 0.5) / (total + 1)).logit()


def standardised(points: Tensor, copies: Tensor) -> Tensor:
    """Distinct points with mean 0 and deviation 1 over all copies; columns without a deviation become 0."""
    share = (copies / copies.sum())[:, None]
    centred = points - (share * points).sum(0)
    deviation = (share * centred.square()).sum(0).sqrt()
    return torch.where(deviation > FLAT * points.abs().amax(0), centred / deviation, 0.0)


def neighbour_weights(copies: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """How far the copies of a point itself [U] and of each of its neighbours [U, K] belong to its nearest 25.

    The nearest come first; of copies that are too many, each counts by an equal part.
    """
    own, others = copies - 1, copies[near]
    before = own[:, None] + others.cumsum(1) - others
    return (NEIGHBOURS / own).clamp_max(1), ((NEIGHBOURS - before) / others).clamp(0, 1)


def folds(which: Tensor, labels: Tensor, copies: Tensor) -> Tensor:
    """Which part each point belongs to: [N + M], points sorted by value and label.

    A few copies of one point lie in one part, as a classifier that has seen some knows the others. Of more copies than
    there are parts, how many are of either set is what there is to learn, and they are spread. Points are drawn at
    random, by a seed that depends on the data: were it always by the same ranks, the parts would be too alike.
    """
    seed = [int(part.sum()) for part in labels.tensor_split(SLICES)]
    together = ((copies > 1) & (copies <= FOLDS))[which]
    part = parts(len(copies), "copies")[which]
    for label in (0, 1):
        single = ~together & (labels == label)
        part[single] = parts(int(single.sum()), label, *seed)
    return part


def parts(n: int, *seed: str | int) -> Tensor:
    """Which part each of n points belongs to, at random and as evenly as can be: [n]."""
    number = torch.empty(n, dtype=torch.int64)
    order = keyed_bits(torch.tensor([derive_seed(0, "parts", *seed)]), 0, n)[0].argsort(stable=True)
    number[order] = torch.arange(n) % FOLDS
    return number


def nearest(points: Tensor, k: int) -> Tensor:
    """The k nearest others of each point, the nearest first: [N, k]."""
    found = []
    for start in range(0, len(points), CHUNK):
        distances = torch.cdist(points[start : start + CHUNK], points)
        rows = torch.arange(len(distances))
        distances[rows, start + rows] = math.inf
        found.append(distances.topk(k, largest=False).indices)
    return torch.cat(found)


def with_ones(x: Tensor) -> Tensor:
    """x [N, F] with a column for the intercept."""
    return torch.cat([x, torch.ones_like(x[:, :1])], 1)


def penalty_of(x: Tensor) -> Tensor:
    """Of each weight for the columns of `with_ones`: ‖w‖²/2, next to none for the intercept."""
    penalty = torch.ones_like(x[0])
    penalty[-1] = 1e-9
    return penalty


def separating_direction(x: Tensor, y: Tensor) -> Tensor:
    """The weights [F] of a logistic regression of y [N], 0 or 1, on x [N, F], with a penalty of ‖w‖²/2.

    By Newton's method, which ends in one point to machine precision whatever rounding was on the way.
    """
    ones = with_ones(x)
    penalty = penalty_of(ones)
    weight = torch.zeros_like(ones[0])
    for _ in range(50):
        p = torch.sigmoid(ones @ weight)
        gradient = ones.T @ (p - y) + penalty * weight
        curvature = (ones * (p * (1 - p))[:, None]).T @ ones + penalty.diag()
        step = torch.linalg.solve(curvature, gradient)
        step *= (5 / step.norm()).clamp_max(1)  # far steps overshoot where the sets are apart
        weight = weight - step
        if step.norm() < 1e-10 * (1 + weight.norm()):
            break
    return weight[:-1]


@torch.enable_grad()
def logistic_regression(x: Tensor, y: Tensor, classes: int, c: float = 1.0) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression: the minimum of Σ cross-entropy + ‖W‖²/2c, by L-BFGS.

    Args:
        x: [N, F] float64.
        y: [N] int64.
        classes: How many.
        c: As scikit-learn's C; the intercept is not penalised.

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
