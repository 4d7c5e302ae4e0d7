"""Theory of nets: those of other models with the same weights, and the bound of a VAE that has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

import genzoo
from genzoo.core.nets import FlatDecoder, FlatEncoder
from genzoo.core.theory import Case
from genzoo_plugins.parts.nets import ResidualBlock, ResidualNets
from genzoo_plugins.vae.conv_vae import ConvVAE
from genzoo_plugins.vae.theory_vae import of_one_latent
from genzoo_plugins.vae.vae import VAE


def conv() -> Iterator[Case]:
    """A VAE with these nets is the convolutional VAE, and its loss is −ln p(x) + KL(q‖p(z|x))."""
    spec = genzoo.DataSpec((1, 17, 20), "bernoulli")
    with genzoo.seeded(0):
        ours = VAE(spec, VAE.Config(latent_dim=3, nets="conv:4", activation="elu"))
    with genzoo.seeded(0):
        other = ConvVAE(spec, ConvVAE.Config(latent_dim=3, channels=(4, 8), base=4, activation="elu"))
    x = torch.rand(2, *spec.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        outputs = [(model.encoder(x), model.decoder(x[:, 0, 0, :3])) for model in (ours, other)]
    for name, mine, theirs in zip(("encoder", "decoder"), *outputs, strict=True):
        yield Case.largest(f"{name} of conv-vae with the same seed", mine, theirs, 0.0)
    with genzoo.seeded(3):
        small = VAE(genzoo.DataSpec((1, 16, 16), "bernoulli"), VAE.Config(latent_dim=1, nets="conv:3")).double()
    yield from of_one_latent(small, (torch.rand(3, 1, 16, 16, dtype=torch.float64) < 0.3).double())


def residual() -> Iterator[Case]:
    """Blocks whose last layer is 0 are the identity: then these are perceptrons of one hidden layer. A block's Jacobian
    is the identity and that of its change."""
    spec = genzoo.DataSpec((2, 3), "gaussian")
    with genzoo.seeded(0), torch.no_grad():
        nets = ResidualNets(spec, "elu", 5)
        encoder, decoder = nets.encoder(4), nets.decoder(3, spec.shape)
        plain = FlatEncoder(spec.shape, (5,), 4, "elu"), FlatDecoder(3, (5,), spec.shape, "elu")
        x, z = torch.randn(7, *spec.shape), torch.randn(7, 3)
    for name, net, flat, given in (("encoder", encoder, plain[0], x), ("decoder", decoder, plain[1], z)):
        yield Case.largest(f"{name} without changes: a perceptron", *without_changes(net, flat, given), 1e-6)
    block, h = ResidualBlock(5, "elu").double(), torch.randn(5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(block, h)
    change = torch.autograd.functional.jacobian(block.change, h)
    yield Case.largest("Jacobian of a block: I + that of its change", jacobian, torch.eye(5) + change, 1e-12)


@torch.no_grad()
def without_changes(net: Any, flat: Any, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the outputs of residual nets whose changes are 0, and of a perceptron with their other weights."""
    for block in net.modules():
        if isinstance(block, ResidualBlock):
            for parameter in block.change[-1].parameters():
                parameter.zero_()
    ours = [module for module in net if isinstance(module, torch.nn.Linear)]
    theirs = [module for module in flat if isinstance(module, torch.nn.Linear)]
    for mine, other in zip(ours, theirs, strict=True):
        other.load_state_dict(mine.state_dict())
    return net(given), flat(given)
