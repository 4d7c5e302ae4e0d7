"""Autoencoders whose codes follow the prior by their maximum mean discrepancy (MMD) from it."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.mmd"
TOLSTIKHIN = "Tolstikhin et al. 2018, arXiv 1711.01558"
ZHAO = "Zhao, Song & Ermon 2019, arXiv 1706.02262"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "wae",
        "genzoo_plugins.autoencoders.with_prior:AEWithPrior",
        loss="mmd",
        loss_options={"alpha": 1.0},
        summary="autoencoder without noise whose codes follow the prior",
        paper=TOLSTIKHIN,
        theory=f"{HOME}.theory:wae",
    )
    register(
        "info-vae",
        "genzoo_plugins.vae.vae:VAE",
        loss="mmd",
        summary="VAE whose KL is weighted apart from the distance of its codes to the prior",
        paper=ZHAO,
        theory=f"{HOME}.theory:info_vae",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "mmd",
        f"{HOME}.mmd:MMD",
        summary="reconstruction, the KL weighted by 1 − alpha, and the unbiased MMD² of codes and prior",
        paper=f"{ZHAO}; {TOLSTIKHIN}; Gretton et al. 2012, JMLR 13",
        theory=f"{HOME}.theory:mmd",
    )
