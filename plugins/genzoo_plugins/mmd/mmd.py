"""The maximum mean discrepancy between codes and prior, and the objective of InfoVAE and WAE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.autoencoders.with_prior import prior_samples

Kernel = Callable[[Tensor], Tensor]
"""k as a function of a squared distance relative to its scale."""
KERNELS: dict[str, Kernel] = {"imq": lambda d: 1 / (1 + d), "gaussian": lambda d: torch.exp(-d)}


def squared_mmd(x: Tensor, y: Tensor, kernel: Kernel, scale: float) -> Tensor:
    """Return the unbiased estimate of MMD² between the distributions of x and y, a scalar (Gretton et al. 2012, eq. 3).

    Its mean is 0 if the distributions are equal, so it may be negative. It needs two rows of each: of one row there is
    no estimate, and the result is 0.

    Args:
        x: [N, D].
        y: [N, D], independent of x.
        kernel: k(x, y) = kernel(|x − y|² / scale).
        scale: A squared distance.
    """
    n = len(x)
    if n < 2:
        return 0 * x.sum()

    def mean(one: Tensor, other: Tensor, pairs: int) -> Tensor:
        distance = (one[:, None] - other).square().sum(2)
        return kernel(distance / scale).sum() / pairs

    within = mean(x, x, n * (n - 1)) + mean(y, y, n * (n - 1)) - 2 / (n - 1)  # without i = j, where k = 1
    return within - 2 * mean(x, y, n * n)


class MMD(genzoo.Loss):
    """E[−ln p(x|z)] + (1 − α)·KL(q(z|x)‖p(z)) + (α + λ − 1)·MMD²(q(z), p(z)), in nats (Zhao et al. 2019, eq. 6).

    α = 0 and λ = 1 are the ELBO; α = 1 is the objective of a Wasserstein autoencoder (Tolstikhin et al. 2018, eq. 4).
    MMD² compares the codes of the batch with as many samples of the prior, so the loss of a batch is not the mean of
    the losses of its examples. Its scale is 2·D·bandwidth, the mean squared distance of two samples of N(0, I).
    """

    accepts = genzoo.LatentModel
    needs_prior = True
    rate_options = {"lam": "λ", "alpha": "α"}

    @genzoo.config
    class Config:
        alpha: Annotated[float, genzoo.Range(high=1)] = 0.5
        """α: the KL has weight 1 − α; 1: none, as in a Wasserstein autoencoder."""
        lam: genzoo.NonNegative = 10.0
        """λ: MMD² has weight α + λ − 1. With 1000 the noise of its estimate outweighs what a code gains."""
        kernel: Literal["imq", "gaussian"] = "imq"
        """imq: 1/(1 + d); gaussian: exp(−d), of a squared distance d relative to its scale."""
        bandwidth: genzoo.Positive = 1.0
        """The kernel's scale, relative to 2·D."""

        def __post_init__(self) -> None:
            if self.alpha + self.lam < 1:
                raise genzoo.UsageError(
                    f"--alpha {self.alpha:g} and --lam {self.lam:g}: MMD² would have a negative weight",
                    f"--lam {1 - self.alpha:g} or more",
                )

    config: Config

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, genzoo.LatentModel)
        inference = model.infer(batch)
        q, p, z = inference.q, inference.p, inference.z[0]
        assert p is not None
        reconstruction, kl = -inference.px.log_prob(batch.x).mean(), inference.kl().mean()
        mmd = self.distance(z.flatten(1), prior_samples(p, z).flatten(1))
        weight = self.config.alpha + self.config.lam - 1
        loss = reconstruction + weight * mmd
        if self.config.alpha < 1:
            loss = loss + (1 - self.config.alpha) * kl
        terms = {"loss": loss, "reconstruction": reconstruction.detach(), "mmd": mmd.detach()}
        if q.measure == p.measure:  # else codes without noise, which have no KL
            terms |= {"negative_elbo": (reconstruction + kl).detach(), "kl": kl.detach()}
        return terms

    def distance(self, z: Tensor, drawn: Tensor) -> Tensor:
        """Return MMD² of the whole batch's codes and samples of the prior, this process's rows of which are given.

        Raises:
            UsageError: In training, the batch is of one example.
        """
        z, drawn = genzoo.gather(z), genzoo.gather(drawn)
        if self.training and len(z) < 2:
            raise genzoo.UsageError("MMD compares the examples of a batch, and there is one", "--batch-size 2 or more")
        scale = 2 * z.shape[1] * self.config.bandwidth
        return squared_mmd(z, drawn, KERNELS[self.config.kernel], scale)
