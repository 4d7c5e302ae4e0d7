"""The VAE with convolutional nets."""

from __future__ import annotations

from torch import nn

import genzoo
from genzoo.core.nets import Activation, ConvDecoder, ConvEncoder, require_images
from genzoo_plugins.vae.vae import VAE


class ConvVAE(VAE):
    """The VAE with convolutional nets: strided convolutions in the encoder, transposed convolutions in the decoder.

    With the defaults these are the nets of the TensorFlow tutorial "Convolutional Variational Autoencoder".
    """

    @genzoo.config
    class Config:
        latent_dim: genzoo.Count = 20
        """Length of the latent vector z."""
        channels: tuple[genzoo.Count, ...] = (32, 64)
        """Feature maps of the encoder's stride-2 convolutions; the decoder mirrors them."""
        base: genzoo.Count = 32
        """Feature maps that the decoder starts from."""
        activation: Activation = "relu"
        """Nonlinearity between layers."""
        prior: str = "standard-normal"
        """p(z), one of `genzoo list --kind prior`."""
        posterior: str = "diagonal"
        """q(z|x), one of `genzoo list --kind posterior`."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        require_images("conv-vae", spec.shape, at_least=16)
        super().__init__(spec, config)

    def make_encoder(self, outputs: int) -> nn.Module:
        return ConvEncoder(self.spec.shape, self.config.channels, outputs, self.config.activation)

    def make_decoder(self, shape: tuple[int, ...]) -> nn.Module:
        channels = self.config.channels[::-1]
        return ConvDecoder(self.config.latent_dim, self.config.base, channels, shape, self.config.activation)
