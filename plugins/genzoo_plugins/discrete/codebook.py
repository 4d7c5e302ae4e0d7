"""A codebook, and the distributions of a model whose latents are codes from it."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import split_batch


class Codebook(genzoo.Quantiser):
    """K learned vectors of D numbers; a point's code is that of the nearest (van den Oord et al. 2017, eq. 1)."""

    by_gradient = True
    commits = True

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.vectors = nn.Parameter(torch.zeros(size, dim))

    @torch.no_grad()
    def reset(self) -> None:
        self.vectors.normal_()

    def bound(self, encoded: Tensor) -> Tensor:
        """Return each vector with mean 0 and variance 1.

        Without that the encoder's output grows faster than the codes, and nearly all codes become unused.
        """
        vectors = encoded.movedim(-3, -1)
        return F.layer_norm(vectors, vectors.shape[-1:]).movedim(-1, -3)

    def nearest(self, vectors: Tensor) -> Tensor:
        points = vectors.detach().movedim(-3, -1)
        # By differences: the rounding of a matrix product changes which of two codes is nearer.
        exact = "donot_use_mm_for_euclid_dist"
        distances = torch.cdist(points.flatten(0, -2), self.vectors.detach(), compute_mode=exact)
        return distances.argmin(1).view(points.shape[:-1])

    def look_up(self, codes: Tensor) -> Tensor:
        return F.embedding(codes, self.vectors).movedim(-1, -3)

    def start(self, encoded: Tensor) -> None:
        self.choose(self.bound(encoded))

    @torch.no_grad()
    def choose(self, points: Tensor) -> None:
        """Initialise the codes with distant points, by k-means++ (Arthur & Vassilvitskii 2007).

        A little noise makes the codes differ if there are fewer points than that (which have variance 1).
        """
        points = points.movedim(-3, -1).flatten(0, -2)
        self.vectors[0] = points[torch.randint(len(points), ())]
        far = torch.full_like(points[:, 0], torch.inf)
        for number in range(1, len(self.vectors)):
            far = torch.minimum(far, (points - self.vectors[number - 1]).square().sum(1))
            self.vectors[number] = points[
                torch.multinomial(far + 1e-12, 1)[0]
            ]  # avoids all weights 0 when the points are equal
        self.vectors.add_(torch.randn_like(self.vectors), alpha=0.01)


class Residual(Codebook):
    """N codes a place from one codebook, each of what the codes before it leave (Lee et al. 2022, section 3.1)."""

    symbol = "N, the number of codes at a place,"
    default = 2

    def __init__(self, size: int, dim: int, depth: int) -> None:
        super().__init__(size, dim)
        self.depth = depth

    def start(self, encoded: Tensor) -> None:
        """Choose codes by the points, and then by these and what is left of them."""
        super().start(encoded)
        self.choose(self(self.bound(encoded))[0])

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        left, codes = [points], []
        for number in range(self.depth):
            codes.append(self.nearest(left[number]))
            left.append(left[number] - self.look_up(codes[number]).detach())
        return torch.cat(left[:-1], -2), torch.cat(codes, -2)

    def joined(self, vectors: Tensor) -> Tensor:
        """Return the sum of the vectors at each place."""
        whole: Tensor = vectors.unflatten(-2, (self.depth, -1)).sum(-3)
        return whole


class Quantised(genzoo.Delta):
    """The posterior: all mass on the codes of the encoder's output (van den Oord et al. 2017, eq. 1).

    Its point is the grid of their vectors; the gradient passes straight through to the encoder (section 3.2). Of the N
    codes of a place, each passes on a share 1/N, so that the gradient of their sum is that of the encoder's output.

    Args:
        encoded: What the vectors stand for: the encoder's output, [B, D, N·H, W].
        codes: The codes, [B, N·H, W].
        vectors: The vectors of the codes, [B, D, N·H, W]: the codebook's gradient comes through these alone.
        depth: N.
    """

    measure = "probability"

    def __init__(self, encoded: Tensor, codes: Tensor, vectors: Tensor, depth: int = 1) -> None:
        super().__init__(vectors.detach() + (encoded - encoded.detach()) / depth, event_dims=3)  # exactly the vectors
        self.encoded, self.codes, self.vectors, self.depth = encoded, codes, vectors, depth

    def kl(self, p: genzoo.Distribution) -> Tensor | None:
        """−ln p(codes): the entropy of a point is 0."""
        return -p.log_prob_of(self.codes) if isinstance(p, CodePrior) else None

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        encoded, codes, vectors = (split_batch(part, sizes) for part in (self.encoded, self.codes, self.vectors))
        return type(self)(encoded, codes, vectors, self.depth)


class CodePrior(genzoo.Distribution):
    """Independent codes, with separate probabilities for each place of the grid. A value is a grid of their vectors.

    Args:
        logits: [H, W, K].
        quantiser: Of K codes.
    """

    measure = "probability"

    def __init__(self, logits: Tensor, quantiser: genzoo.Quantiser) -> None:
        super().__init__(event_dims=3)
        self.log_probabilities = logits.log_softmax(-1)
        self.quantiser = quantiser

    @property
    def shape(self) -> torch.Size:
        height, width, _ = self.log_probabilities.shape
        return torch.Size((self.quantiser.dim, height, width))

    @property
    def mean(self) -> Tensor:
        every = torch.arange(self.quantiser.size, device=self.log_probabilities.device)[:, None]
        return (self.log_probabilities.exp() @ self.quantiser.look_up(every)[..., 0].mT).movedim(-1, 0)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw vectors of codes. Codes cannot be reparameterised, so the logits get no gradient."""
        gumbel = -torch.empty(*sample_shape, *self.log_probabilities.shape).exponential_().log()
        return self.quantiser.look_up((self.log_probabilities.detach() + gumbel.to(self.log_probabilities)).argmax(-1))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of the codes nearest to a value: for a grid of code vectors, those codes."""
        self._check(value)
        return self.log_prob_of(self.quantiser.nearest(value))

    def log_prob_of(self, codes: Tensor) -> Tensor:
        """Return ln p of codes [..., H, W], in nats: [...]."""
        table = self.log_probabilities.flatten(0, 1)
        places = torch.arange(len(table), device=codes.device)
        return table[places, codes.flatten(-2)].sum(-1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("a prior has no batch axis to split")
