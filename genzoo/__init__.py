"""genzoo: a plugin-based zoo of generative models.

    import genzoo

    run = genzoo.run("beta-vae", dataset="mnist", beta=4.0, epochs=5)
    print(run.results["test"]["negative_elbo"], run.path)
    images = run.model.sample(64)

Public names are imported when first used: `import genzoo` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from genzoo.deprecation import NAMES, deprecated
from genzoo.threads import spin_briefly

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genzoo.api import resume as resume
    from genzoo.api import run as run
    from genzoo.commands import Command as Command
    from genzoo.data.rows import Rows as Rows
    from genzoo.data.store import Store as Store
    from genzoo.distributions import Bernoulli as Bernoulli
    from genzoo.distributions import Delta as Delta
    from genzoo.distributions import DiagGaussian as DiagGaussian
    from genzoo.distributions import Distribution as Distribution
    from genzoo.distributions import StandardNormal as StandardNormal
    from genzoo.errors import GenzooError as GenzooError
    from genzoo.errors import NonFiniteError as NonFiniteError
    from genzoo.errors import OutOfMemory as OutOfMemory
    from genzoo.errors import PluginError as PluginError
    from genzoo.errors import UsageError as UsageError
    from genzoo.evaluation.metric import Examined as Examined
    from genzoo.evaluation.metric import Metric as Metric
    from genzoo.evaluation.metric import Subject as Subject
    from genzoo.hookspecs import hookimpl as hookimpl
    from genzoo.likelihoods import Likelihood as Likelihood
    from genzoo.likelihoods import make_likelihood as make_likelihood
    from genzoo.listeners import RunListener as RunListener
    from genzoo.options import Count as Count
    from genzoo.options import Fraction as Fraction
    from genzoo.options import Natural as Natural
    from genzoo.options import NonNegative as NonNegative
    from genzoo.options import Positive as Positive
    from genzoo.options import Range as Range
    from genzoo.options import config as config
    from genzoo.protocols import Batch as Batch
    from genzoo.protocols import Dataset as Dataset
    from genzoo.protocols import DataSpec as DataSpec
    from genzoo.protocols import Inference as Inference
    from genzoo.protocols import LatentModel as LatentModel
    from genzoo.protocols import Loss as Loss
    from genzoo.protocols import Model as Model
    from genzoo.protocols import Split as Split
    from genzoo.protocols import Splits as Splits
    from genzoo.registry import list_models as list_models
    from genzoo.registry import load_plugin as load_plugin
    from genzoo.registry import register_dataset as register_dataset
    from genzoo.registry import register_listener as register_listener
    from genzoo.registry import register_loss as register_loss
    from genzoo.registry import register_metric as register_metric
    from genzoo.registry import register_model as register_model
    from genzoo.runs import Run as Run
    from genzoo.runs import load as load
    from genzoo.training.listener import Epoch as Epoch

_HOMES = {
    "commands": "Command",
    "options": "Count Fraction Natural NonNegative Positive Range config",
    "data.rows": "Rows",
    "data.store": "Store",
    "distributions": "Bernoulli Delta DiagGaussian Distribution StandardNormal",
    "errors": "GenzooError NonFiniteError OutOfMemory PluginError UsageError",
    "evaluation.metric": "Examined Metric Subject",
    "hookspecs": "hookimpl",
    "likelihoods": "Likelihood make_likelihood",
    "listeners": "RunListener",
    "protocols": "Batch DataSpec Dataset Inference LatentModel Loss Model Split Splits",
    "registry": (
        "list_models load_plugin register_dataset register_listener register_loss register_metric register_model"
    ),
    "runs": "Run load",
    "training.listener": "Epoch",
    "api": "resume run",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]


spin_briefly()


def __getattr__(name: str) -> Any:
    if name in NAMES:
        deprecated(f"genzoo.{name}", NAMES[name])
        return __getattr__(NAMES[name].removeprefix("genzoo."))
    if name not in _HOME:
        raise AttributeError(f"module 'genzoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"genzoo.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
