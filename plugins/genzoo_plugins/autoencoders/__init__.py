"""Autoencoders without a bound on the likelihood, and their losses."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.autoencoders"
THEORY = f"{HOME}.theory"
AE = f"{HOME}.ae:AE"
WITH_PRIOR = f"{HOME}.with_prior:AEWithPrior"
VINCENT = "Vincent, Larochelle, Bengio & Manzagol 2008, ICML"
GHOSH = "Ghosh, Sajjadi, Vergari, Black & Schölkopf 2020, arXiv 1903.12436"
RIFAI = "Rifai, Vincent, Muller, Glorot & Bengio 2011, ICML"
GAO = "Makhzani & Frey 2014, arXiv 1312.5663; Gao et al. 2024, arXiv 2406.04093"
MAKHZANI = "Makhzani et al. 2015, arXiv 1511.05644"
KOLOURI = "Kolouri, Pope, Martin & Rohde 2018, arXiv 1804.01947"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "ae",
        AE,
        loss="reconstruction",
        summary="plain autoencoder",
        paper="Hinton & Salakhutdinov 2006, Science 313",
        theory=f"{HOME}.theory_ae:ae",
    )
    register(
        "denoising-ae",
        AE,
        loss="denoising",
        summary="autoencoder that reconstructs x from x and noise",
        paper=VINCENT,
        theory=f"{THEORY}:denoising",
    )
    register(
        "rae",
        AE,
        loss="regularised",
        summary="autoencoder with small codes and a smooth decoder; samples by --sampler gmm:10",
        paper=GHOSH,
        theory=f"{THEORY}:regularised",
    )
    register(
        "contractive-ae",
        AE,
        loss="contractive",
        summary="autoencoder whose code changes little with x",
        paper=RIFAI,
        theory=f"{THEORY}:contractive",
    )
    register(
        "sparse-ae",
        f"{HOME}.sparse:SparseAE",
        loss="reconstruction",
        summary="dictionary of many atoms, of which each example uses k",
        paper=GAO,
        theory=f"{THEORY}:sparse",
    )
    register(
        "aae",
        WITH_PRIOR,
        loss="adversarial-codes",
        summary="autoencoder whose codes a discriminator cannot tell from the prior's",
        paper=MAKHZANI,
        theory=f"{THEORY}:adversarial_codes",
    )
    register(
        "swae",
        WITH_PRIOR,
        loss="sliced-codes",
        summary="autoencoder whose codes are near the prior in sliced Wasserstein distance",
        paper=KOLOURI,
        theory=f"{THEORY}:sliced_wasserstein_distance",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "denoising",
        f"{HOME}.denoising:Denoising",
        summary="minus ln p(x|z) for the code of x and noise",
        paper=VINCENT,
        theory=f"{HOME}.theory:denoising",
    )
    register(
        "regularised",
        f"{HOME}.regularised:Regularised",
        summary="reconstruction, small codes, and a decoder of small weights or gradient",
        paper=GHOSH,
        theory=f"{HOME}.theory:regularised",
    )
    register(
        "contractive",
        f"{HOME}.contractive:Contractive",
        summary="reconstruction and the squared norm of the encoder's Jacobian",
        paper=RIFAI,
        theory=f"{HOME}.theory:contractive",
    )
    register(
        "l1",
        f"{HOME}.sparse:L1",
        summary="reconstruction and the L1 norm of the codes",
        paper=GAO,
        theory=f"{HOME}.theory:l1",
    )
    register(
        "adversarial-codes",
        f"{HOME}.with_prior:AdversarialCodes",
        summary="reconstruction, and a discriminator between codes and the prior's, in turn",
        paper=MAKHZANI,
        theory=f"{HOME}.theory:adversarial_codes",
    )
    register(
        "sliced-codes",
        f"{HOME}.with_prior:SlicedWasserstein",
        summary="reconstruction and the sliced Wasserstein distance between codes and the prior",
        paper=KOLOURI,
        theory=f"{HOME}.theory:sliced_wasserstein_distance",
    )
