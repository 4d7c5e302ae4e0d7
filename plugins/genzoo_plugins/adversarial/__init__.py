"""Generative adversarial networks: a generator, and a critic that tells its samples from the data."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.adversarial"
GOODFELLOW = "Goodfellow et al. 2014, arXiv 1406.2661"
GULRAJANI = "Gulrajani et al. 2017, arXiv 1704.00028"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "gan",
        f"{HOME}.gan:Generator",
        loss="adversarial",
        summary="generator trained against a discriminator; no encoder and no density",
        paper=GOODFELLOW,
        theory="genzoo_plugins.adversarial.theory:gan",
    )
    register(
        "wgan-gp",
        f"{HOME}.gan:Generator",
        loss="wasserstein",
        summary="generator trained on the Wasserstein distance that a critic with a gradient penalty estimates",
        paper=GULRAJANI,
        theory="genzoo_plugins.adversarial.theory:wgan_gp",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "adversarial",
        f"{HOME}.gan:Adversarial",
        summary="non-saturating loss of a generator and cross-entropy of a discriminator, in turn",
        paper=GOODFELLOW,
        theory="genzoo_plugins.adversarial.theory:gan",
    )
    register(
        "wasserstein",
        f"{HOME}.wasserstein:Wasserstein",
        summary="Wasserstein distance by a critic with a gradient penalty, several steps for one of the model",
        paper=GULRAJANI,
        theory="genzoo_plugins.adversarial.theory:wgan_gp",
    )
