"""Metrics: some are reported by every run, the others only on request."""

from genzoo.core.hookspecs import RegisterMetric, hookimpl

HOME = "genzoo_plugins.metrics"


@hookimpl
def register_metrics(register: RegisterMetric) -> None:
    register(
        "negative-elbo",
        f"{HOME}.bound:NegativeELBO",
        summary="−ELBO at beta = 1: reconstruction + KL, in nats per example",
        paper="Kingma & Welling 2014, eq. 3",
        in_every_run=True,
        theory="genzoo_plugins.metrics.theory:negative_elbo",
    )
    register(
        "reconstruction",
        f"{HOME}.bound:Reconstruction",
        summary="E[−ln p(x|z)], such as the cross-entropy (BCE), in nats per example",
        in_every_run=True,
        theory="genzoo_plugins.metrics.theory:reconstruction",
    )
    register(
        "kl",
        f"{HOME}.bound:KL",
        summary="KL(q(z|x)‖p(z)), in nats per example",
        in_every_run=True,
        theory="genzoo_plugins.metrics.theory:kl",
    )
    register(
        "nll",
        f"{HOME}.nll:NLL",
        summary="−ln p(x) in nats per example: exact, or at most this; nll:100 for a bound by 100 posterior samples",
        in_every_run=True,
        theory="genzoo_plugins.metrics.theory:nll",
    )
    register(
        "mse",
        f"{HOME}.codes:MSE",
        summary="squared error per dimension of decode(encode(x))",
        in_every_run=True,
        theory="genzoo_plugins.metrics.theory:mse",
    )
    register(
        "active-units",
        f"{HOME}.codes:ActiveUnits",
        summary="latent dimensions whose posterior mean varies with x",
        paper="Burda et al. 2016, arXiv 1509.00519, section 5.2",
        in_every_run=True,
        theory="genzoo_plugins.metrics.theory:active_units",
    )
    register_on_request(register)
    register_latent_health(register)
    register_samples(register)


def register_on_request(register: RegisterMetric) -> None:
    """Register metrics of likelihoods and of reconstructed images that are computed on request."""
    register(
        "iwae",
        f"{HOME}.iwae:IWAE",
        summary="importance-weighted bound on −ln p(x), in nats per example; iwae:5000 for 5,000 samples",
        paper="Burda et al. 2016, arXiv 1509.00519, section 3",
        theory="genzoo_plugins.metrics.theory:iwae",
    )
    register(
        "ais",
        f"{HOME}.ais:AIS",
        summary="annealed bound on −ln p(x) of a decoder, with a bracket; ais:1000 for 1,000 temperatures; slow",
        paper="Wu et al. 2017, arXiv 1611.04273; Grosse et al. 2015, arXiv 1511.02543",
        theory="genzoo_plugins.metrics.theory_ais:ais",
    )
    register(
        "bits-per-dim",
        f"{HOME}.nll:BitsPerDim",
        summary="−ln p(x) in bits per dimension, for discrete values",
        theory="genzoo_plugins.metrics.theory:bits_per_dim",
    )
    register(
        "psnr",
        f"{HOME}.images:PSNR",
        summary="peak signal-to-noise ratio of reconstructed images, in dB",
        theory="genzoo_plugins.metrics.theory:psnr",
    )
    register(
        "ssim",
        f"{HOME}.images:SSIM",
        summary="structural similarity of reconstructed images",
        paper="Wang et al. 2004, eq. 13",
        theory="genzoo_plugins.metrics.theory:ssim",
    )


