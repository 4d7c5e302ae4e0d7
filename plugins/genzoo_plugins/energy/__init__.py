"""Energy-based models: a density up to a constant, trained by samples of its own."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.energy"
TIELEMAN = "Tieleman 2008, Training restricted Boltzmann machines, ICML"
DU = "Du & Mordatch 2019, arXiv 1903.08689"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ebm",
        f"{HOME}.ebm:EBM",
        loss="persistent-contrastive",
        summary="energy-based model: a density up to a constant, sampled by Langevin steps",
        paper=DU,
        training={"lr": 3e-4},  # by 1e-3 one of two trainings of 100 epochs diverged
        theory=f"{HOME}.theory:ebm",
    )
    register(
        "rbm",
        f"{HOME}.rbm:RBM",
        loss="pcd",
        summary="restricted Boltzmann machine of black and white pixels, its partition function by annealing",
        paper=TIELEMAN,
        theory=f"{HOME}.theory_rbm:rbm",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "persistent-contrastive",
        f"{HOME}.ebm:PersistentContrastive",
        summary="ln p of data, with a gradient by chains of samples that last through the training",
        paper=f"{DU}; {TIELEMAN}",
        theory=f"{HOME}.theory:ebm",
    )
    register(
        "pcd",
        f"{HOME}.rbm:PersistentContrastiveDivergence",
        summary="persistent contrastive divergence: energies of data and of chains that follow the model",
        paper=TIELEMAN,
        theory=f"{HOME}.theory_rbm:pcd",
    )
