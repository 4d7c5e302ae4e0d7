"""Plain autoencoder."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ae",
        "genzoo_plugins.ae.model:AE",
        loss="reconstruction",
        summary="plain autoencoder",
        paper="Hinton & Salakhutdinov 2006, Science 313",
    )
