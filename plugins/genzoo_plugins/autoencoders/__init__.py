"""Autoencoders without a prior."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ae",
        "genzoo_plugins.autoencoders.ae:AE",
        loss="reconstruction",
        summary="plain autoencoder",
        paper="Hinton & Salakhutdinov 2006, Science 313",
        theory="genzoo_plugins.autoencoders.theory_ae:ae",
    )
