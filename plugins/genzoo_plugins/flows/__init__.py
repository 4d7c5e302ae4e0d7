"""Normalising flows: bijections from data to noise, with ln p(x) by the change of variables."""

from genzoo.core.hookspecs import RegisterModel, hookimpl


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "realnvp",
        "genzoo_plugins.flows.realnvp:RealNVP",
        loss="nll",
        summary="a bijection of affine couplings; exact ln p(x) of vectors, a bound for pixels",
        paper="Dinh et al. 2017, arXiv 1605.08803",
        theory="genzoo_plugins.flows.theory_realnvp:realnvp",
    )
