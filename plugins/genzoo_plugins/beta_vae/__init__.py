"""β-VAE: the VAE, trained on an ELBO whose KL is weighted by β. Nothing else differs."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "beta-vae",
        "genzoo_plugins.vae.model:VAE",
        loss="elbo",
        loss_options={"beta": 4.0},
        summary="VAE whose KL is weighted by beta",
        paper="Higgins et al. 2017, ICLR",
    )
