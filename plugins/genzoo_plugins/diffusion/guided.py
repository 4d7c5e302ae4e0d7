"""Flow matching with classes: classifier-free guidance."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import UNKNOWN
from genzoo.core.noise import uniform
from genzoo_plugins.diffusion.flow_matching import FlowMatching
from genzoo_plugins.diffusion.nets import FREQUENCIES
from genzoo_plugins.vae.conditional_vae import refuse_unless_classes


class GuidedFlowMatching(FlowMatching):
    """v(x, t, y) and, with the class "unknown", v(x, t), in one net, which in training is not told some of the classes.

    Samples of a class follow v(x, t) + w·(v(x, t, y) − v(x, t)) (Ho & Salimans 2022, eq. 6, with w − 1 for their w):
    w = 1 is the model of the class, and w > 1 makes samples more typical of it and less varied.
    """

    conditional = True

    @genzoo.config
    class Config(FlowMatching.Config):
        label_dropout: Annotated[float, genzoo.Range(0.01, 0.9)] = 0.1
        """Share of the labels that training hides, to learn the unconditional velocity too."""

    @genzoo.config
    class Sampling(FlowMatching.Sampling):
        guidance: genzoo.NonNegative = 1.0
        """w: 0 ignores the class, 1 follows it, more exaggerates it; other values than 0 and 1 call the net twice."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        if not spec.classes:
            raise genzoo.UsageError("guided-flow-matching needs labelled data; these have none", "use flow-matching")
        super().__init__(spec, config)
        self.label_dropout = config.label_dropout
        self.labels = nn.Embedding(1 + spec.classes, 2 * FREQUENCIES)  # row 0 is "unknown"
        nn.init.zeros_(self.labels.weight)  # before training labels change nothing

    def context(self, y: Tensor | None) -> Tensor | None:
        """Return the embedding of the classes y [B], [B, 2·FREQUENCIES]; None: all unknown."""
        embedding: Tensor = self.labels.weight[:1] if y is None else self.labels(y - UNKNOWN)
        return embedding

    def seen(self, y: Tensor | None) -> Tensor | None:
        """Return the classes y [B]; in training, some of them are hidden."""
        if y is None or not self.training:
            return y
        return torch.where(uniform(y.to(self.mean)) < self.label_dropout, UNKNOWN, y)

    def drift(self, x: Tensor, t: Tensor, y: Tensor | None, how: FlowMatching.Sampling) -> Tensor:
        assert isinstance(how, GuidedFlowMatching.Sampling)
        if y is None or how.guidance == 0:
            return self.velocity(x, t)
        of_class = self.velocity(x, t, y)
        if how.guidance == 1:
            return of_class
        return torch.lerp(self.velocity(x, t), of_class, how.guidance)

    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: FlowMatching.Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], of the classes y [n]; without y, of any class.

        Raises:
            UsageError: y is not n class numbers.
        """
        if y is not None:
            refuse_unless_classes(y, n, self.spec.classes)
            y = y.to(self.anchor.device)
        return super().sample(n, y, noise=noise, options=options)
