"""Parts of models: likelihoods, priors, posteriors and bijections, chosen by options such as `--prior vamp:500`."""

from genzoo.core.hookspecs import RegisterPart, hookimpl

HOME = "genzoo_plugins.parts"
LIKELIHOODS = f"{HOME}.likelihoods"


@hookimpl
def register_parts(register: RegisterPart) -> None:
    register(
        "likelihood",
        "bernoulli",
        f"{LIKELIHOODS}:BernoulliLikelihood",
        summary="logits of black and white pixels; of grey ones the cross-entropy, no density",
    )
    register(
        "likelihood",
        "gaussian",
        f"{LIKELIHOODS}:GaussianLikelihood",
        summary="N(output, σ²) with a fixed σ: gaussian:0.1; half the squared error at 1",
    )
    register(
        "likelihood",
        "gaussian-learned",
        f"{LIKELIHOODS}:LearnedGaussianLikelihood",
        summary="N(output, σ²) with one σ learned for all dimensions",
        paper="Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202",
    )
    register(
        "likelihood",
        "gaussian-per-dim",
        f"{LIKELIHOODS}:PerDimGaussianLikelihood",
        summary="N(μ, σ²), the decoder's own, with σ above a floor: gaussian-per-dim:0.01",
    )
    register(
        "likelihood",
        "laplace",
        f"{LIKELIHOODS}:LaplaceLikelihood",
        summary="Laplace(output, b) with a fixed b: laplace:0.1; the absolute error at 1",
    )
    register(
        "likelihood",
        "laplace-learned",
        f"{LIKELIHOODS}:LearnedLaplaceLikelihood",
        summary="Laplace(output, b) with one b learned for all dimensions",
    )
    register(
        "likelihood",
        "continuous-bernoulli",
        f"{LIKELIHOODS}:ContinuousBernoulliLikelihood",
        summary="density over grey values: the cross-entropy with its normaliser",
        paper="Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845",
    )
    register(
        "likelihood",
        "discretised-logistic",
        f"{LIKELIHOODS}:DiscretisedLogisticLikelihood",
        summary="probabilities of 256 grey levels about the output, one learned scale",
        paper="Kingma et al. 2016, arXiv 1606.04934",
    )
