"""The ladder VAE: two levels of latents, and a posterior that goes down them as the prior does."""

from genzoo.core.hookspecs import RegisterMetric, RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ladder-vae",
        "genzoo_ladder_vae.model:LadderVAE",
        loss="elbo",
        summary="VAE of two levels whose posterior corrects the prior from the top down",
        paper="Sønderby et al. 2016, arXiv 1602.02282",
        loss_options={"kl_warmup": 2000},
    )


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "kl-levels",
        "genzoo_ladder_vae.metric:KLLevels",
        summary="KL of the top level of a ladder VAE, beside that of the level below",
        paper="Sønderby et al. 2016, arXiv 1602.02282",
    )
