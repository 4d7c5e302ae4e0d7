"""The figures that every run has, where they are defined for its model and its data."""

from genzoo.core.hookspecs import RegisterPart, hookimpl

HOME = "genzoo_plugins.figures.of_runs"


@hookimpl
def register_parts(register: RegisterPart) -> None:
    for name, kind, summary in (
        ("samples", "Samples", "new examples drawn from the model"),
        ("reconstructions", "Reconstructions", "test examples and their reconstructions"),
        ("latent", "Latent", "the codes of test examples in the latent space"),
        ("manifold", "Manifold", "decoded codes over the plane of the two latents"),
        ("traversals", "Traversals", "the effect of each latent on one image"),
        ("interpolations", "Interpolations", "decoded codes on the paths between pairs of images"),
        ("kl-per-dim", "KLPerDim", "the KL of each latent in nats, and which latents are active"),
        ("curves", "Curves", "the terms of the loss over the epochs, in training and validation"),
    ):
        register("figure", name, f"{HOME}:{kind}", summary=summary)
