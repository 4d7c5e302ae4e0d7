"""Sparse autoencoders: an overcomplete dictionary of which each example uses few atoms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import widened
from genzoo_plugins.autoencoders.penalised import Penalised


class SparseAE(genzoo.LatentModel):
    """z = TopK(relu(W(x − b) + a)) and a reconstruction b + Σ z_j d_j with atoms d_j of length 1 (Makhzani & Frey 2014;
    Gao et al. 2024, section 2.3).

    Atoms are normed in the forward pass: otherwise a penalty on z is evaded by small codes and large atoms. Before
    training W are the atoms.
    """

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 512
        """The number of atoms."""
        active: genzoo.Natural = 32
        """k, how many of them an example uses at most; 0: any number, for the loss `l1`."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.head = genzoo.make_likelihood(spec.likelihood)
        self.shape = widened(spec.shape, self.head.outputs)
        self.active = min(config.active, config.latent_dim)
        self.encoder = nn.Linear(spec.numel, config.latent_dim)
        self.atoms = nn.Parameter(torch.randn(config.latent_dim, spec.numel * self.head.outputs))
        self.bias = nn.Parameter(torch.zeros(spec.numel * self.head.outputs))
        with torch.no_grad():
            self.encoder.weight.copy_(self.dictionary[:, : spec.numel])

    @property
    def dictionary(self) -> Tensor:
        """The atoms, each of length 1: [latents, outputs]."""
        return F.normalize(self.atoms, dim=1)

    def prepare(self, batch: genzoo.Batch) -> None:
        """Start the encoder's centre, W b, at the mean of the data."""
        with torch.no_grad():
            self.encoder.bias.copy_(-self.encoder.weight @ batch.x.flatten(1).mean(0))

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        z = self.encoder(x.flatten(1)).relu()
        if self.active:
            values, index = z.topk(self.active, 1)
            z = torch.zeros_like(z).scatter(1, index, values)
        return genzoo.Delta(z)

    def prior(self) -> None:
        return None

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head((z @ self.dictionary + self.bias).view(-1, *self.shape))
        return px


class L1(Penalised):
    """−ln p(x|z) + λ·‖z‖₁."""

    @genzoo.config
    class Config:
        sparsity_weight: genzoo.NonNegative = 0.1
        """λ, weight of the sum of the codes' absolute values."""

    config: Config

    def penalties(
        self, model: genzoo.LatentModel, batch: genzoo.Batch, inference: genzoo.Inference
    ) -> dict[str, tuple[float, Tensor]]:
        return {"sparsity": (self.config.sparsity_weight, inference.z[0].flatten(1).abs().sum(1).mean())}
