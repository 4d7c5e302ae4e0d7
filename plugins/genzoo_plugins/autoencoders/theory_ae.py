"""Theory of the autoencoder: a linear one is PCA (Baldi & Hornik 1989)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.autoencoders.ae import AE
from genzoo_plugins.losses.reconstruction import Reconstruction


def ae() -> Iterator[Case]:
    """At the principal axes the squared error is the sum of the eigenvalues left out, and no weight moves."""
    ppca = linear.make_ppca()
    model = AE(genzoo.DataSpec((linear.D,), "gaussian"), AE.Config(latent_dim=linear.Q, hidden=())).double()
    encoder: Any = [layer for layer in model.encoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    decoder: Any = [layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        encoder.weight.copy_(ppca.vectors[:, : linear.Q].T)
        encoder.bias.copy_(-encoder.weight @ ppca.mean)
        decoder.weight.copy_(ppca.vectors[:, : linear.Q])
        decoder.bias.copy_(ppca.mean)
    loss = Reconstruction(model, Reconstruction.Config())(model, genzoo.Batch(ppca.x), torch.tensor(0))["loss"]
    left_out = ppca.values[linear.Q :].sum().item()
    floor = 0.5 * left_out + 0.5 * linear.D * math.log(2 * math.pi)
    yield Case("loss at the principal axes: ½Σλ + ½D ln 2π, nats", loss.item(), floor, 1e-9)
    error = (model.reconstruct(ppca.x) - ppca.x).square().sum(1).mean().item()
    yield Case("squared error of the reconstructions: Σλ left out", error, left_out, 1e-9)
    slopes = torch.autograd.grad(loss, list(model.parameters()))
    yield Case.largest("gradient there", torch.cat([slope.flatten() for slope in slopes]), 0.0, 1e-9)
