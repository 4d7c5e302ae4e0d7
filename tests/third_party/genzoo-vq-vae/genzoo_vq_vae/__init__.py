"""VQ-VAE: a variational autoencoder with discrete codes, its loss, and how much of its codebook is used."""

from genzoo.core.hookspecs import Register, RegisterMetric, RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""

PAPER = "van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "vq-vae",
        "genzoo_vq_vae.model:VQVAE",
        loss="vq",
        summary="autoencoder of images with a codebook of discrete codes",
        paper=PAPER,
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "vq",
        "genzoo_vq_vae.loss:VQ",
        summary="negative ELBO, and squared distances that draw codes and encoder together",
        paper=PAPER,
    )


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "code-perplexity",
        "genzoo_vq_vae.metric:CodePerplexity",
        summary="how many codes of a codebook are in use",
        paper=PAPER,
    )
