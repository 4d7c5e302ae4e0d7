"""Importance-weighted autoencoder: the VAE, trained on a tighter bound. Nothing else differs."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "iwae",
        "genzoo_plugins.vae.model:VAE",
        loss="importance-weighted",
        summary="VAE trained on the importance-weighted bound of k samples",
        paper="Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "importance-weighted",
        "genzoo_iwae.loss:ImportanceWeighted",
        summary="minus the bound on ln p(x) by k importance-weighted posterior samples",
        paper="Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519",
    )
