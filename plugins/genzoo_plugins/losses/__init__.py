"""The objectives of densities, autoencoders and variational autoencoders."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "elbo",
        "genzoo_plugins.losses.elbo:ELBO",
        summary="negative evidence lower bound, KL weighted by beta or held to a capacity",
        paper="Kingma & Welling 2014; Higgins et al. 2017; Burgess et al. 2018",
        theory="genzoo_plugins.losses.theory:elbo",
    )
    register(
        "geco",
        "genzoo_plugins.losses.geco:GECO",
        summary="the KL at a given reconstruction, by a multiplier that is adapted",
        paper="Rezende & Viola 2018, arXiv 1810.00597",
        theory="genzoo_plugins.losses.theory:geco",
    )
    register(
        "nll",
        "genzoo_plugins.losses.nll:NLL",
        summary="minus the log-likelihood of x, for models with a density p(x)",
        theory="genzoo_plugins.losses.theory:nll",
    )
    register(
        "reconstruction",
        "genzoo_plugins.losses.reconstruction:Reconstruction",
        summary="minus the log-likelihood of x given its code, without a KL",
        theory="genzoo_plugins.losses.theory:reconstruction",
    )
