"""Hidden values of Gaussians and their mixtures, given the others: exact draws and densities."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from genzoo.core.imputer import Imputer
from genzoo.core.mixture import GaussianMixture

RIDGE = 1e-9
"""Added to the variances given known values, relative to their mean: rounding must leave them positive."""


class GaussianImputer(Imputer):
    """Draws from Σ π_k(known) N(hidden; μ_k + C_ho C_oo⁻¹ (known − μ_k), C_hh − C_ho C_oo⁻¹ C_oh), for a model whose
    p(x) is a mixture of Gaussians (Bishop 2006, eq. 2.81 and 2.82).
    """

    @abstractmethod
    def as_mixture(self) -> GaussianMixture:
        """Return p(x) of flat examples [D], in float64."""

    def impute(self, x: Tensor, known: Tensor) -> Tensor:
        mixture, flat = self.as_mixture(), x.flatten(1).double().clone()
        for mask, rows in by_mask(known):
            if bool(mask.all()):
                continue
            drawn = conditional_draws(mixture, flat[rows][:, mask], mask)
            flat[rows[:, None], (~mask).nonzero()[:, 0]] = drawn
        return flat.view_as(x).to(x.dtype)

    def log_hidden(self, x: Tensor, known: Tensor) -> Tensor:
        mixture, flat = self.as_mixture(), x.flatten(1).double()
        found = mixture.log_prob(flat)
        for mask, rows in by_mask(known):
            if bool(mask.any()):
                found[rows] -= marginal(mixture, mask).log_prob(flat[rows][:, mask])
        return found


def by_mask(known: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return each different mask [D] of known [N, *S], with the rows that have it."""
    masks, which = known.flatten(1).unique(dim=0, return_inverse=True)
    return [(mask, (which == number).nonzero()[:, 0]) for number, mask in enumerate(masks)]


def marginal(mixture: GaussianMixture, where: Tensor) -> GaussianMixture:
    """Return the mixture of some of the values, where [D] bool."""
    return GaussianMixture(mixture.weights, mixture.means[:, where], mixture.covariances[:, where][:, :, where])


def conditional_draws(mixture: GaussianMixture, seen: Tensor, known: Tensor) -> Tensor:
    """Draw hidden values given known ones [N, O], where known [D] bool: [N, D − O]."""
    if not bool(known.any()):
        return mixture.sample(len(seen))
    hidden = ~known
    share = marginal(mixture, known).joint(seen).softmax(1)
    component = torch.multinomial(share, 1)[:, 0]
    drawn = seen.new_empty(len(seen), int(hidden.sum()))
    for number in component.unique().tolist():
        rows = component == number
        mean, covariance = mixture.means[number], mixture.covariances[number]
        across = torch.linalg.solve(covariance[known][:, known], covariance[known][:, hidden])  # C_oo⁻¹ C_oh
        left = covariance[hidden][:, hidden] - covariance[hidden][:, known] @ across
        left = (left + left.T) / 2
        left.diagonal().add_(RIDGE * left.diagonal().mean())
        centre = mean[hidden] + (seen[rows] - mean[known]) @ across
        noise = torch.randn(centre.shape, dtype=centre.dtype, device=centre.device)
        drawn[rows] = centre + noise @ torch.linalg.cholesky(left).T
    return drawn
