"""A variational autoencoder whose latents are codes from a codebook."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.nets import require_images, widened
from genzoo_plugins.discrete.codebook import CodePrior, Quantised

LOGIT_SCALE = 10.0
"""Logits move by several nats, but Adam moves a parameter by about the learning rate a step: this makes it tenfold."""


class Residual(nn.Module):
    """x + a 3×3 and a 1×1 convolution of it, each after a ReLU (van den Oord et al. 2017, section 4.1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width // 2, 3, padding=1), nn.ReLU(), nn.Conv2d(width // 2, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.body(x)
        return changed


class GridEncoder(nn.Sequential):
    """x [N, C, H, W] → [N, outputs, ⌊H/2ˡ⌋, ⌊W/2ˡ⌋]: l 4×4 convolutions of stride 2, then residual blocks."""

    channels_last = True

    def __init__(self, inputs: int, width: int, levels: int, blocks: int, outputs: int) -> None:
        layers: list[nn.Module] = []
        for _ in range(levels):
            layers += [nn.Conv2d(inputs, width, 4, stride=2, padding=1), nn.ReLU()]
            inputs = width
        super().__init__(*layers[:-1], *(Residual(width) for _ in range(blocks)), nn.Conv2d(width, outputs, 1))


class GridDecoder(nn.Sequential):
    """The mirror of `GridEncoder`: z [N, inputs, h, w] → [N, *shape]."""

    channels_last = True

    def __init__(self, inputs: int, width: int, levels: int, blocks: int, shape: tuple[int, ...]) -> None:
        outputs, *sides = shape
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 3, padding=1), *(Residual(width) for _ in range(blocks))]
        for level in reversed(range(levels)):
            odd = (sides[0] >> level & 1, sides[1] >> level & 1)  # sides are halved and rounded down
            width_out = width if level else outputs
            upsample = nn.ConvTranspose2d(width, width_out, 4, stride=2, padding=1, output_padding=odd)
            layers += [nn.ReLU(), upsample]
        super().__init__(*layers)


class VQVAE(genzoo.LatentModel, genzoo.Tokeniser):
    """z is a grid of code vectors: q(z|x) the codes of the encoder's output, p(z) independent codes.

    The prior has learnt probabilities for each place. In the paper it is uniform during training, and an autoregressive
    model of the codes afterwards (van den Oord et al. 2017, section 3.3). Its gradient never reaches the encoder.
    """

    @genzoo.config
    class Config:
        codes: genzoo.Count = 512
        """K, number of codes in a codebook."""
        code_dim: Annotated[int, genzoo.Range(3)] = 4
        """D, length of a code's vector in a codebook. In many dimensions fewer codes are used."""
        levels: genzoo.Count = 3
        """Convolutions of stride 2 in the encoder: each halves the sides of the grid of codes."""
        width: genzoo.Count = 32
        """Feature maps between the layers."""
        residual_blocks: genzoo.Natural = 2
        """Residual blocks in the encoder, and in the decoder."""
        quantiser: str = "vq"
        """How vectors become codes, one of `genzoo list --kind quantiser`."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        require_images("vq-vae", spec.shape, at_least=2**config.levels)
        self.head = genzoo.make_likelihood(spec.likelihood)
        nets = (config.width, config.levels, config.residual_blocks)
        quantiser: genzoo.Quantiser = genzoo.make_part("quantiser", config.quantiser, config.codes, config.code_dim)
        self.encoder = GridEncoder(spec.shape[0], *nets, quantiser.dim)
        self.decoder = GridDecoder(quantiser.dim, *nets, widened(spec.shape, self.head.outputs))
        quantiser.reset()
        self.codebook = quantiser
        height, width = (side >> config.levels for side in spec.shape[1:])
        self.scaled_logits = nn.Parameter(torch.zeros(quantiser.depth * height, width, quantiser.size))
        self.vocabulary = quantiser.size

    def prepare(self, batch: genzoo.Batch) -> None:
        self.codebook.start(full_precision(self.encoder(batch.x)))

    def encoded(self, x: Tensor) -> Tensor:
        """Return the encoder's output before quantisation, [B, D, h, w]."""
        return self.codebook.bound(full_precision(self.encoder(x)))

    def posterior(self, x: Tensor) -> Quantised:
        encoded, codes = self.codebook(self.encoded(x))
        return Quantised(encoded, codes, self.codebook.look_up(codes), self.codebook.depth)

    def codes(self, x: Tensor) -> Tensor:
        return self.posterior(x).codes

    def latents(self, codes: Tensor) -> Tensor:
        return self.codebook.look_up(codes)

    def prior(self) -> CodePrior:
        return CodePrior(LOGIT_SCALE * self.scaled_logits, self.codebook)

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        px: genzoo.Distribution = self.head(self.decoder(self.codebook.joined(z)))
        return px


class VQ(genzoo.Loss):
    """−ln p(x|z) − ln p(z) + ‖sg[e] − z‖² + β‖e − sg[z]‖², summed over an example (van den Oord et al. 2017, eq. 3).

    The first distance trains the codebook alone and the second the encoder alone; −ln p(z), the KL of the codes, trains
    the prior alone. A quantiser whose vectors are not learned is without the first or both, and may add a penalty.
    "negative_elbo" is the first two terms, in nats, and "distortion" is ‖e − z‖².
    """

    accepts = VQVAE

    @genzoo.config
    class Config:
        commitment: genzoo.NonNegative = 0.25
        """β, weight of the distance that pulls the encoder's output to the codes."""

    config: Config

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        assert isinstance(model, VQVAE)
        if model.codebook.follows:
            self.after_step = self.follow  # type: ignore[method-assign]

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, VQVAE)
        inference, quantiser = model.infer(batch), model.codebook
        q = inference.q
        assert isinstance(q, Quantised)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        kl = inference.kl().mean()
        distortion = squared_distance(q.encoded.detach(), q.vectors)
        loss = bound = reconstruction + kl
        if self.pulls_vectors(quantiser):
            loss = loss + distortion
        if quantiser.commits:
            loss = loss + self.config.commitment * squared_distance(q.encoded, q.vectors.detach())
        penalty = quantiser.penalty(q.encoded)
        return {
            "loss": loss if penalty is None else loss + penalty,
            "negative_elbo": bound.detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
            "distortion": distortion.detach(),
        }

    def pulls_vectors(self, quantiser: genzoo.Quantiser) -> bool:
        """Return whether the distance trains the quantiser's vectors."""
        return quantiser.by_gradient

    def follow(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        """Let the quantiser follow the encoder, after a step."""
        assert isinstance(model, VQVAE)
        model.codebook.follow(model.encoded(batch.x))


def squared_distance(one: Tensor, other: Tensor) -> Tensor:
    """Return ‖one − other‖², summed over an example and averaged over the batch: [B, ...] twice → 0-d."""
    return (one - other).square().flatten(1).sum(1).mean()


class CodePerplexity(genzoo.Metric):
    """exp of the entropy of the codes' frequencies over all examples and places: K if all are used equally."""

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
