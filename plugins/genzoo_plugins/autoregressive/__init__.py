"""Autoregressive models: ln p(x) = Σ ln p(x_d | x_<d), exact."""

from genzoo.core.hookspecs import RegisterModel, hookimpl

HOME = "genzoo_plugins.autoregressive"
THEORY = f"{HOME}.theory"
GERMAIN = "Germain et al. 2015, arXiv 1502.03509"


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "made",
        f"{HOME}.made:MADE",
        loss="nll",
        summary="masked autoencoder whose outputs are the conditionals p(x_d | x_<d); exact ln p(x)",
        paper=GERMAIN,
        theory=f"{THEORY}:made",
    )
    register(
        "fvsbn",
        f"{HOME}.made:MADE",
        loss="nll",
        options={"hidden": ()},
        summary="each value by a logistic regression on those before: made without hidden layers",
        paper=f"Frey 1998; {GERMAIN}",
        theory=f"{THEORY}:fvsbn",
    )
    register(
        "pixelcnn",
        f"{HOME}.pixelcnn:PixelCNN",
        loss="nll",
        summary="gated convolutions over the pixels before, without a blind spot; exact ln p(x)",
        paper="van den Oord et al. 2016, arXiv 1606.05328",
        theory=f"{THEORY}:pixelcnn",
    )
    register(
        "pixelcnn-pp",
        f"{HOME}.pixelcnn:PixelCNN",
        loss="nll",
        options={"mixture": 5},
        summary="pixelcnn whose grey levels have mixtures of discretised logistics",
        paper="Salimans et al. 2017, arXiv 1701.05517",
        theory=f"{THEORY}:pixelcnn_pp",
    )
    register(
        "transformer",
        f"{HOME}.transformer:Transformer",
        loss="nll",
        options={"width": 128, "depth": 4},
        summary="causal transformer over codes of another model, pixels or characters; exact ln p(x)",
        paper="Radford et al. 2018; Chen et al. 2020, ICML",
        theory=f"{HOME}.theory_transformer:transformer",
    )
    register(
        "char-model",
        f"{HOME}.transformer:Transformer",
        loss="nll",
        summary="a small transformer, for the characters of a text; exact ln p(x)",
        paper="Vaswani et al. 2017, arXiv 1706.03762; Radford et al. 2018",
        theory=f"{HOME}.theory_transformer:transformer",
    )
