"""Ladder variational autoencoder of two or more levels."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.nets import ACTIVATIONS, Activation, FlatDecoder, FlatEncoder, mlp, widened
from genzoo_plugins.hierarchical.ladder import Ladder, LadderInference


class LadderVAE(genzoo.LatentModel):
    """p(z₂) p(z₁|z₂) p(x|z₁), with posterior q(z₂|x) q(z₁|z₂, x). The last factor merges p(z₁|z₂) with a Gaussian
    of z₁ given x, each weighted by its precision (Sønderby et al. 2016, eq. 1-3 and 17-19). With more levels, z₂ is
    generated from z₃ in the same way, and so on; only the top level has a standard normal prior.

    A code is z = (z₁, z₂, …), concatenated; x is decoded from z₁ alone, and `encode` uses the means. Widths and latents
    are those of the paper's two lowest levels. There is no batch normalisation, which the paper needed for five levels;
    the KL's warm-up, `kl_warmup` of the loss, is on.
    """

    @genzoo.config
    class Config:
        latent_dims: tuple[genzoo.Count, ...] = (64, 32)
        """Lengths of z₁, z₂ and any further levels, from the lowest up."""
        hidden: tuple[genzoo.Count, ...] = (512, 512)
        """Widths of the encoder's hidden layers between x and z₁, one at least; the decoder has them reversed."""
        top_hidden: tuple[genzoo.Count, ...] = (256, 256)
        """Widths of the hidden layers between two levels on the way up; on the way down reversed."""
        activation: Activation = "leaky-relu"
        """Nonlinearity between layers."""

        def __post_init__(self) -> None:
            if len(self.latent_dims) < 2:
                raise genzoo.UsageError("--latent-dims needs two levels at least", "one level: genzoo run vae")
            if not self.hidden:
                raise genzoo.UsageError("--hidden needs one width at least: both levels look at the last layer")

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.lower_dim, second, *_ = config.latent_dims
        self.top_dim = config.latent_dims[-1]
        act, width = config.activation, config.hidden[-1]
        self.head = genzoo.make_likelihood(spec.likelihood)
        encoder = FlatEncoder(spec.shape, config.hidden[:-1], width, act)
        self.features = nn.Sequential(encoder, ACTIVATIONS[act]())
        self.evidence = nn.Linear(width, 2 * self.lower_dim)
        top_width = config.top_hidden[-1] if config.top_hidden else width
        above = width if len(config.latent_dims) == 2 else top_width
        self.up = mlp(above, config.top_hidden, 2 * self.top_dim, act)
        self.down = mlp(second, config.top_hidden[::-1], 2 * self.lower_dim, act)
        self.decoder = FlatDecoder(self.lower_dim, config.hidden[::-1], widened(spec.shape, self.head.outputs), act)
        pairs = itertools.pairwise(config.latent_dims[1:])
        self.rungs = nn.ModuleList(
            Rung(top_width if level else width, config, *dims) for level, dims in enumerate(pairs)
        )

    def posterior(self, x: Tensor) -> Ladder:
        features = self.features(x)
        evidence = [genzoo.DiagGaussian.from_parameters(self.evidence(features))]
        for rung in self.between():
            features = rung.features(features)
            evidence.append(genzoo.DiagGaussian.from_parameters(rung.evidence(features)))
        return self.ladder(genzoo.DiagGaussian.from_parameters(self.up(features)), evidence)

    def between(self) -> list[Rung]:
        """Return the nets of the levels between the lowest and the top one, from the lowest up."""
        return [rung for rung in self.rungs if isinstance(rung, Rung)]

    def prior(self) -> Ladder:
        return self.ladder(genzoo.StandardNormal((self.top_dim,), like=self.anchor), [None] * (1 + len(self.rungs)))

    def ladder(self, top: genzoo.DiagGaussian, evidence: Sequence[genzoo.DiagGaussian | None]) -> Ladder:
        """Return the distribution of all levels from that of the top one and the evidence of those below, z₁ first."""
        found: genzoo.DiagGaussian | Ladder = top
        downs = [self.down, *(rung.down for rung in self.between())]
        dims = self.config.latent_dims
        for level in reversed(range(len(downs))):
            generate = functools.partial(generated, downs[level], dims[level + 1])
            found = Ladder(found, generate, dims[level], evidence[level])
        assert isinstance(found, Ladder)
        return found

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(z[..., : self.lower_dim]))
        return px

    def infer(self, batch: genzoo.Batch, k: int = 1) -> LadderInference:
        return LadderInference(*super().infer(batch, k))


class Rung(nn.Module):
    """The nets of a level between the lowest and the top one: of its features, its evidence, and z_l given z_{l+1}."""

    def __init__(self, width: int, config: LadderVAE.Config, own: int, above: int) -> None:
        super().__init__()
        act, hidden = config.activation, config.top_hidden
        body = mlp(width, hidden[:-1], hidden[-1], act) if hidden else nn.Linear(width, width)
        self.features = nn.Sequential(body, ACTIVATIONS[act]())
        self.evidence = nn.Linear(hidden[-1] if hidden else width, 2 * own)
        self.down = mlp(above, hidden[::-1], 2 * own, act)


def generated(down: nn.Module, size: int, above: Tensor) -> genzoo.DiagGaussian:
    """p(z_l|z_{l+1}) from the codes of all levels above l [*, D], of which the first `size` numbers are z_{l+1}."""
    return genzoo.DiagGaussian.from_parameters(down(above[..., :size]))


class KLLevels(genzoo.Metric):
    """KL of the top level, 0 if it is unused; beside it that of all levels below, each given those above it."""

    label = "KL of the top level"
    unit = "nats"
    better = None

    def refuses(self, model: genzoo.Model) -> str | None:
        return None if isinstance(model, LadderVAE) else "no ladder"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        """[B, L]: of z₁, z₂, …"""
        inference = examined.inference
        assert isinstance(inference, LadderInference)
        return torch.stack(inference.kl_of_levels(), 1)

    def summarise(self, values: Tensor) -> float:
        return values[:, -1].mean().item()

    def standard_error(self, values: Tensor) -> float | None:
        return super().standard_error(values[:, -1])

    def details(self, values: Tensor) -> dict[str, Any]:
        *below, top = values.mean(0).tolist()
        levels = "level" if len(below) == 1 else f"{len(below)} levels"
        return {"below": sum(below), "top": top, "note": f"of the {levels} below {sum(below):.2f}"}
