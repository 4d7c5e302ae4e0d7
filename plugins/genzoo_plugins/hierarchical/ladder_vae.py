"""Ladder variational autoencoder of two levels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, FlatDecoder, FlatEncoder, mlp, widened
from genzoo_plugins.hierarchical.ladder import Ladder, LadderInference


class LadderVAE(genzoo.LatentModel):
    """p(z₂) p(z₁|z₂) p(x|z₁), with posterior q(z₂|x) q(z₁|z₂, x). The last factor merges p(z₁|z₂) with a Gaussian
    of z₁ given x, each weighted by its precision (Sønderby et al. 2016, eq. 1-3 and 17-19).

    A code is z = (z₁, z₂), concatenated; x is decoded from z₁ alone, and `encode` uses the means. Widths and latents
    are those of the paper's two lowest levels. There is no batch normalisation, which the paper needed for five levels;
    the KL's warm-up, `kl_warmup` of the loss, is on.
    """

    @genzoo.config
    class Config:
        latent_dims: tuple[genzoo.Count, genzoo.Count] = (64, 32)
        """Lengths of z₁ and z₂."""
        hidden: tuple[genzoo.Count, ...] = (512, 512)
        """Widths of the encoder's hidden layers between x and z₁, one at least; the decoder has them reversed."""
        top_hidden: tuple[genzoo.Count, ...] = (256, 256)
        """Widths of the hidden layers between z₁ and z₂ on the way up; on the way down reversed."""
        activation: Activation = "leaky-relu"
        """Nonlinearity between layers."""

        def __post_init__(self) -> None:
            if not self.hidden:
                raise genzoo.UsageError("--hidden needs one width at least: both levels look at the last layer")

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.lower_dim, self.top_dim = config.latent_dims
        act, width = config.activation, config.hidden[-1]
        self.head = genzoo.make_likelihood(spec.likelihood)
        encoder = FlatEncoder(spec.shape, config.hidden[:-1], width, act)
        self.features = nn.Sequential(encoder, ACTIVATIONS[act]())
        self.evidence = nn.Linear(width, 2 * self.lower_dim)
        self.up = mlp(width, config.top_hidden, 2 * self.top_dim, act)
        self.down = mlp(self.top_dim, config.top_hidden[::-1], 2 * self.lower_dim, act)
        self.decoder = FlatDecoder(self.lower_dim, config.hidden[::-1], widened(spec.shape, self.head.outputs), act)

    def generate(self, z2: Tensor) -> genzoo.DiagGaussian:
        """p(z₁|z₂) for z₂ [*, D₂]: [*, D₁]."""
        return genzoo.DiagGaussian.from_parameters(self.down(z2))

    def posterior(self, x: Tensor) -> Ladder:
        features = self.features(x)
        top = genzoo.DiagGaussian.from_parameters(self.up(features))
        evidence = genzoo.DiagGaussian.from_parameters(self.evidence(features))
        return Ladder(top, self.generate, self.lower_dim, evidence)

    def prior(self) -> Ladder:
        return Ladder(genzoo.StandardNormal((self.top_dim,), like=self.anchor), self.generate, self.lower_dim)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z[..., : self.lower_dim]))
        return px

    def infer(self, batch: genzoo.Batch, k: int = 1) -> LadderInference:
        return LadderInference(*super().infer(batch, k))


class KLLevels(genzoo.Metric):
    """KL(q(z₂|x)‖p(z₂)), 0 if the top level is unused; beside it the KL of z₁ given z₂."""

    label = "KL of the top level"
    unit = "nats"
    better = None

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, LadderVAE) else "no ladder"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B, 2]: of z₁ and of z₂."""
        inference = examined.inference
        assert isinstance(inference, LadderInference)
        return torch.stack(inference.kl_of_levels(), 1)

    def summarise(self, values: Tensor) -> float:
        return values[:, 1].mean().item()

    def standard_error(self, values: Tensor) -> float | None:
        return super().standard_error(values[:, 1])

    def details(self, values: Tensor) -> dict[str, Any]:
        below, top = values.mean(0).tolist()
        return {"below": below, "top": top, "note": f"of the level below {below:.2f}"}
