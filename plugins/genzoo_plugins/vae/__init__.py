"""Variational autoencoder."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "vae",
        "genzoo_plugins.vae.model:VAE",
        loss="elbo",
        summary="variational autoencoder",
        paper="Kingma & Welling 2014, arXiv 1312.6114",
    )
