"""Normalising flows: bijections from data to noise, with ln p(x) by the change of variables."""

from genzoo.core.hookspecs import RegisterModel, RegisterPart, hookimpl

HOME = "genzoo_plugins.flows"
THEORY = f"{HOME}.theory"
DINH = "Dinh et al. 2017, arXiv 1605.08803"
DURKAN = "Durkan et al. 2019, arXiv 1906.04032"
PAPAMAKARIOS = "Papamakarios, Pavlakou & Murray 2017, arXiv 1705.07057"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "realnvp",
        f"{HOME}.realnvp:RealNVP",
        loss="nll",
        summary="a bijection of affine couplings; exact ln p(x) of vectors, a bound for pixels",
        paper=DINH,
        theory=f"{THEORY}:realnvp",
    )
    register(
        "nice",
        f"{HOME}.realnvp:RealNVP",
        loss="nll",
        options={"coupling": "additive"},
        summary="realnvp whose couplings only shift values, and so preserve volume",
        paper="Dinh, Krueger & Bengio 2015, arXiv 1410.8516",
        theory=f"{THEORY}:nice",
    )
    register(
        "maf",
        f"{HOME}.maf:MAF",
        loss="nll",
        summary="masked autoregressive flow: exact ln p(x) of vectors in one pass, slow samples",
        paper=PAPAMAKARIOS,
        theory=f"{THEORY}:maf",
    )
    register(
        "spline-flow",
        f"{HOME}.spline_flow:SplineFlow",
        loss="nll",
        summary="a bijection of couplings by rational-quadratic splines; exact ln p(x) of vectors",
        paper=DURKAN,
        theory=f"{THEORY}:spline_flow",
    )
    register(
        "glow",
        f"{HOME}.glow:Glow",
        loss="nll",
        summary="multi-scale flow of images with invertible 1x1 convolutions; a bound on ln p(x)",
        paper="Kingma & Dhariwal 2018, arXiv 1807.03039",
        theory=f"{THEORY}:glow",
    )
    register(
        "tarflow",
        f"{HOME}.tarflow:TarFlow",
        loss="nll",
        summary="autoregressive flow of patches by causal transformers; exact ln p(x) of vectors, a bound for pixels",
        paper="Zhai et al. 2024, arXiv 2412.06329",
        theory=f"{HOME}.theory_tarflow:tarflow",
    )
    register(
        "flow-prior-vae",
        "genzoo_plugins.vae.vae:VAE",
        loss="elbo",
        options={"prior": "maf:3"},
        summary="VAE whose prior is a masked autoregressive flow",
        paper="Chen et al. 2017, arXiv 1611.02731",
        theory=f"{THEORY}_parts:flow_prior_vae",
    )


@hookimpl
def register_parts(register: RegisterPart) -> None:
    home = f"{HOME}.bijections"
    register(
        "bijection",
        "realnvp",
        f"{home}:AffineCouplings",
        summary="N affine couplings: realnvp:4",
        paper=DINH,
        theory=f"{THEORY}_parts:affine_couplings",
    )
    register(
        "bijection",
        "spline",
        f"{home}:SplineCouplings",
        summary="N couplings by rational-quadratic splines: spline:4",
        paper=DURKAN,
        theory=f"{THEORY}_parts:spline_couplings",
    )
    register(
        "bijection",
        "maf",
        f"{home}:AffineAutoregressive",
        summary="N affine autoregressive layers: maf:3",
        paper=PAPAMAKARIOS,
        theory=f"{THEORY}_parts:affine_autoregressive",
    )
