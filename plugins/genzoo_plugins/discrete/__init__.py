"""Autoencoders with discrete latents."""

from genzoo.core.hookspecs import Register, RegisterMetric, RegisterModel, hookimpl

HOME = "genzoo_plugins.discrete"
PAPER = "van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "vq-vae",
        f"{HOME}.vq_vae:VQVAE",
        loss="vq",
        summary="autoencoder of images with a codebook of discrete codes",
        paper=PAPER,
        theory="genzoo_plugins.discrete.theory_vq:vq_vae",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "vq",
        f"{HOME}.vq_vae:VQ",
        summary="negative ELBO plus squared distances between codes and encoder output",
        paper=PAPER,
        theory="genzoo_plugins.discrete.theory_vq:vq",
    )
    register(
        "vq-moving",
        f"{HOME}.moving_codebook:MovingVQ",
        summary="the same with a codebook that follows the encoder as a moving average; unused codes are moved",
        paper=f"{PAPER}, appendix A.1; Dhariwal et al. 2020, arXiv 2005.00341",
        theory="genzoo_plugins.discrete.theory_vq:vq_moving",
    )


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "code-perplexity",
        f"{HOME}.vq_vae:CodePerplexity",
        summary="number of codes of a codebook in use",
        paper=PAPER,
        theory="genzoo_plugins.discrete.theory_vq:code_perplexity",
    )
