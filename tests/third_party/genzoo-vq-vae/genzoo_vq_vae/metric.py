"""How much of a codebook is used."""

from __future__ import annotations

import torch
from torch import Tensor

import genzoo
from genzoo_vq_vae.codes import Quantised
from genzoo_vq_vae.model import VQVAE


class CodePerplexity(genzoo.Metric):
    """exp of the entropy of the codes' frequencies over all examples and places: K where all are used alike."""

    label = "codes in use (perplexity)"
    better = "higher"

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, VQVAE) else "no codebook"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B, H·W] codes."""
        q = examined.inference.q
        assert isinstance(q, Quantised)
        return q.codes.flatten(1)

    def summarise(self, values: Tensor) -> float:
        shares = torch.bincount(values.long().flatten()).double() / values.numel()
        return float(torch.special.entr(shares).sum().exp())

    def standard_error(self, values: Tensor) -> float | None:
        return None
