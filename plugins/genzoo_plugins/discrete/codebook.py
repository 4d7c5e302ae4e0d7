"""A codebook, and the distributions of a model whose latents are codes from it."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import split_batch


class Codebook(nn.Module):
    """K vectors of D numbers. Grids of codes are [..., H, W], int64; grids of vectors are [..., D, H, W]."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(size, dim))

    def nearest(self, grid: Tensor) -> Tensor:
        """Return the code whose vector is nearest to the vector at each place: [..., D, H, W] → [..., H, W]."""
        points = grid.detach().movedim(-3, -1)
        # By differences: the rounding of a matrix product changes which of two codes is nearer.
        exact = "donot_use_mm_for_euclid_dist"
        distances = torch.cdist(points.flatten(0, -2), self.vectors.detach(), compute_mode=exact)
        return distances.argmin(1).view(points.shape[:-1])

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes: [..., H, W] → [..., D, H, W]."""
        return F.embedding(codes, self.vectors).movedim(-1, -3)

    @torch.no_grad()
    def start(self, grid: Tensor) -> None:
        """Initialise the codes with distant vectors of a grid, by k-means++ (Arthur & Vassilvitskii 2007).

        A little noise makes the codes differ if the grid has fewer vectors than that (which have variance 1).
        """
        points = grid.movedim(-3, -1).flatten(0, -2)
        self.vectors[0] = points[torch.randint(len(points), ())]
        far = torch.full_like(points[:, 0], torch.inf)
        for number in range(1, len(self.vectors)):
            far = torch.minimum(far, (points - self.vectors[number - 1]).square().sum(1))
            self.vectors[number] = points[
                torch.multinomial(far + 1e-12, 1)[0]
            ]  # avoids all weights 0 when the points are equal
        self.vectors.add_(torch.randn_like(self.vectors), alpha=0.01)


class Quantised(genzoo.Delta):
    """The posterior: all mass on the codes nearest to the encoder's output (van den Oord et al. 2017, eq. 1).

    Its point is the grid of their vectors; the gradient passes straight through to the encoder (section 3.2).

    Args:
        encoded: The encoder's output, [B, D, H, W].
        codes: The nearest codes, [B, H, W].
        vectors: The vectors of the codes, [B, D, H, W]: the codebook's gradient comes through these alone.
    """

    measure = "probability"

    def __init__(self, encoded: Tensor, codes: Tensor, vectors: Tensor) -> None:
        super().__init__(vectors.detach() + (encoded - encoded.detach()), event_dims=3)  # exactly the vectors
        self.encoded, self.codes, self.vectors = encoded, codes, vectors

    def kl(self, p: genzoo.Distribution) -> Tensor | None:
        """−ln p(codes): the entropy of a point is 0."""
        return -p.log_prob_of(self.codes) if isinstance(p, CodePrior) else None

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(*(split_batch(part, sizes) for part in (self.encoded, self.codes, self.vectors)))


class CodePrior(genzoo.Distribution):
    """Independent codes, with separate probabilities for each place of the grid. A value is a grid of their vectors.

    Args:
        logits: [H, W, K].
        codebook: Of K codes.
    """

    measure = "probability"

    def __init__(self, logits: Tensor, codebook: Codebook) -> None:
        super().__init__(event_dims=3)
        self.log_probabilities = logits.log_softmax(-1)
        self.codebook = codebook

    @property
    def shape(self) -> torch.Size:
        height, width, _ = self.log_probabilities.shape
        return torch.Size((self.codebook.vectors.shape[1], height, width))

    @property
    def mean(self) -> Tensor:
        return (self.log_probabilities.exp() @ self.codebook.vectors).movedim(-1, 0)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw vectors of codes. Codes cannot be reparameterised, so the logits get no gradient."""
        gumbel = -torch.empty(*sample_shape, *self.log_probabilities.shape).exponential_().log()
        return self.codebook.look_up((self.log_probabilities.detach() + gumbel.to(self.log_probabilities)).argmax(-1))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of the codes nearest to a value: for a grid of code vectors, those codes."""
        self._check(value)
        return self.log_prob_of(self.codebook.nearest(value))

    def log_prob_of(self, codes: Tensor) -> Tensor:
        """Return ln p of codes [..., H, W], in nats: [...]."""
        table = self.log_probabilities.flatten(0, 1)
        places = torch.arange(len(table), device=codes.device)
        return table[places, codes.flatten(-2)].sum(-1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("a prior has no batch axis to split")
