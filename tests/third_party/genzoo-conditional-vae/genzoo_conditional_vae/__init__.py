"""The conditional VAE as a genzoo plugin.

This file only registers. The class is named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo.core.hookspecs import RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "conditional-vae",
        "genzoo_conditional_vae.model:ConditionalVAE",
        loss="elbo",
        summary="VAE of labelled data that draws the classes it is asked for",
        paper="Kingma et al. 2014, arXiv 1406.5298; Sohn, Lee & Yan 2015, NeurIPS",
    )
