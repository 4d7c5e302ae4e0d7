"""Variational autoencoders of one level of continuous latents, and the losses made for them."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.vae"
VAE = f"{HOME}.vae:VAE"
BURDA = "Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519"
KIM = "Kim & Mnih 2018, arXiv 1802.05983"
M2 = "Kingma, Rezende, Mohamed & Welling 2014, arXiv 1406.5298"
CHEN = "Chen et al. 2018, arXiv 1802.04942"
KUMAR = "Kumar, Sattigeri & Balakrishnan 2018, arXiv 1711.00848"
RAINFORTH = "Rainforth et al. 2018, arXiv 1802.04537"
THEORY = f"{HOME}.theory"
IMPORTANCE = f"{THEORY}:importance_weighted"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "vae",
        VAE,
        loss="elbo",
        summary="variational autoencoder",
        paper="Kingma & Welling 2014, arXiv 1312.6114",
        theory="genzoo_plugins.vae.theory_vae:vae",
    )
    register(
        "beta-vae",
        VAE,
        loss="elbo",
        loss_options={"beta": 4.0},
        summary="VAE whose KL is weighted by beta",
        paper="Higgins et al. 2017, ICLR",
        theory="genzoo_plugins.vae.theory_vae:beta_vae",
    )
    register(
        "conv-vae",
        f"{HOME}.conv_vae:ConvVAE",
        loss="elbo",
        summary="convolutional VAE, for images from 16x16 up",
        paper="Kingma & Welling 2014, arXiv 1312.6114; the nets of the TensorFlow tutorial",
        theory="genzoo_plugins.vae.theory_vae:conv_vae",
    )
    register(
        "conditional-vae",
        f"{HOME}.conditional_vae:ConditionalVAE",
        loss="elbo",
        summary="VAE of labelled data that samples the classes asked for",
        paper="Kingma et al. 2014, arXiv 1406.5298; Sohn, Lee & Yan 2015, NeurIPS",
        theory="genzoo_plugins.vae.theory_classes:conditional_vae",
    )
    register(
        "m2-vae",
        f"{HOME}.m2_vae:M2",
        loss="m2",
        summary="VAE of data with few labels: unknown classes are summed over",
        paper=M2,
        theory="genzoo_plugins.vae.theory_classes:m2_vae",
    )
    register(
        "hamiltonian-vae",
        f"{HOME}.hamiltonian_vae:HamiltonianVAE",
        loss="elbo",
        summary="VAE whose posterior samples follow Hamiltonian dynamics towards likelier latents",
        paper="Caterini, Doucet & Sejdinovic 2018, arXiv 1805.11328",
        theory=f"{HOME}.theory_hamiltonian:hamiltonian_vae",
    )
    register(
        "sa-vae",
        f"{HOME}.sa_vae:SAVAE",
        loss="elbo",
        summary="VAE whose posterior is improved for each example by gradient steps",
        paper="Kim et al. 2018, arXiv 1802.02550",
        theory=f"{HOME}.theory_sa:sa_vae",
    )
    register_with_parts(register)
    register_with_losses(register)


def register_with_losses(register: RegisterModel) -> None:
    """Register the VAE with other losses than the ELBO."""
    register(
        "iwae",
        VAE,
        loss="importance-weighted",
        summary="VAE trained on the importance-weighted bound of k samples",
        paper=BURDA,
        theory="genzoo_plugins.vae.theory_vae:iwae",
    )
    register(
        "factor-vae",
        VAE,
        loss="factor",
        summary="VAE with a penalty on the total correlation of its latents, estimated by a discriminator",
        paper=KIM,
        theory="genzoo_plugins.vae.theory_vae:factor_vae",
    )
    register(
        "beta-tc-vae",
        VAE,
        loss="tc",
        summary="VAE whose KL weights the total correlation of its latents by beta",
        paper=CHEN,
        theory="genzoo_plugins.vae.theory_vae:beta_tc_vae",
    )
    register(
        "dip-vae",
        VAE,
        loss="dip",
        summary="VAE whose codes are brought to a covariance of I over the data",
        paper=KUMAR,
        theory=f"{THEORY}:dip_vae",
    )
    for name, kind, summary in (
        ("miwae", "multiply", "VAE trained on the mean of M importance-weighted bounds"),
        ("piwae", "partially", "VAE whose encoder has the loss of miwae, and whose decoder that of iwae"),
        ("ciwae", "combined", "VAE trained on a share of the ELBO and of the importance-weighted bound"),
    ):
        register(name, VAE, loss=f"{kind}-importance-weighted", summary=summary, paper=RAINFORTH, theory=IMPORTANCE)


def register_with_parts(register: RegisterModel) -> None:
    """Register the VAE with other parts than its defaults."""
    register(
        "sigma-vae",
        VAE,
        loss="elbo",
        training={"likelihood": "gaussian-learned"},
        summary="VAE with one learned variance of x given z",
        paper="Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202",
        theory=f"{THEORY}:sigma_vae",
    )
    register(
        "cb-vae",
        VAE,
        loss="elbo",
        training={"likelihood": "continuous-bernoulli"},
        summary="VAE of grey images with a density of grey values",
        paper="Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845",
        theory=f"{THEORY}:cb_vae",
    )
    register(
        "iaf-vae",
        VAE,
        loss="elbo",
        options={"posterior": "iaf:4"},
        summary="VAE whose posterior is an inverse autoregressive flow that depends on x",
        paper="Kingma et al. 2016, arXiv 1606.04934",
        theory=f"{THEORY}:iaf_vae",
    )
    register(
        "vamp-vae",
        VAE,
        loss="elbo",
        options={"prior": "vamp:100"},
        summary="VAE whose prior is the mixture of the posteriors of learned inputs",
        paper="Tomczak & Welling 2018, arXiv 1705.07120",
        theory=f"{THEORY}:vamp_vae",
    )
    register(
        "svae",
        VAE,
        loss="elbo",
        options={"prior": "uniform-sphere", "posterior": "vmf", "latent_dim": 11},
        summary="VAE whose latents are directions: points of a sphere",
        paper="Davidson et al. 2018, arXiv 1804.00891",
        theory="genzoo_plugins.parts.theory_sphere:svae",
    )
    register(
        "gm-vae",
        VAE,
        loss="elbo",
        options={"prior": "mixture:10"},
        summary="VAE whose prior is a learned mixture of Gaussians, to cluster by",
        paper="Jiang et al. 2017, arXiv 1611.05148",
        theory=f"{THEORY}:gm_vae",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "importance-weighted",
        f"{HOME}.iwae:ImportanceWeighted",
        summary="minus the bound on ln p(x) by k importance-weighted posterior samples",
        paper=BURDA,
        theory="genzoo_plugins.vae.theory_vae:iwae",
    )
    register(
        "m2",
        f"{HOME}.m2_vae:M2Loss",
        summary="minus the bound on ln p(x, y), or on ln p(x) without a label, plus −ln q(y|x) weighted by alpha",
        paper=M2,
        theory="genzoo_plugins.vae.theory_classes:m2_vae",
    )
    register(
        "factor",
        f"{HOME}.factor_vae:Factor",
        summary="negative ELBO plus the total correlation, estimated by a discriminator that the loss trains",
        paper=KIM,
        theory="genzoo_plugins.vae.theory_vae:factor_vae",
    )
    register(
        "tc",
        f"{HOME}.beta_tc_vae:TC",
        summary="negative ELBO with the total correlation, estimated from the batch, weighted by beta",
        paper=CHEN,
        theory="genzoo_plugins.vae.theory_vae:beta_tc_vae",
    )
    register(
        "dip",
        f"{HOME}.dip_vae:DIP",
        summary="negative ELBO plus the distance of the codes' covariance from I",
        paper=KUMAR,
        theory=f"{THEORY}:dip_vae",
    )
    for kind, summary in (
        ("multiply", "minus the mean of M importance-weighted bounds of k samples"),
        (
            "partially",
            "minus the mean of M bounds for the encoder, and the bound of M·k samples for the decoder",
        ),
        ("combined", "minus a share of the ELBO and of the importance-weighted bound"),
    ):
        target = f"{HOME}.iwae:{kind.capitalize()}ImportanceWeighted"
        register(f"{kind}-importance-weighted", target, summary=summary, paper=RAINFORTH, theory=IMPORTANCE)
