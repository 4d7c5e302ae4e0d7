"""Boltzmann machines: densities that are known up to their partition function."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.boltzmann"
TIELEMAN = "Tieleman 2008, Training restricted Boltzmann machines, ICML"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "rbm",
        f"{HOME}.rbm:RBM",
        loss="pcd",
        summary="restricted Boltzmann machine of black and white pixels, its partition function by annealing",
        paper=TIELEMAN,
        theory=f"{HOME}.theory:rbm",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "pcd",
        f"{HOME}.rbm:PersistentContrastiveDivergence",
        summary="persistent contrastive divergence: energies of data and of chains that follow the model",
        paper=TIELEMAN,
        theory=f"{HOME}.theory:pcd",
    )