def register_latent_health(register: RegisterMetric) -> None:
    """Register metrics of the latents: their information, their distance to the prior, what they are good for."""
    register(
        "kl-per-dim",
        f"{HOME}.latents:KLPerDim",
        summary="the largest KL of one latent, and all of them sorted",
        theory="genzoo_plugins.metrics.theory:kl_per_dim",
    )
    register(
        "collapsed",
        f"{HOME}.latents:Collapsed",
        summary="share of latents that carry no information",
        paper="Lucas et al. 2019, arXiv 1911.02469",
        theory="genzoo_plugins.metrics.theory:collapsed",
    )
    surgery = "Hoffman & Johnson 2016, ELBO surgery"
    register(
        "mutual-information",
        f"{HOME}.latents:MutualInformation",
        summary="I(x; z) under q(z|x), in nats; at most ln N",
        paper=surgery,
        theory="genzoo_plugins.metrics.theory:mutual_information",
    )
    register(
        "marginal-kl",
        f"{HOME}.latents:MarginalKL",
        summary="KL(q(z)‖p(z)) of the aggregate posterior",
        paper=surgery,
        theory="genzoo_plugins.metrics.theory:marginal_kl",
    )
    register(
        "total-correlation",
        f"{HOME}.latents:TotalCorrelation",
        summary="total correlation of the latents, in a Gaussian approximation",
        paper="Locatello et al. 2019, arXiv 1811.12359",
        theory="genzoo_plugins.metrics.theory:total_correlation",
    )
    register(
        "latent-nll",
        f"{HOME}.samplers:LatentNLL",
        summary="−ln p(z) of the codes, in nats: under the prior, or latent-nll:gmm:10",
        paper="Ghosh et al. 2020, arXiv 1903.12436, section 3",
    )
    register(
        "prior-c2st",
        f"{HOME}.latents:PriorC2ST",
        summary="AUROC of a classifier between codes of the data and codes of the prior",
        paper="Lopez-Paz & Oquab 2017, arXiv 1610.06545",
        theory="genzoo_plugins.metrics.theory:prior_c2st",
    )
    register("knn", f"{HOME}.downstream:KNN", summary="accuracy of the nearest training codes; knn:5 for the 5 nearest")
    register("linear-probe", f"{HOME}.downstream:LinearProbe", summary="accuracy of logistic regression on the codes")


def register_samples(register: RegisterMetric) -> None:
    """Register metrics that compare samples with data. Each takes a sampler, as in frechet:gmm:10."""
    register(
        "frechet",
        f"{HOME}.samples:Frechet",
        summary="Fréchet distance (FID) of samples on MNIST features, in % of the data's trace; frechet:gmm:10",
        paper="Heusel et al. 2017, arXiv 1706.08500, eq. 6",
    )
    register(
        "prdc",
        f"{HOME}.samples:Coverage",
        summary="coverage of the data by samples, with precision, recall and density",
        paper="Naeem et al. 2020, arXiv 2002.09797",
    )
    register(
        "modes",
        f"{HOME}.modes:Modes",
        summary="how many of MNIST's ten digits are among the samples, read by the built-in classifier",
        paper="after Metz et al. 2017, arXiv 1611.02163, section 3.3.1",
        theory="genzoo_plugins.metrics.theory:modes",
    )
    register(
        "c2st",
        f"{HOME}.distances:C2ST",
        summary="AUROC of a classifier between samples and data; one half: not distinguishable",
        paper="Lopez-Paz & Oquab 2017, arXiv 1610.06545",
        theory="genzoo_plugins.metrics.theory:c2st",
    )
    register(
        "kid",
        f"{HOME}.distances:KID",
        summary="kernel distance of samples and data: KID on built-in features",
        paper="Bińkowski et al. 2018, arXiv 1801.01401",
        theory="genzoo_plugins.metrics.theory:kid",
    )
    register(
        "sliced-wasserstein",
        f"{HOME}.distances:SlicedWasserstein",
        summary="sliced Wasserstein-2 distance of samples and data",
        paper="Bonneel et al. 2015, J. Math. Imaging Vis. 51",
        theory="genzoo_plugins.metrics.theory:sliced_wasserstein",
    )
    register(
        "memorisation",
        f"{HOME}.distances:Memorisation",
        summary="whether samples are nearer to training examples than to held-out ones: a ratio below 1",
        paper="after Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675",
        theory="genzoo_plugins.metrics.theory:memorisation",
    )
