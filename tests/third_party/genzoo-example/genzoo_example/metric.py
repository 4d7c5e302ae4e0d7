"""How sparse codes are."""

from __future__ import annotations

import math

from torch import Tensor

import genzoo


class CodeSparseness(genzoo.Metric):
    """Hoyer's sparseness of the posterior mean, (√D − ‖z‖₁/‖z‖₂)/(√D − 1): 0 where all D latents are alike in size, 1
    where one alone is not 0 (Hoyer 2004, section 3.1).
    """

    label = "sparseness of the codes"
    better = None  # neither a sparse nor a dense code is the better one

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, genzoo.LatentModel) else "no encoder"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B]."""
        z = examined.inference.q.mean.flatten(1)
        root = math.sqrt(z.shape[1])
        ratio: Tensor = z.abs().sum(1) / z.square().sum(1).sqrt().clamp(min=1e-12)
        return (root - ratio) / max(root - 1, 1e-12)
