"""Codes with their mean and covariance taken away: what samplers share that are fitted to the rest."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo.core.mixture import fit_mixture


class Whitened(genzoo.Sampler):
    """z = μ + L·w, with μ the mean of the codes, L the Cholesky factor of their covariance, and a density of w."""

    mean: Tensor
    root: Tensor
    """[D, D]: L."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.register_buffer("mean", torch.zeros(self.dim, dtype=torch.float64))
        self.register_buffer("root", torch.eye(self.dim, dtype=torch.float64))

    def whiten(self, codes: Tensor) -> Tensor:
        """Take mean and covariance from codes [N, D], and return them whitened, [N, D]."""
        gaussian = fit_mixture(codes, 1)
        self.mean, self.root = gaussian.means[0], torch.linalg.cholesky(gaussian.covariances[0])
        return self.white(codes)

    def white(self, z: Tensor) -> Tensor:
        """Return w of codes z, both [N, D]."""
        solved: Tensor = torch.linalg.solve_triangular(self.root, (z - self.mean).T, upper=False).T
        return solved

    def coloured(self, w: Tensor) -> Tensor:
        """Return the codes of w, both [N, D]."""
        return self.mean + w @ self.root.T

    @property
    def log_det(self) -> Tensor:
        """ln |det dw/dz|, of shape []."""
        return -self.root.diagonal().log().sum()
