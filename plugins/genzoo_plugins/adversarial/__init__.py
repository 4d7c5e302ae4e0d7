"""Generative adversarial networks: a generator, and a critic that tells its samples from the data."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.adversarial"
CODES = f"{HOME}.theory_codes"
THEORY = f"{HOME}.theory_critics"
GOODFELLOW = "Goodfellow et al. 2014, arXiv 1406.2661"
GULRAJANI = "Gulrajani et al. 2017, arXiv 1704.00028"
HUANG = "Huang et al. 2024, arXiv 2501.05441"
CHEN = "Chen et al. 2016, arXiv 1606.03657"
MIYATO = "Miyato et al. 2018, arXiv 1802.05957"
LARSEN = "Larsen et al. 2016, arXiv 1512.09300"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "gan",
        f"{HOME}.gan:Generator",
        loss="adversarial",
        summary="generator trained against a discriminator; no encoder and no density",
        paper=GOODFELLOW,
        theory="genzoo_plugins.adversarial.theory:gan",
    )
    register(
        "wgan-gp",
        f"{HOME}.gan:Generator",
        loss="wasserstein",
        summary="generator trained on the Wasserstein distance that a critic with a gradient penalty estimates",
        paper=GULRAJANI,
        theory="genzoo_plugins.adversarial.theory:wgan_gp",
    )
    register(
        "vae-gan",
        f"{HOME}.vae_gan:VAEGAN",
        loss="learned-similarity",
        summary="VAE whose reconstructions are compared with the data by the features of a discriminator",
        paper=LARSEN,
        theory=f"{CODES}:vae_gan",
    )
    register(
        "r3gan",
        f"{HOME}.gan:Generator",
        loss="relativistic",
        summary="generator whose samples must look more real than the data, with a critic of small slopes",
        paper=HUANG,
        theory=f"{THEORY}:r3gan",
    )
    register(
        "infogan",
        f"{HOME}.infogan:CodedGenerator",
        loss="information",
        summary="generator of samples from which a class and codes can be read",
        paper=CHEN,
        theory=f"{CODES}:infogan",
    )
    register(
        "sngan",
        f"{HOME}.gan:Generator",
        loss="spectral",
        training={"lr": 2e-4},  # Miyato et al. 2018, table 1, C
        summary="generator trained against a critic whose layers have spectral norm 1",
        paper=MIYATO,
        theory=f"{THEORY}:sngan",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "adversarial",
        f"{HOME}.gan:Adversarial",
        summary="non-saturating loss of a generator and cross-entropy of a discriminator, in turn",
        paper=GOODFELLOW,
        theory="genzoo_plugins.adversarial.theory:gan",
    )
    register(
        "wasserstein",
        f"{HOME}.wasserstein:Wasserstein",
        summary="Wasserstein distance by a critic with a gradient penalty, several steps for one of the model",
        paper=GULRAJANI,
        theory="genzoo_plugins.adversarial.theory:wgan_gp",
    )
    register(
        "learned-similarity",
        f"{HOME}.vae_gan:LearnedSimilarity",
        summary="KL, a distance between the features of a discriminator, and its answers",
        paper=LARSEN,
        theory=f"{CODES}:vae_gan",
    )
    register(
        "relativistic",
        f"{HOME}.r3gan:Relativistic",
        summary="logistic loss of the difference of a critic's answers, with penalties on its slopes",
        paper=HUANG,
        theory=f"{THEORY}:r3gan",
    )
    register(
        "information",
        f"{HOME}.infogan:Information",
        summary="adversarial loss and a bound on the information between codes and samples",
        paper=CHEN,
        theory=f"{CODES}:infogan",
    )
    register(
        "spectral",
        f"{HOME}.sngan:Spectral",
        options={"objective": "hinge"},
        summary="hinges of a critic whose layers are divided by their spectral norm",
        paper=MIYATO,
        theory=f"{THEORY}:sngan",
    )
