"""Samplers: densities of codes, fitted after the training, that samples are decoded from instead of the prior."""

from genzoo.core.hookspecs import Register, RegisterPart, hookimpl

HOME = "genzoo_plugins.samplers"


@hookimpl
def register_parts(register: RegisterPart) -> None:
    register(
        "sampler",
        "gaussian",
        f"{HOME}.mixture:GaussianSampler",
        summary="a Gaussian with the mean and the full covariance of the codes",
        theory=f"{HOME}.theory:gaussian",
    )
    register(
        "sampler",
        "gmm",
        f"{HOME}.mixture:MixtureSampler",
        summary="a mixture of K Gaussians with full covariances: gmm:10",
        paper="Ghosh et al. 2020, arXiv 1903.12436, section 3",
        theory=f"{HOME}.theory:gmm",
    )
    register(
        "sampler",
        "kde",
        f"{HOME}.kde:KernelSampler",
        summary="a Gaussian about each code, whose width is chosen by leave-one-out likelihood",
        paper="Parzen 1962; Duin 1976",
        theory=f"{HOME}.theory:kde",
    )
    register(
        "sampler",
        "maf",
        f"{HOME}.maf:FlowSampler",
        summary="a masked autoregressive flow of N layers, trained on the codes: maf:5",
        paper="Papamakarios, Pavlakou & Murray 2017, arXiv 1705.07057",
        theory=f"{HOME}.theory:maf",
    )


@hookimpl
def register_commands(register: Register) -> None:
    register("samplers", f"{HOME}.command:CompareSamplers", summary="compare the samplers of a trained model")
