"""A genzoo plugin to copy: a model, a loss, a dataset and a metric.

This file only registers. The classes are named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo import Register, RegisterMetric, RegisterModel, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "laplace-vae",
        "genzoo_example.model:LaplaceVAE",
        loss="elbo",
        summary="VAE whose prior favours sparse codes",
        paper="Barello, Charles & Pillow 2018, bioRxiv 399246",
        theory="genzoo_example.model:theory",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "elbo-free-bits",
        "genzoo_example.loss:FreeBits",
        summary="negative evidence lower bound whose first bits of KL cost nothing",
        paper="Kingma et al. 2016, arXiv 1606.04934",
    )


@hookimpl
def register_datasets(register: Register) -> None:
    register("ring", "genzoo_example.data:Ring", summary="2-D points on a noisy circle, generated")


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "code-sparseness",
        "genzoo_example.metric:CodeSparseness",
        summary="how few latents a code uses",
        paper="Hoyer 2004, JMLR 5",
    )
