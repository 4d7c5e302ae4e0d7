"""Small plugins to copy: models by capability, their losses, and parts.

This file only registers. The classes are named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo import Register, RegisterModel, RegisterPart, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_models(register: RegisterModel) -> None:
    register(
        "starter-density",
        "genzoo_starters.density:StarterDensity",
        loss="nll",
        summary="mixture of independent values",
        paper="unpublished",
    )
    register(
        "starter-flow",
        "genzoo_starters.flow:StarterFlow",
        loss="nll",
        summary="invertible triangular map of a Gaussian",
        paper="unpublished",
    )
    register(
        "starter-closed-form",
        "genzoo_starters.closed_form:StarterClosedForm",
        loss="nll",
        summary="independent Gaussians, fitted in one pass",
        paper="unpublished",
    )
    register(
        "starter-game",
        "genzoo_starters.game:StarterGame",
        loss="starter-game-loss",
        summary="generator trained against a critic",
        paper="unpublished",
    )
    register(
        "starter-sampler",
        "genzoo_starters.sampler:StarterSampler",
        loss="starter-sampler-loss",
        summary="differential equation that turns noise into data",
        paper="unpublished",
    )


@hookimpl
def register_losses(register: Register) -> None:
    register(
        "starter-game-loss",
        "genzoo_starters.game:StarterGameLoss",
        summary="critic and generator, trained in turn",
    )
    register(
        "starter-sampler-loss",
        "genzoo_starters.sampler:StarterSamplerLoss",
        summary="squared error of the velocity from noise to data",
    )


@hookimpl
def register_parts(register: RegisterPart) -> None:
    register(
        "likelihood",
        "starter-likelihood",
        "genzoo_starters.likelihood:StarterLikelihood",
        summary="Gaussian of a given deviation",
    )
    register("prior", "starter-prior", "genzoo_starters.prior:StarterPrior", summary="Gaussian of a given deviation")
    register(
        "posterior", "starter-posterior", "genzoo_starters.posterior:StarterPosterior", summary="one variance each"
    )
    register("bijection", "starter-bijection", "genzoo_starters.bijection:StarterBijection", summary="shift and scale")
    register(
        "figure",
        "starter-figure",
        "genzoo_starters.figure:StarterFigure",
        summary="the test images with the largest errors",
    )


@hookimpl
def register_listeners(register: Register) -> None:
    register("starter-listener", "genzoo_starters.listener:StarterListener", summary="the loss of each epoch in a file")


@hookimpl
def register_commands(register: Register) -> None:
    register("starter-command", "genzoo_starters.command:StarterCommand", summary="the size of a run's model")
