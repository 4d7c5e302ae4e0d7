"""A model that decodes noise, without an encoder and without a density, and the game that trains it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.nets import FlatDecoder, FlatEncoder
from genzoo.core.noise import standard_normal


class StarterGame(genzoo.Decoder, genzoo.Model):
    """x = G(z) with z ~ N(0, I)."""

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 16
        """Length of z."""
        width: genzoo.Count = 64
        """Units of the hidden layer."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.net = FlatDecoder(config.latent_dim, (config.width,), spec.shape, "relu")

    def prior(self) -> genzoo.Distribution:
        return genzoo.StandardNormal((self.config.latent_dim,), like=self.anchor)

    def decode(self, z: Tensor) -> Tensor:
        """z [N, D] → x [N, *S]; images lie in [0, 1]."""
        x: Tensor = self.net(z)
        return x.sigmoid() if self.spec.is_image else x

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return self.decode(self.prior().rsample((n,)))


class StarterGameLoss(genzoo.Loss):
    """Two phases: the critic learns to tell data from samples, then the generator to be taken for data, in nats."""

    accepts = StarterGame
    watched = ""  # no term tells which epoch is better
    phases = (
        genzoo.Phase("critic", of="loss", betas=(0.5, 0.999)),
        genzoo.Phase("generator", of="model", betas=(0.5, 0.999)),
    )

    @genzoo.config
    class Config:
        width: genzoo.Count = 64
        """Units of the critic's hidden layer."""

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.critic = FlatEncoder(model.spec.shape, (config.width,), 1, "leaky-relu")

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        assert isinstance(model, StarterGame)
        z = standard_normal((), batch.x.new_empty(len(batch.x), model.config.latent_dim))
        if phase == 1:
            return {"generator": F.softplus(-self.critic(model.decode(z))).mean()}
        with torch.no_grad():
            fakes = model.decode(z)
        return {"critic": F.softplus(-self.critic(batch.x)).mean() + F.softplus(self.critic(fakes)).mean()}
