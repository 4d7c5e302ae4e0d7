"""A generator with codes that can be read from its samples, and the loss that sees to it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo_plugins.adversarial.gan import OBJECTIVES, Adversarial, Generator


class CodedGenerator(Generator):
    """x = G(c, z) with a class, Gaussian codes and noise (Chen et al. 2016, section 4), all made from N(0, I).

    The class is the place of the largest of the first `classes` numbers: all classes are equally likely, and p(z) stays
    a Gaussian. Then come `codes` numbers, then the noise. The paper's codes are uniform.
    """

    @genzoo.config
    class Config(Generator.Config):
        classes: genzoo.Natural = 10
        """Classes to be found; 0: none."""
        codes: genzoo.Natural = 2
        """Numbers to be found."""

        def __post_init__(self) -> None:
            if self.classes + self.codes > self.latent_dim:
                what = f"{self.classes} classes and {self.codes} codes need more than --latent-dim {self.latent_dim}"
                raise genzoo.UsageError(what, "make it larger")

    def decode(self, z: Tensor) -> Tensor:
        """z [N, D] → x [N, *S], between 0 and 1 where the data are."""
        return super().decode(self.with_class(z))

    def with_class(self, z: Tensor) -> Tensor:
        """Return z [N, D] with a 1 at the largest of the numbers that stand for the class, and 0 at the others."""
        count = self.config.classes
        if not count:
            return z
        first = z[:, :count]
        return torch.cat([(first == first.amax(1, keepdim=True)).to(z), z[:, count:]], 1)


class Information(Adversarial):
    """The adversarial loss, and −λ·L of both players, with L = E ln Q(c|G(c, z)) + H(c) in nats (Chen et al. 2016,
    equations 5 and 6), of the class and of the other codes with a λ each.

    L is "information", a lower bound on the mutual information between codes and samples; of the class it is at most
    H(c). Q is a linear map of the critic's last hidden layer: logits of the class, and mean and log-variance of each
    code. Both players minimise −λ·L, as in the authors' code, because they share Q's layers.
    """

    accepts = CodedGenerator

    @genzoo.config
    class Config(Adversarial.Config):
        information_weight: genzoo.NonNegative = 1.0
        """λ, weight of the bound on the information about the class."""
        code_weight: genzoo.NonNegative = 0.1
        """λ of the other codes: smaller, because their information grows without end (Chen et al. 2016, section 6)."""

    config: Config

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        own, width = model.config, (config.critic or (model.spec.numel,))[-1]
        self.readout = nn.Linear(width, own.classes + 2 * own.codes)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        assert isinstance(model, CodedGenerator)
        of_critic, of_generator = OBJECTIVES[self.config.objective]
        z = self.codes(model, batch)
        with torch.set_grad_enabled(torch.is_grad_enabled() and phase == 1):
            fakes = model.decode(z)
        features = self.features(fakes)
        answers = full_precision(self.critic[-1](features)).squeeze(1)
        of_class, of_codes = self.information(model, model.with_class(z), features)
        weighted = self.config.information_weight * of_class + self.config.code_weight * of_codes
        if phase == 1:
            information = (of_class + of_codes).detach()
            return {"generator": of_generator(answers).mean() - weighted, "information": information}
        return {"critic": of_critic(self.scores(batch.x), answers) - weighted}

    def information(self, model: CodedGenerator, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return L of the class and of the other codes, for codes z [B, D] with the class as 0 and 1, and the features
        [B, width] of their samples."""
        classes, codes = model.config.classes, model.config.codes
        logits, *gaussian = full_precision(self.readout(features)).split([classes, 2 * codes], 1)
        of_class = (logits.log_softmax(1) * z[:, :classes]).sum(1).mean() + math.log(max(classes, 1))
        found = genzoo.DiagGaussian.from_parameters(gaussian[0]).log_prob(z[:, classes : classes + codes]).mean()
        return of_class, found + codes / 2 * math.log(2 * math.pi * math.e)
