"""Models of rows of several views, of texts, of counts, and of tables with columns of several kinds."""

from genzoo.core.hookspecs import Register, RegisterModel, hookimpl

HOME = "genzoo_plugins.structured"
VIEWS = f"{HOME}.theory:multimodal_vae"
WU = "Wu & Goodman 2018, arXiv 1802.05335"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "multimodal-vae",
        f"{HOME}.multimodal_vae:MultimodalVAE",
        loss="views",
        summary="VAE of several views of one latent, any of which may be given",
        paper=f"{WU}; Shi et al. 2019, arXiv 1911.03393; Sutter, Daunhawer & Vogt 2021, arXiv 2105.02470",
        theory=VIEWS,
    )
    register(
        "text-vae",
        f"{HOME}.text_vae:TextVAE",
        loss="elbo",
        loss_options={"kl_warmup": 1000},
        summary="VAE of texts: a transformer that is told one latent of the whole text",
        paper="Bowman et al. 2016, arXiv 1511.06349",
        theory=f"{HOME}.theory_text:text_vae",
    )
    register(
        "tvae",
        f"{HOME}.tvae:TVAE",
        loss="elbo",
        summary="VAE of tables: names are categorical, numbers mixtures of Gaussians",
        paper="Xu et al. 2019, arXiv 1907.00503",
        theory=f"{HOME}.theory_tables:tvae",
    )
    register(
        "scvi",
        f"{HOME}.scvi:SCVI",
        loss="elbo",
        summary="VAE of the counts of genes in cells, with the library size of a cell as a latent",
        paper="Lopez et al. 2018, Nature Methods 15",
        theory=f"{HOME}.theory_counts:scvi",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "views",
        f"{HOME}.multimodal_vae:Views",
        summary="negative ELBO of all views plus those of every smaller set of views",
        paper=WU,
        theory=VIEWS,
    )
