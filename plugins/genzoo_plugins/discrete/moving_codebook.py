"""A codebook that follows the encoder as a moving average, by k-means, instead of by gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import uniform
from genzoo_plugins.discrete.vq_vae import VQ, VQVAE

TINY = 1e-6


class MovingVQ(VQ):
    """−ln p(x|z) − ln p(z) + β‖e − sg[z]‖²; after each step every code moves to the mean of the vectors nearest to it
    (van den Oord et al. 2017, appendix A.1).

    With moving averages N of the number of these vectors and m of their sum, the code is m/N. A code that hardly any
    vector is nearest to is put at a random vector of the batch (Dhariwal et al. 2020, section 3.1). "distortion" is
    ‖e − z‖², and the codebook has no gradient.
    """

    @genzoo.config
    class Config(VQ.Config):
        decay: genzoo.Fraction = 0.99
        """Decay of the moving averages."""
        restart: genzoo.NonNegative = 0.05
        """Move a code to a random vector when the average number of vectors in a batch is below this; 0: never."""

    config: Config
    counts: Tensor
    sums: Tensor

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        assert isinstance(model, VQVAE)
        vectors = model.codebook.vectors.requires_grad_(False)
        self.register_buffer("counts", vectors.new_ones(len(vectors)))
        self.register_buffer("sums", vectors.detach().clone())

    def codebook_loss(self, distortion: Tensor) -> Tensor | float:
        return 0.0

    def begin(self, model: genzoo.Model, total_steps: int) -> None:
        """Start from the codes that `prepare` has chosen."""
        assert isinstance(model, VQVAE)
        self.sums.copy_(model.codebook.vectors)

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        assert isinstance(model, VQVAE)
        grid = model.encoded(batch.x)
        own = genzoo.gather(grid.movedim(1, -1).flatten(1, 2))  # [B, H·W, D]
        order = genzoo.gather(uniform(grid[:, 0].flatten(1))).flatten().argsort()
        points, codes = own.flatten(0, 1), genzoo.gather(model.codebook.nearest(grid)).flatten()
        counts = torch.zeros_like(self.counts).index_add_(0, codes, points.new_ones(len(points)))
        sums = torch.zeros_like(self.sums).index_add_(0, codes, points)
        self.counts.lerp_(counts, 1 - self.config.decay)
        self.sums.lerp_(sums, 1 - self.config.decay)
        chosen = points[order[torch.arange(len(self.counts), device=order.device) % len(points)]]
        dead = self.counts < self.config.restart
        self.sums.copy_(torch.where(dead[:, None], chosen, self.sums))
        self.counts.copy_(torch.where(dead, 1.0, self.counts))
        used = self.counts[:, None] > TINY  # else the code stays where it is
        model.codebook.vectors.copy_(torch.where(used, self.sums / self.counts[:, None], model.codebook.vectors))
