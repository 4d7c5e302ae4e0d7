"""What losses ask that need q(z|x) to be a diagonal Gaussian."""

from __future__ import annotations

import torch

import genzoo


def why_not_gaussian(model: genzoo.LatentModel) -> str | None:
    """Return why a loss refuses a model whose q(z|x) is no diagonal Gaussian; None if it is one."""
    tokens = torch.int64 if model.spec.is_discrete else model.anchor.dtype
    blank = torch.zeros(1, *model.spec.shape, dtype=tokens, device=model.anchor.device)
    with torch.no_grad(), genzoo.evaluating(model):
        q = model.posterior(blank)
    gaussian = isinstance(q, genzoo.DiagGaussian)
    return None if gaussian else f"it needs a diagonal Gaussian posterior, and {type(model).__name__} has another"
