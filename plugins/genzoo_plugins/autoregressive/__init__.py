"""Autoregressive models: ln p(x) = Σ ln p(x_d | x_<d), exact."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "made",
        "genzoo_plugins.autoregressive.made:MADE",
        loss="nll",
        summary="masked autoencoder whose outputs are the conditionals p(x_d | x_<d); exact ln p(x)",
        paper="Germain et al. 2015, arXiv 1502.03509",
        theory="genzoo_plugins.autoregressive.theory_causal:made",
    )
    register(
        "char-model",
        "genzoo_plugins.autoregressive.char_model:CharModel",
        loss="nll",
        summary="small causal transformer over the characters of a text; exact ln p(x)",
        paper="Vaswani et al. 2017, arXiv 1706.03762; Radford et al. 2018",
        theory="genzoo_plugins.autoregressive.theory_causal:char_model",
    )
