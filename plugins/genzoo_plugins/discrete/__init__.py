"""Autoencoders with discrete latents."""

from genzoo.core.hookspecs import Register, RegisterMetric, RegisterModel, RegisterPart, hookimpl

HOME = "genzoo_plugins.discrete"
PAPER = "van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937"
DHARIWAL = "Dhariwal et al. 2020, arXiv 2005.00341"
JANG = "Jang, Gu & Poole 2017, arXiv 1611.01144"
LEE = "Lee et al. 2022, arXiv 2203.01941"
MADDISON = "Maddison, Mnih & Teh 2017, arXiv 1611.00712"
MENTZER = "Mentzer et al. 2024, arXiv 2309.15505"
YU = "Yu et al. 2024, arXiv 2310.05737"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "vq-vae",
        f"{HOME}.vq_vae:VQVAE",
        loss="vq",
        summary="autoencoder of images with a codebook of discrete codes",
        paper=PAPER,
        theory=f"{HOME}.theory:vq_vae",
    )
    register(
        "fsq-vae",
        f"{HOME}.vq_vae:VQVAE",
        loss="elbo",
        options={"quantiser": "fsq:8,5,5,5"},
        summary="autoencoder of images whose codes are rounded numbers, without a codebook",
        paper=MENTZER,
        theory=f"{HOME}.theory:fsq_vae",
    )
    register(
        "gumbel-vae",
        f"{HOME}.gumbel_vae:GumbelVAE",
        loss="elbo",
        summary="VAE whose latents are classes, relaxed in training and one-hot in evaluation",
        paper=f"{JANG}; {MADDISON}",
        theory=f"{HOME}.theory_gumbel:gumbel_vae",
    )


@hookimpl
def register_parts(register: RegisterPart) -> None:
    home = f"{HOME}.codebook"
    register(
        "quantiser",
        "vq",
        f"{home}:Codebook",
        summary="the nearest of K learned vectors; default",
        paper=PAPER,
        theory=f"{HOME}.theory_vq:codebook",
    )
    register(
        "quantiser",
        "ema",
        f"{HOME}.moving_codebook:MovingCodebook",
        summary="a codebook that follows the encoder as a moving average; unused codes are moved: ema:0.99",
        paper=f"{PAPER}, appendix A.1; {DHARIWAL}",
        theory=f"{HOME}.theory_vq:vq_moving",
    )
    register(
        "quantiser",
        "rq",
        f"{home}:Residual",
        summary="N codes a place, each of what is left by those before: rq:4",
        paper=LEE,
        theory=f"{HOME}.theory:residual",
    )
    register(
        "quantiser",
        "fsq",
        f"{HOME}.fixed_codes:FiniteScalar",
        summary="each number rounded to one of L levels: fsq:8,5,5,5",
        paper=MENTZER,
        theory=f"{HOME}.theory:finite_scalar",
    )
    register(
        "quantiser",
        "lfq",
        f"{HOME}.fixed_codes:LookupFree",
        summary="the signs of B numbers: lfq:9",
        paper=YU,
        theory=f"{HOME}.theory:lookup_free",
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
        summary="the same with a codebook that follows the encoder; newer: the loss vq with --quantiser ema",
        paper=f"{PAPER}, appendix A.1; {DHARIWAL}",
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
