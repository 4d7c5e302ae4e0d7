"""Variational autoencoders with several levels of latents."""

from genzoo.core.hookspecs import RegisterMetric, RegisterModel, hookimpl

HOME = "genzoo_plugins.hierarchical"
PAPER = "Sønderby et al. 2016, arXiv 1602.02282"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ladder-vae",
        f"{HOME}.ladder_vae:LadderVAE",
        loss="elbo",
        loss_options={"kl_warmup": 2000},
        summary="VAE of two or more levels whose posterior corrects the prior from the top down",
        paper=PAPER,
        theory=f"{HOME}.theory:ladder_vae",
    )
    register(
        "vdvae",
        f"{HOME}.vdvae:VDVAE",
        loss="elbo",
        summary="VAE of eleven or more levels: latent maps on each scale of a convolutional decoder",
        paper="Child 2021, arXiv 2011.10650",
        theory=f"{HOME}.theory_vdvae:vdvae",
    )


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "kl-levels",
        f"{HOME}.ladder_vae:KLLevels",
        summary="KL of the top level of a ladder VAE, beside that of the level below",
        paper=PAPER,
    )
