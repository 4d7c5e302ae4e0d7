"""Convolutional VAE."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "conv-vae",
        "genzoo_plugins.conv_vae.model:ConvVAE",
        loss="elbo",
        summary="convolutional VAE, for images from 16x16 up",
        paper="Kingma & Welling 2014, arXiv 1312.6114; the nets of the TensorFlow tutorial",
    )
