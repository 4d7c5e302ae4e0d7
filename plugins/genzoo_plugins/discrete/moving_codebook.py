"""A codebook that follows the encoder as a moving average, by k-means, instead of by gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.noise import uniform
from genzoo_plugins.discrete.codebook import Codebook
from genzoo_plugins.discrete.vq_vae import VQ, VQVAE

TINY = 1e-6
RESTART = 0.05


class MovingMeans(nn.Module):
    """Moving averages N of the number of points nearest to each code and m of their sum; the code is m/N.

    A code that hardly any point is nearest to is put at a random point of the batch (van den Oord et al. 2017, appendix
    A.1; Dhariwal et al. 2020, section 3.1).
    """

    counts: Tensor
    sums: Tensor

    def keep(self, vectors: Tensor) -> None:
        """Register the averages of codes at these vectors [K, D]."""
        self.register_buffer("counts", vectors.new_ones(len(vectors)))
        self.register_buffer("sums", vectors.detach().clone())

    def moved(self, codebook: Codebook, grid: Tensor, decay: float, restart: float) -> None:
        """Move the codes to points [B, D, H, W]; those with less than `restart` points, on average, to any of them."""
        own = genzoo.gather(grid.movedim(1, -1).flatten(1, 2))  # [B, H·W, D]
        order = genzoo.gather(uniform(grid[:, 0].flatten(1))).flatten().argsort()
        points, codes = own.flatten(0, 1), genzoo.gather(codebook.nearest(grid)).flatten()
        counts = torch.zeros_like(self.counts).index_add_(0, codes, points.new_ones(len(points)))
        sums = torch.zeros_like(self.sums).index_add_(0, codes, points)
        self.counts.lerp_(counts, 1 - decay)
        self.sums.lerp_(sums, 1 - decay)
        chosen = points[order[torch.arange(len(self.counts), device=order.device) % len(points)]]
        dead = self.counts < restart
        self.sums.copy_(torch.where(dead[:, None], chosen, self.sums))
        self.counts.copy_(torch.where(dead, 1.0, self.counts))
        used = self.counts[:, None] > TINY  # else the code stays where it is
        codebook.vectors.copy_(torch.where(used, self.sums / self.counts[:, None], codebook.vectors))


class MovingCodebook(MovingMeans, Codebook):
    """A codebook whose codes are moving averages of the points nearest to them; it has no gradient."""

    symbol = "γ, the decay of the moving averages,"
    default = 0.99
    by_gradient = False
    follows = True

    def __init__(self, size: int, dim: int, decay: float) -> None:
        super().__init__(size, dim)
        self.decay = decay
        self.vectors.requires_grad_(False)
        self.keep(self.vectors)

    @classmethod
    def parse(cls, text: str) -> Any:
        decay = super().parse(text)
        if decay >= 1:
            raise ValueError(f"{cls.symbol} must be below 1")
        return decay

    def start(self, encoded: Tensor) -> None:
        super().start(encoded)
        self.sums.copy_(self.vectors)

    def follow(self, points: Tensor) -> None:
        self.moved(self, points, self.decay, RESTART)


class MovingVQ(MovingMeans, VQ):
    """The loss `vq` with the codebook of the quantiser `ema`, whose averages the loss keeps."""

    @genzoo.config
    class Config(VQ.Config):
        decay: genzoo.Fraction = 0.99
        """Decay of the moving averages."""
        restart: genzoo.NonNegative = RESTART
        """Move a code to a random vector when the average number of vectors in a batch is below this; 0: never."""

    config: Config

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.keep(self.codebook_of(model).vectors.requires_grad_(False))

    @classmethod
    def refuses(cls, model: genzoo.Model) -> str | None:
        other = isinstance(model, VQVAE) and type(model.codebook) is not Codebook
        return super().refuses(model) or ("it moves the codebook of --quantiser vq" if other else None)

    @staticmethod
    def codebook_of(model: genzoo.Model) -> Codebook:
        """Return the model's codebook."""
        assert isinstance(model, VQVAE)
        assert isinstance(model.codebook, Codebook)
        return model.codebook

    def pulls_vectors(self, quantiser: genzoo.Quantiser) -> bool:
        return False

    def begin(self, model: genzoo.Model, total_steps: int) -> None:
        """Start from the codes that `prepare` has chosen."""
        self.sums.copy_(self.codebook_of(model).vectors)

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        assert isinstance(model, VQVAE)
        points = model.encoded(batch.x)
        self.moved(self.codebook_of(model), points, self.config.decay, self.config.restart)
