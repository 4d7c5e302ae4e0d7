"""The VampPrior: a mixture of the posteriors of learned inputs."""

from __future__ import annotations

import torch
from torch import nn

import genzoo

SPREAD = 0.01
"""Standard deviation, relative to that of x, of the noise that tells pseudo-inputs from one example apart."""


class VampPrior(genzoo.Prior):
    """p(z) = 1/K Σ_k q(z|u_k) with K learned pseudo-inputs u_k (Tomczak & Welling 2018, eq. 9).

    They start from training examples. With all training examples as u, p(z) is the aggregate posterior.
    """

    support = None
    symbol = "K, the number of pseudo-inputs,"
    default = 500

    def __init__(self, spec: genzoo.DataSpec, latent_dim: int, components: int) -> None:
        super().__init__(spec, latent_dim)
        self.inputs = nn.Parameter(torch.rand(components, *spec.shape))

    @torch.no_grad()
    def prepare(self, batch: genzoo.Batch) -> None:
        chosen = torch.randperm(len(batch.x), device=batch.x.device)
        chosen = chosen.repeat(-(-len(self.inputs) // len(chosen)))[: len(self.inputs)]
        self.inputs.copy_(batch.x[chosen] + SPREAD * batch.x.std() * torch.randn_like(self.inputs))

    def forward(self, model: genzoo.Model) -> genzoo.Distribution:
        if not isinstance(model, genzoo.LatentModel):
            raise genzoo.UsageError(
                f"--prior=vamp needs an encoder, and {type(model).__name__} has none", "use --prior mixture:10"
            )
        q = model.posterior(self.inputs)
        if isinstance(q, genzoo.Transformed) or q.measure == "none":
            reason = "is a point" if q.measure == "none" else "is a flow, whose density at a given z takes its inverse"
            raise genzoo.UsageError(
                f"--prior=vamp needs the density of q(z|x), which here {reason}",
                "use --posterior diagonal, or --prior mixture:10",
            )
        return genzoo.Mixture(q, self.inputs.new_zeros(len(self.inputs)))
