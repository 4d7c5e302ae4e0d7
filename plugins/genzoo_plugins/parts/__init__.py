"""Parts of models: likelihoods, priors, posteriors and bijections, chosen by options such as `--prior vamp:500`."""

from genzoo.core.hookspecs import RegisterPart, hookimpl

HOME = "genzoo_plugins.parts"
FLOWS_THEORY = "genzoo_plugins.flows.theory_parts"
LIKELIHOODS = f"{HOME}.likelihoods"
DAVIDSON = "Davidson et al. 2018, arXiv 1804.00891"
CHEN = "Chen et al. 2017, arXiv 1611.02731"
DINH = "Dinh et al. 2017, arXiv 1605.08803"
DURKAN = "Durkan et al. 2019, arXiv 1906.04032"
LOPEZ = "Lopez et al. 2018, Nature Methods 15"
KINGMA = "Kingma et al. 2016, arXiv 1606.04934"
PAPAMAKARIOS = "Papamakarios, Pavlakou & Murray 2017, arXiv 1705.07057"
REZENDE = "Rezende & Mohamed 2015, arXiv 1505.05770"
TOMCZAK = "Tomczak & Welling 2018, arXiv 1705.07120"


@hookimpl
def register_parts(register: RegisterPart) -> None:
    register_likelihoods(register)
    register_priors(register)
    register(
        "bijection",
        "iaf",
        f"{HOME}.iaf:AutoregressiveFlow",
        summary="N gated autoregressive steps",
        paper=KINGMA,
        theory="genzoo_plugins.parts.theory_latents:iaf",
    )
    register(
        "bijection",
        "planar",
        f"{HOME}.planar:PlanarFlow",
        summary="N planar steps",
        paper=REZENDE,
        theory="genzoo_plugins.parts.theory_latents:planar",
    )
    register(
        "nets",
        "conv",
        f"{HOME}.nets:ConvNets",
        summary="convolutions of C and 2C feature maps, for images: conv:32",
        theory="genzoo_plugins.vae.theory_nets:conv",
    )
    register(
        "nets",
        "residual",
        f"{HOME}.nets:ResidualNets",
        summary="perceptrons of two residual blocks: residual:400",
        paper="He et al. 2016, arXiv 1603.05027",
        theory="genzoo_plugins.vae.theory_nets:residual",
    )
    register_posteriors(register)


def register_posteriors(register: RegisterPart) -> None:
    """Register the posteriors."""
    register(
        "posterior",
        "diagonal",
        f"{HOME}.posteriors:DiagonalPosterior",
        summary="a diagonal Gaussian; default",
        theory="genzoo_plugins.parts.theory_latents:diagonal",
    )
    register(
        "posterior",
        "iaf",
        f"{HOME}.posteriors:IAFPosterior",
        summary="a Gaussian after N inverse autoregressive steps: iaf:2",
        paper=KINGMA,
        theory="genzoo_plugins.parts.theory_latents:iaf_posterior",
    )
    register(
        "posterior",
        "planar",
        f"{HOME}.posteriors:PlanarPosterior",
        summary="a Gaussian after N planar steps: planar:8",
        paper=REZENDE,
        theory="genzoo_plugins.parts.theory_latents:planar_posterior",
    )
    register(
        "posterior",
        "vmf",
        f"{HOME}.sphere:VMFPosterior",
        summary="directions about a mean, for --prior uniform-sphere: von Mises-Fisher",
        paper=DAVIDSON,
        theory=f"{HOME}.theory_sphere:vmf",
    )
    register(
        "posterior",
        "maf",
        f"{HOME}.posteriors:MAFPosterior",
        summary="a Gaussian after N affine autoregressive layers: maf:3",
        paper=PAPAMAKARIOS,
        theory=f"{FLOWS_THEORY}:maf_posterior",
    )
    register(
        "posterior",
        "spline",
        f"{HOME}.posteriors:SplinePosterior",
        summary="a Gaussian after N couplings by splines: spline:4",
        paper=DURKAN,
        theory=f"{FLOWS_THEORY}:spline_posterior",
    )


