"""A genzoo plugin: VAEs that differ from the built-in one in a single thing, and a likelihood for any of them.

This file only registers. The classes are named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo import RegisterModel, RegisterPart, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "residual-vae",
        "genzoo_variants.nets:ResidualVAE",
        loss="elbo",
        summary="VAE with residual nets",
        paper="He et al. 2016, arXiv 1603.05027",
    )
    register(
        "constant-variance-vae",
        "genzoo_variants.posterior:ConstantVarianceVAE",
        loss="elbo",
        summary="VAE whose posterior has one fixed variance",
        paper="Ghosh et al. 2020, arXiv 1903.12436, section 3.1",
    )
    register(
        "student-vae",
        "genzoo_variants.likelihood:StudentVAE",
        loss="elbo",
        summary="VAE whose likelihood forgives outliers: Student's t",
        paper="Takahashi et al. 2018, IJCAI, Student-t Variational Autoencoder",
    )


@hookimpl
def register_parts(register: RegisterPart) -> None:
    register(
        "likelihood",
        "negative-binomial",
        "genzoo_variants.counts:NegativeBinomialLikelihood",
        summary="counts 0, 1, 2, … with mean and dispersion",
        paper="Lopez et al. 2018, arXiv 1709.02082",
    )
