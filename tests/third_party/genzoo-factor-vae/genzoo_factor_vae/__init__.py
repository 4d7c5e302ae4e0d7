"""VAEs whose latents share little: losses that press on the total correlation, and the models trained with them."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""

VAE = "genzoo_plugins.vae.model:VAE"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "factor-vae",
        VAE,
        loss="factor",
        summary="VAE with independent latents: a discriminator tells their total correlation",
        paper="Kim & Mnih 2018, arXiv 1802.05983",
    )
    register(
        "beta-tc-vae",
        VAE,
        loss="tc",
        summary="VAE with independent latents: the part of the KL that they share weighs more",
        paper="Chen et al. 2018, arXiv 1802.04942",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "factor",
        "genzoo_factor_vae.factor:Factor",
        summary="negative ELBO and the total correlation by a discriminator that the loss trains along",
        paper="Kim & Mnih 2018, arXiv 1802.05983",
    )
    register(
        "tc",
        "genzoo_factor_vae.tc:TC",
        summary="negative ELBO with the total correlation, estimated from the batch, weighted by beta",
        paper="Chen et al. 2018, arXiv 1802.04942",
    )
