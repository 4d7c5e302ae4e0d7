"""Classical models, fitted in closed form or by passes of their own: what others must beat."""

from genzoo.core.hookspecs import RegisterModel, hookimpl

HOME = "genzoo_plugins.classical"
THEORY = f"{HOME}.theory"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ppca",
        f"{HOME}.ppca:PPCA",
        loss="nll",
        summary="probabilistic PCA: a linear Gaussian latent model, fitted in closed form",
        paper="Tipping & Bishop 1999, J. R. Stat. Soc. B 61",
        theory=f"{THEORY}:ppca",
    )
    register(
        "factor-analysis",
        f"{HOME}.factor_analysis:FactorAnalysis",
        loss="nll",
        summary="probabilistic PCA with a noise variance for each value",
        paper="Rubin & Thayer 1982, Psychometrika 47",
        theory=f"{THEORY}:factor_analysis",
    )
    register(
        "gmm",
        f"{HOME}.gmm:GMM",
        loss="nll",
        summary="mixture of Gaussians, of the principal axes of large data",
        paper="Dempster, Laird & Rubin 1977, J. R. Stat. Soc. B 39",
        theory=f"{THEORY}:gmm",
    )
    register(
        "kde",
        f"{HOME}.kde:KDE",
        loss="nll",
        summary="kernel density estimate, its bandwidth by leaving one out",
        paper="Parzen 1962, Ann. Math. Stat. 33",
        theory=f"{THEORY}:kde",
    )
    register(
        "ngram",
        f"{HOME}.ngram:NGram",
        loss="nll",
        summary="interpolated n-grams of tokens",
        paper="Witten & Bell 1991, IEEE Trans. Inf. Theory 37",
        theory=f"{THEORY}:ngram",
    )