def register_likelihoods(register: RegisterPart) -> None:
    """Register the likelihoods."""
    register(
        "likelihood",
        "bernoulli",
        f"{LIKELIHOODS}:BernoulliLikelihood",
        summary="logits of black and white pixels; of grey ones the cross-entropy, no density",
        theory="genzoo_plugins.parts.theory_likelihoods:bernoulli",
    )
    register(
        "likelihood",
        "gaussian",
        f"{LIKELIHOODS}:GaussianLikelihood",
        summary="N(output, σ²) with a fixed σ: gaussian:0.1; half the squared error at 1",
        theory="genzoo_plugins.parts.theory_likelihoods:gaussian",
    )
    register(
        "likelihood",
        "gaussian-learned",
        f"{LIKELIHOODS}:LearnedGaussianLikelihood",
        summary="N(output, σ²) with one σ learned for all dimensions",
        paper="Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202",
        theory="genzoo_plugins.parts.theory_likelihoods:gaussian_learned",
    )
    register(
        "likelihood",
        "gaussian-per-dim",
        f"{LIKELIHOODS}:PerDimGaussianLikelihood",
        summary="N(μ, σ²), the decoder's own, with σ above a floor: gaussian-per-dim:0.01",
        theory="genzoo_plugins.parts.theory_likelihoods:gaussian_per_dim",
    )
    register(
        "likelihood",
        "laplace",
        f"{LIKELIHOODS}:LaplaceLikelihood",
        summary="Laplace(output, b) with a fixed b: laplace:0.1; the absolute error at 1",
        theory="genzoo_plugins.parts.theory_likelihoods:laplace",
    )
    register(
        "likelihood",
        "laplace-learned",
        f"{LIKELIHOODS}:LearnedLaplaceLikelihood",
        summary="Laplace(output, b) with one b learned for all dimensions",
        theory="genzoo_plugins.parts.theory_likelihoods:laplace_learned",
    )
    register(
        "likelihood",
        "continuous-bernoulli",
        f"{LIKELIHOODS}:ContinuousBernoulliLikelihood",
        summary="density over grey values: the cross-entropy with its normaliser",
        paper="Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845",
        theory="genzoo_plugins.parts.theory_likelihoods:continuous_bernoulli",
    )
    register_discrete_likelihoods(register)


def register_discrete_likelihoods(register: RegisterPart) -> None:
    """Register the likelihoods of grey levels and of counts."""
    register(
        "likelihood",
        "discretised-logistic",
        f"{LIKELIHOODS}:DiscretisedLogisticLikelihood",
        summary="probabilities of 256 grey levels about the output, one learned scale",
        paper=KINGMA,
        theory="genzoo_plugins.parts.theory_likelihoods:discretised_logistic",
    )
    register(
        "likelihood",
        "logistic-mixture",
        f"{HOME}.logistic_mixture:LogisticMixtureLikelihood",
        summary="probabilities of 256 grey levels, a mixture of K logistics for each value: logistic-mixture:5",
        paper="Salimans et al. 2017, arXiv 1701.05517",
        theory="genzoo_plugins.autoregressive.theory:pixelcnn_pp",
    )
    register(
        "likelihood",
        "nb",
        f"{HOME}.counts:NegativeBinomialLikelihood",
        summary="counts 0, 1, 2, …: the negative binomial, the decoder's own mean and dispersion",
        paper=LOPEZ,
        theory=f"{HOME}.theory_counts:nb",
    )
    register(
        "likelihood",
        "zinb",
        f"{HOME}.counts:ZeroInflatedLikelihood",
        summary="nb with an additional probability of 0, the decoder's own",
        paper=LOPEZ,
        theory=f"{HOME}.theory_counts:zinb",
    )


def register_priors(register: RegisterPart) -> None:
    """Register the priors."""
    register(
        "prior",
        "standard-normal",
        f"{HOME}.priors:StandardNormalPrior",
        summary="N(0, I); default",
        theory="genzoo_plugins.parts.theory_latents:standard_normal",
    )
    register(
        "prior",
        "uniform-sphere",
        f"{HOME}.sphere:UniformSpherePrior",
        summary="all directions alike, for --posterior vmf",
        paper=DAVIDSON,
        theory=f"{HOME}.theory_sphere:uniform_sphere",
    )
    register(
        "prior",
        "mixture",
        f"{HOME}.priors:MixturePrior",
        summary="a learned mixture of K Gaussians: mixture:10",
        paper="Dilokthanakul et al. 2016, arXiv 1611.02648",
        theory="genzoo_plugins.parts.theory_latents:mixture",
    )
    register(
        "prior",
        "vamp",
        f"{HOME}.vamp:VampPrior",
        summary="the posteriors of K learned pseudo-inputs: vamp:500",
        paper=TOMCZAK,
        theory="genzoo_plugins.parts.theory_latents:vamp",
    )
    register_flow_priors(register)


def register_flow_priors(register: RegisterPart) -> None:
    """Register the priors that are flows."""
    register(
        "prior",
        "flow",
        f"{HOME}.priors:FlowPrior",
        summary="a normal distribution seen through a bijection: flow:iaf:2",
        paper=PAPAMAKARIOS,
        theory="genzoo_plugins.parts.theory_latents:flow",
    )
    register(
        "prior",
        "realnvp",
        f"{HOME}.priors:RealNVPPrior",
        summary="a learned flow of N affine couplings: realnvp:4",
        paper=f"{CHEN}; {DINH}",
        theory=f"{FLOWS_THEORY}:realnvp_prior",
    )
    register(
        "prior",
        "spline",
        f"{HOME}.priors:SplinePrior",
        summary="a learned flow of N couplings by splines: spline:4",
        paper=f"{CHEN}; {DURKAN}",
        theory=f"{FLOWS_THEORY}:spline_prior",
    )
    register(
        "prior",
        "maf",
        f"{HOME}.priors:MAFPrior",
        summary="a learned masked autoregressive flow of N layers: maf:3",
        paper=f"{CHEN}; {PAPAMAKARIOS}",
        theory=f"{FLOWS_THEORY}:maf_prior",
    )
