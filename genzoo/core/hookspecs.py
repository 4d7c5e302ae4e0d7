"""The hooks a plugin implements.

    from genzoo import hookimpl

    @hookimpl
    def register_models(register):
        register("hvae", "genzoo_hvae.model:HVAE", loss="elbo", summary="Hamiltonian VAE", paper="Caterini et al. 2018")

A target is an import string: registration imports nothing, so fifty installed plugins do not slow down a run.
A plugin states the plugin API that it was written for: `GENZOO_API = 2` in the module of its hooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import pluggy

from genzoo.core.theory import Theory

API = 2
"""The version of the plugin API. It is raised when a public name changes its meaning or is removed."""
OLDEST_API = 2
"""The oldest plugin API that is still supported."""

PartKind = Literal[
    "likelihood",
    "prior",
    "posterior",
    "nets",
    "bijection",
    "quantiser",
    "sampler",
    "figure",
    "optimizer",
    "schedule",
]
"""The kinds of parts, see `genzoo.core.parts`."""

hookspec = pluggy.HookspecMarker("genzoo")
hookimpl = pluggy.HookimplMarker("genzoo")


class Register(Protocol):
    """The function with which a hook registers a loss, a dataset, a command, a run listener or a launcher."""

    def __call__(
        self,
        name: str,
        target: str | type,
        *,
        summary: str,
        paper: str = "",
        options: Mapping[str, Any] | None = None,
        theory: str | Theory = "",
    ) -> None:
        """Register an entry.

        Args:
            name: kebab-case, what the user types.
            target: "package.module:Class", or the class itself.
            summary: One line for `genzoo list`.
            paper: The source: authors, year, arXiv number.
            options: Defaults that differ from those of the class's Config.
            theory: "package.module:function", or the function itself, which yields `genzoo.Case`s.
        """


class RegisterModel(Protocol):
    """The function with which a hook registers a model."""

    def __call__(
        self,
        name: str,
        target: str | type,
        *,
        loss: str,
        summary: str,
        paper: str = "",
        options: Mapping[str, Any] | None = None,
        loss_options: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        theory: str | Theory = "",
    ) -> None:
        """Register a model.

        Args:
            name: kebab-case, what the user types.
            target: "package.module:Class", or the class itself.
            loss: The loss that trains it by default.
            summary: One line for `genzoo list`.
            paper: The source: authors, year, arXiv number.
            options: Defaults that differ from those of the class's Config and Sampling.
            loss_options: Defaults that differ from those of the loss's Config.
            training: Defaults of the trainer for this model, such as {"ema": 0.999}.
            theory: "package.module:function", or the function itself, which yields `genzoo.Case`s.
        """


class RegisterMetric(Protocol):
    """The function with which a hook registers a metric."""

    def __call__(
        self,
        name: str,
        target: str | type,
        *,
        summary: str,
        paper: str = "",
        options: Mapping[str, Any] | None = None,
        in_every_run: bool = False,
        theory: str | Theory = "",
    ) -> None:
        """Register a metric.

        Args:
            name: kebab-case, what the user types.
            target: "package.module:Class", or the class itself.
            summary: One line for `genzoo list`.
            paper: The source: authors, year, arXiv number.
            options: Defaults that differ from those of the class's Config.
            in_every_run: Whether every run imports and reports it. Otherwise it is computed only if named.
            theory: "package.module:function", or the function itself, which yields `genzoo.Case`s.
        """


class RegisterPart(Protocol):
    """The function with which a hook registers a part of models."""

    def __call__(
        self,
        kind: PartKind,
        name: str,
        target: str | type,
        *,
        summary: str,
        paper: str = "",
        theory: str | Theory = "",
    ) -> None:
        """Register a part.

        Args:
            kind: Such as "prior".
            name: kebab-case, what the user types: `--prior NAME` or `--prior NAME:ARGUMENT`.
            target: "package.module:Class", or the class itself. It extends its kind's class in `genzoo.core.parts`.
            summary: One line for `genzoo list`.
            paper: The source: authors, year, arXiv number.
            theory: "package.module:function", or the function itself, which yields `genzoo.Case`s.
        """


@hookspec
def register_models(register: RegisterModel) -> None:
    """Register models: subclasses of `genzoo.Model`."""


@hookspec
def register_losses(register: Register) -> None:
    """Register losses: subclasses of `genzoo.Loss`."""


@hookspec
def register_datasets(register: Register) -> None:
    """Register datasets: classes with the interface `genzoo.Dataset`."""


@hookspec
def register_metrics(register: RegisterMetric) -> None:
    """Register metrics: subclasses of `genzoo.Metric`."""


@hookspec
def register_commands(register: Register) -> None:
    """Register commands, `genzoo NAME …`: subclasses of `genzoo.Command`."""


@hookspec
def register_listeners(register: Register) -> None:
    """Register run listeners, `genzoo run … --listeners NAME`: subclasses of `genzoo.RunListener`."""


@hookspec
def register_launchers(register: Register) -> None:
    """Register launchers, `genzoo run … --on NAME`: subclasses of `genzoo.Launcher`."""


@hookspec
def register_parts(register: RegisterPart) -> None:
    """Register parts of models: subclasses of `genzoo.Likelihood`, `genzoo.Prior`, `genzoo.Posterior`, …"""
