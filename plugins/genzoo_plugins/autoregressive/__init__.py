"""Autoregressive models: ln p(x) = Σ ln p(x_d | x_<d), exact."""

from genzoo.core.hookspecs import RegisterModel, hookimpl

HOME = "genzoo_plugins.autoregressive"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "made",
        "genzoo_plugins.autoregressive.made:MADE",
        loss="nll",
        summary="masked autoencoder whose outputs are the conditionals p(x_d | x_<d); exact ln p(x)",
        paper="Germain et al. 2015, arXiv 1502.03509",
    )
    register(
        "transformer",
        f"{HOME}.transformer:Transformer",
        loss="nll",
        options={"width": 128, "depth": 4},
        summary="causal transformer over codes of another model, pixels or characters; exact ln p(x)",
        paper="Radford et al. 2018; Chen et al. 2020, ICML",
        theory=f"{HOME}.theory_transformer:transformer",
    )
    register(
        "char-model",
        f"{HOME}.transformer:Transformer",
        loss="nll",
        summary="a small transformer, for the characters of a text; exact ln p(x)",
        paper="Vaswani et al. 2017, arXiv 1706.03762; Radford et al. 2018",
        theory=f"{HOME}.theory_transformer:transformer",
    )
