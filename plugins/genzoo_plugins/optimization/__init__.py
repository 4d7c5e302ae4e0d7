"""Optimisers and learning-rate schedules: `--optimizer adamw:0.01`, `--schedule cosine`."""

from genzoo.core.hookspecs import RegisterPart, hookimpl

HOME = "genzoo_plugins.optimization"
LOSHCHILOV = "Loshchilov & Hutter 2019, arXiv 1711.05101"
THEORY = f"{HOME}.theory"


@hookimpl
def register_parts(register: RegisterPart) -> None:
    register(
        "optimizer",
        "adam",
        f"{HOME}.adam:Adam",
        summary="moments of the gradient; weight decay is added to it; default",
        paper="Kingma & Ba 2015, arXiv 1412.6980",
        theory=f"{THEORY}:adam",
    )
    register(
        "optimizer",
        "adamw",
        f"{HOME}.adam:AdamW",
        summary="Adam whose weight decay is apart from the gradient: adamw:0.01",
        paper=LOSHCHILOV,
        theory=f"{THEORY}:adamw",
    )
    register(
        "optimizer",
        "sgd",
        f"{HOME}.sgd:SGD",
        summary="gradient descent, with momentum: sgd:0.9",
        theory=f"{THEORY}:sgd",
    )
    register(
        "optimizer",
        "muon",
        f"{HOME}.muon:Muon",
        summary="orthogonalised updates of matrices, AdamW for the rest",
        paper="Jordan et al. 2024; Liu et al. 2025, arXiv 2502.16982",
        theory=f"{THEORY}:muon",
    )
    register(
        "schedule",
        "constant",
        f"{HOME}.schedules:Constant",
        summary="the same rate in every step; default",
        theory=f"{THEORY}:constant",
    )
    register(
        "schedule",
        "cosine",
        f"{HOME}.schedules:Cosine",
        summary="half a cosine down to 0, or to a share of the rate: cosine:0.1",
        paper="Loshchilov & Hutter 2017, arXiv 1608.03983",
        theory=f"{THEORY}:cosine",
    )
    register(
        "schedule",
        "linear",
        f"{HOME}.schedules:Linear",
        summary="a straight line down to 0, or to a share of the rate: linear:0.1",
        theory=f"{THEORY}:linear",
    )
