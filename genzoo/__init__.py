"""genzoo: a plugin-based zoo of generative models.

    import genzoo

    run = genzoo.run("beta-vae", dataset="mnist", beta=4.0, epochs=5)
    print(run.results["test"]["negative_elbo"], run.path)
    images = run.model.sample(64)

Public names are imported on first use: `import genzoo` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from genzoo.core.version import __version__ as __version__
from genzoo.registry.deprecation import NAMES, deprecated
from genzoo.system.threads import limit_thread_spinning

if TYPE_CHECKING:
    from genzoo.comparison.references import load as load
    from genzoo.core.command import Command as Command
    from genzoo.core.dataset import Batch as Batch
    from genzoo.core.dataset import Dataset as Dataset
    from genzoo.core.dataset import DataSpec as DataSpec
    from genzoo.core.dataset import Split as Split
    from genzoo.core.dataset import Splits as Splits
    from genzoo.core.distributions import Bernoulli as Bernoulli
    from genzoo.core.distributions import Delta as Delta
    from genzoo.core.distributions import DiagGaussian as DiagGaussian
    from genzoo.core.distributions import Distribution as Distribution
    from genzoo.core.distributions import StandardNormal as StandardNormal
    from genzoo.core.errors import GenzooError as GenzooError
    from genzoo.core.errors import NonFiniteError as NonFiniteError
    from genzoo.core.errors import OutOfMemory as OutOfMemory
    from genzoo.core.errors import PluginError as PluginError
    from genzoo.core.errors import UsageError as UsageError
    from genzoo.core.hookspecs import hookimpl as hookimpl
    from genzoo.core.likelihoods import Likelihood as Likelihood
    from genzoo.core.likelihoods import make_likelihood as make_likelihood
    from genzoo.core.listener import Epoch as Epoch
    from genzoo.core.listener import RunListener as RunListener
    from genzoo.core.loss import Loss as Loss
    from genzoo.core.metric import EvaluationBatch as EvaluationBatch
    from genzoo.core.metric import EvaluationContext as EvaluationContext
    from genzoo.core.metric import Metric as Metric
    from genzoo.core.model import Inference as Inference
    from genzoo.core.model import LatentModel as LatentModel
    from genzoo.core.model import Model as Model
    from genzoo.core.options import Count as Count
    from genzoo.core.options import Fraction as Fraction
    from genzoo.core.options import Natural as Natural
    from genzoo.core.options import NonNegative as NonNegative
    from genzoo.core.options import Positive as Positive
    from genzoo.core.options import Range as Range
    from genzoo.core.options import config as config
    from genzoo.core.rows import Rows as Rows
    from genzoo.data.store import Store as Store
    from genzoo.evaluation.sampling import sample as sample
    from genzoo.experiment.api import resume as resume
    from genzoo.experiment.api import run as run
    from genzoo.registry.current import list_models as list_models
    from genzoo.registry.current import load_plugin as load_plugin
    from genzoo.registry.current import register_dataset as register_dataset
    from genzoo.registry.current import register_listener as register_listener
    from genzoo.registry.current import register_loss as register_loss
    from genzoo.registry.current import register_metric as register_metric
    from genzoo.registry.current import register_model as register_model
    from genzoo.runs.run import Run as Run

_HOMES = {
    "comparison.references": "load",
    "core.command": "Command",
    "core.dataset": "Batch Dataset DataSpec Split Splits",
    "core.distributions": "Bernoulli Delta DiagGaussian Distribution StandardNormal",
    "core.errors": "GenzooError NonFiniteError OutOfMemory PluginError UsageError",
    "core.hookspecs": "hookimpl",
    "core.likelihoods": "Likelihood make_likelihood",
    "core.listener": "Epoch RunListener",
    "core.loss": "Loss",
    "core.metric": "EvaluationBatch Metric EvaluationContext",
    "core.model": "Inference LatentModel Model",
    "core.options": "Count Fraction Natural NonNegative Positive Range config",
    "core.rows": "Rows",
    "data.store": "Store",
    "evaluation.sampling": "sample",
    "experiment.api": "resume run",
    "registry.current": (
        "list_models load_plugin register_dataset register_listener register_loss register_metric register_model"
    ),
    "runs.run": "Run",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]


limit_thread_spinning()


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
