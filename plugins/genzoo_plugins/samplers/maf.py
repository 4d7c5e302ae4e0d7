"""A sampler that is a masked autoregressive flow, trained on codes."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

import genzoo
from genzoo_plugins.flows.bijections import AffineAutoregressive
from genzoo_plugins.samplers.whitened import Whitened

HELD_OUT = 0.1
"""Share of the codes that are not trained on: their likelihood chooses the weights."""
STEPS, BATCH, RATE = 500, 256, 4e-3
"""Steps of training, codes of each, and Adam's learning rate, which falls to 0 as half a cosine."""
EVERY = 20
"""Steps between two looks at the held-out codes."""
LARGEST = 10.0
"""Norm to which larger gradients are scaled down."""
FEWEST = 20
"""Fewest codes that a flow is trained on."""


class FlowSampler(Whitened):
    """p(z) = N(f(z); 0, I) |det df/dz| for a masked autoregressive flow f, trained on the codes by maximum likelihood.

    The codes are first whitened with their mean and covariance, so that an untrained flow is the Gaussian sampler. The
    weights are kept that give held-out codes the highest likelihood.
    """

    symbol = "N, the number of layers,"
    default = 5

    def __init__(self, shape: tuple[int, ...], layers: int) -> None:
        super().__init__(shape)
        self.flow = AffineAutoregressive(self.dim, 0, layers)

    def fit(self, codes: Tensor) -> None:
        if len(codes) < FEWEST:
            raise genzoo.UsageError(f"a flow cannot be fitted to {len(codes)} codes", "use --sampler gaussian")
        white = self.whiten(codes)[torch.randperm(len(codes))].float()
        held_out = max(1, round(HELD_OUT * len(codes)))
        with torch.enable_grad():
            train(self.flow, white[held_out:], white[:held_out])

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return self.coloured(self.flow.inverse(torch.randn(n, self.dim))[0].double())

    @torch.no_grad()
    def log_prob(self, z: Tensor) -> Tensor:
        return -cost(self.flow, self.white(z).float()).double() + self.log_det


def cost(flow: genzoo.Bijection, x: Tensor) -> Tensor:
    """Return −ln p(x) of points x [N, D] that the flow maps to N(0, I), in nats: [N]."""
    y, log_det = flow(x)
    costs: Tensor = -genzoo.StandardNormal((x.shape[1],), like=x).log_prob(y) - log_det
    return costs


def train(flow: genzoo.Bijection, points: Tensor, held_out: Tensor) -> None:
    """Train a flow on points [N, D] by maximum likelihood, and keep the weights that are best on the others."""
    optimizer = torch.optim.Adam(flow.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    best, weights = math.inf, flow.state_dict()
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                now = cost(flow, held_out).mean().item()
            if now < best:
                best, weights = now, copy.deepcopy(flow.state_dict())
        optimizer.zero_grad()
        cost(flow, points[torch.randint(len(points), (BATCH,))]).mean().backward()
        nn.utils.clip_grad_norm_(flow.parameters(), LARGEST)
        optimizer.step()
        schedule.step()
    flow.load_state_dict(weights)
