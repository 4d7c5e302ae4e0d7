"""Classical models, fitted in closed form: what others must beat."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ppca",
        "genzoo_plugins.classical.ppca:PPCA",
        loss="nll",
        summary="probabilistic PCA: a linear Gaussian latent model, fitted in closed form",
        paper="Tipping & Bishop 1999, J. R. Stat. Soc. B 61",
        theory="genzoo_plugins.classical.theory_ppca:ppca",
    )
