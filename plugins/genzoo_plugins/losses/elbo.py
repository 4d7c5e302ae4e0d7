"""The negative evidence lower bound, its KL weighted or held to a capacity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.system.messages import warn


class ELBO(genzoo.Loss):
    """E[−ln p(x|z)] + β·KL(q(z|x)‖p(z)), in nats an example (Kingma & Welling 2014, eq. 3; Higgins et al. 2017, eq. 4).

    With a capacity C the second term is γ·|KL − C| instead (Burgess et al. 2018, eq. 8). β, or C, rises linearly from 0
    over the first `kl_warmup` steps. β weights the KL alone: "negative_elbo" is always the bound at β = 1. A point
    posterior has no KL and no bound: the second term is then −ln p(z).

    With free bits λ the KL of an example counts as λ where it is less, so that nothing is gained by ignoring z (after
    Kingma et al. 2016, eq. 15, of the whole latent). "kl" and "negative_elbo" stay those of the bound.
    """

    accepts = genzoo.LatentModel
    needs_prior = True
    rate_options = {"capacity": "C", "beta": "β", "gamma": ""}

    @genzoo.config
    class Config:
        beta: genzoo.NonNegative = 1.0
        """Weight of the KL term."""
        kl_warmup: genzoo.Natural = 0
        """Steps over which beta (or the capacity) rises linearly from 0."""
        capacity: genzoo.NonNegative | None = None
        """Hold the KL at this many nats instead of weighting it by beta."""
        gamma: genzoo.NonNegative = 100.0
        """Weight of the distance between KL and capacity."""
        free_bits: genzoo.NonNegative = 0.0
        """Nats of an example's KL that cost nothing; 0: none."""
        posterior_samples: genzoo.Count = 1
        """Posterior samples an example that the reconstruction term is averaged over."""

    config: Config

    @classmethod
    def against_collapse(cls, options: Mapping[str, Any]) -> list[str]:
        beta = options.get("beta", 0)
        slower = ["raise the weight of the KL gradually (--kl-warmup STEPS)"] if options.get("kl_warmup") == 0 else []
        return [*slower, *([f"lower --beta, now {beta:g}"] if beta > 1 else [])]

    def begin(self, model: genzoo.Model, total_steps: int) -> None:
        """Warn of a training that ends within the warm-up: it never has the objective that it is called by."""
        if (warmup := self.config.kl_warmup) > total_steps:
            rising = "beta" if self.config.capacity is None else "capacity"
            what = f"--kl-warmup {warmup} is longer than the training of {total_steps:,} steps"
            how = "shorten it, or train longer: --epochs"
            warn(f"{what}: {rising} ends at {total_steps / warmup:.0%} of itself", how)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch, self.config.posterior_samples)
        reconstruction = -inference.px.log_prob(batch.x).mean()
        each = inference.kl()
        kl, free = each.mean(), self.config.free_bits
        loss = reconstruction + self.pressure(each.clamp_min(free).mean() if free else kl, step)
        assert inference.p is not None
        if inference.q.measure != inference.p.measure:
            return {"loss": loss, "reconstruction": reconstruction.detach()}
        return {
            "loss": loss,
            "negative_elbo": (reconstruction + kl).detach(),
            "reconstruction": reconstruction.detach(),
            "kl": kl.detach(),
        }

    def pressure(self, kl: Tensor, step: Tensor) -> Tensor:
        """Return the second term of the objective for a KL in nats at this step."""
        config = self.config
        rise: Tensor | float = torch.clamp(step / config.kl_warmup, max=1.0) if config.kl_warmup else 1.0
        if config.capacity is None:
            return kl if config.beta == 1.0 and not config.kl_warmup else kl * (config.beta * rise)
        return (kl - config.capacity * rise).abs() * config.gamma
