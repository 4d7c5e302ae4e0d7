"""The registry of this process, and registration without packaging."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.hookspecs import PartKind
from genzoo.core.theory import Theory
from genzoo.registry.configs import default_config
from genzoo.registry.discovery import load_file, load_installed
from genzoo.registry.entries import Entry, Kind, Origin, Registry

if TYPE_CHECKING:
    from genzoo.core.dataset import Dataset

HERE = Origin("notebook", "", "notebook")
_loading = threading.RLock()
_registry: Registry | None = None


def registry() -> Registry:
    """Return the registry of this process. It has every installed plugin and is built on first use."""
    global _registry
    with _loading:
        if _registry is None:
            _registry = load_installed()
        return _registry


def reset() -> None:
    """Drop the registry; the next use looks for plugins again."""
    global _registry
    _registry = None


def list_models(pattern: str = "*") -> list[str]:
    """Return the names of the registered models that match a glob such as "*vae*"."""
    return list(dict.fromkeys(entry.name for entry in registry().matching("model", pattern)))


def make_dataset(name: str, **options: Any) -> Dataset:
    """Return a registered dataset, to wrap it in another one: `spec` describes it, `load(store)` returns its splits.

    Args:
        name: Name of a registered dataset.
        **options: Its options, such as validation=0.

    Raises:
        UsageError: The name or an option is unknown, or a value is wrong.
    """
    entry = registry().get("dataset", name)
    made: Dataset = entry.load()(default_config(entry, {**entry.options, **options}))
    return made


def register_model(
    name: str,
    model: type,
    *,
    loss: str,
    summary: str = "",
    paper: str = "",
    options: Mapping[str, Any] | None = None,
    loss_options: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    theory: str | Theory = "",
) -> None:
    """Register a model class for this process, without packaging. A second call with the same name replaces it.

    Args:
        name: The name that users type, in kebab-case.
        model: A subclass of `genzoo.Model`.
        loss: The registered loss that trains it by default.
        summary: One line for `genzoo list`.
        paper: The source, such as "Kingma & Welling 2014, arXiv 1312.6114".
        options: Defaults that differ from those of the class's Config and Sampling.
        loss_options: Defaults that differ from those of the loss's Config.
        training: Defaults of the trainer for this model, such as {"ema": 0.999}.
        theory: A function that yields `genzoo.Case`s, or "package.module:function".

    Raises:
        PluginError: The name is not in kebab-case.
    """
    of_model = {"loss": loss, "loss_options": dict(loss_options or {}), "training": dict(training or {})}
    _replace("model", name, model, summary, paper, options, theory, **of_model)


def register_loss(
    name: str,
    loss: type,
    *,
    summary: str = "",
    paper: str = "",
    options: Mapping[str, Any] | None = None,
    theory: str | Theory = "",
) -> None:
    """Register a loss class for this process; see `register_model`."""
    _replace("loss", name, loss, summary, paper, options, theory)


def register_dataset(
    name: str,
    dataset: type,
    *,
    summary: str = "",
    paper: str = "",
    options: Mapping[str, Any] | None = None,
    theory: str | Theory = "",
) -> None:
    """Register a dataset class for this process; see `register_model`."""
    _replace("dataset", name, dataset, summary, paper, options, theory)


def register_metric(
    name: str,
    metric: type,
    *,
    summary: str = "",
    paper: str = "",
    options: Mapping[str, Any] | None = None,
    theory: str | Theory = "",
) -> None:
    """Register a metric class for this process; see `register_model`."""
    _replace("metric", name, metric, summary, paper, options, theory)


def register_listener(name: str, listener: type, *, summary: str = "") -> None:
    """Register a run listener class for this process; see `register_model`."""
    _replace("listener", name, listener, summary)


def register_part(
    kind: PartKind, name: str, part: type, *, summary: str = "", paper: str = "", theory: str | Theory = ""
) -> None:
    """Register a part of models for this process, such as a "prior"; see `register_model`."""
    _replace(kind, name, part, summary, paper, theory=theory)


def _replace(
    kind: Kind,
    name: str,
    target: type,
    summary: str,
    paper: str = "",
    options: Mapping[str, Any] | None = None,
    theory: str | Theory = "",
    **of_model: Any,
) -> None:
    registry().replace(Entry(kind, name, target, summary, HERE, paper, dict(options or {}), theory=theory, **of_model))


def load_plugin(file: str | Path) -> tuple[str, ...]:
    """Load a Python file as a plugin, like `genzoo -p FILE.py`.

    After a change of the file, call it again: the new registrations replace the old ones. If the import fails, the old
    ones stay.

    Returns:
        What the file registers, such as ("model mine", "loss mine").

    Raises:
        UsageError: There is no such file.
        PluginError: The file cannot be imported or violates a hook's contract.
    """
    return tuple(f"{entry.kind} {entry.name}" for entry in load_file(Path(file), registry()).entries)
