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
    from genzoo.cli.comparisons import bench as bench
    from genzoo.cli.comparisons import compare as compare
    from genzoo.cli.drawing import sample as sample
    from genzoo.cli.found_runs import find_runs as find_runs
    from genzoo.cli.loading import dataset_of as dataset_of
    from genzoo.cli.loading import load_data as load_data
    from genzoo.cli.sweeping import sweep as sweep
    from genzoo.comparison.references import load as load
    from genzoo.comparison.references import open_run as open_run
    from genzoo.core.categorical import Categorical as Categorical
    from genzoo.core.categorical import OneHot as OneHot
    from genzoo.core.combinators import Composite as Composite
    from genzoo.core.combinators import Mixture as Mixture
    from genzoo.core.combinators import Transformed as Transformed
    from genzoo.core.command import Command as Command
    from genzoo.core.dataset import Batch as Batch
    from genzoo.core.dataset import Dataset as Dataset
    from genzoo.core.dataset import DataSpec as DataSpec
    from genzoo.core.dataset import Factored as Factored
    from genzoo.core.dataset import Part as Part
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
    from genzoo.core.hookspecs import Register as Register
    from genzoo.core.hookspecs import RegisterMetric as RegisterMetric
    from genzoo.core.hookspecs import RegisterModel as RegisterModel
    from genzoo.core.hookspecs import RegisterPart as RegisterPart
    from genzoo.core.hookspecs import hookimpl as hookimpl
    from genzoo.core.imputer import Imputer as Imputer
    from genzoo.core.launcher import Launcher as Launcher
    from genzoo.core.listener import Epoch as Epoch
    from genzoo.core.listener import RunListener as RunListener
    from genzoo.core.listener import StopRun as StopRun
    from genzoo.core.loss import Loss as Loss
    from genzoo.core.loss import Phase as Phase
    from genzoo.core.metric import EvaluationBatch as EvaluationBatch
    from genzoo.core.metric import EvaluationContext as EvaluationContext
    from genzoo.core.metric import Metric as Metric
    from genzoo.core.model import Autoencoder as Autoencoder
    from genzoo.core.model import Decoder as Decoder
    from genzoo.core.model import Density as Density
    from genzoo.core.model import Encoder as Encoder
    from genzoo.core.model import Inference as Inference
    from genzoo.core.model import LatentModel as LatentModel
    from genzoo.core.model import Model as Model
    from genzoo.core.model import Tokeniser as Tokeniser
    from genzoo.core.noise import content_keys as content_keys
    from genzoo.core.noise import derive_seed as derive_seed
    from genzoo.core.noise import of_examples as of_examples
    from genzoo.core.noise import seeded as seeded
    from genzoo.core.optimizer import Optimizer as Optimizer
    from genzoo.core.optimizer import ParameterGroup as ParameterGroup
    from genzoo.core.optimizer import Schedule as Schedule
    from genzoo.core.options import Count as Count
    from genzoo.core.options import Fraction as Fraction
    from genzoo.core.options import Natural as Natural
    from genzoo.core.options import NonNegative as NonNegative
    from genzoo.core.options import Positive as Positive
    from genzoo.core.options import Range as Range
    from genzoo.core.options import config as config
    from genzoo.core.parts import Bijection as Bijection
    from genzoo.core.parts import Figure as Figure
    from genzoo.core.parts import Likelihood as Likelihood
    from genzoo.core.parts import Nets as Nets
    from genzoo.core.parts import Posterior as Posterior
    from genzoo.core.parts import Prior as Prior
    from genzoo.core.parts import Quantiser as Quantiser
    from genzoo.core.parts import Sampler as Sampler
    from genzoo.core.rows import Rows as Rows
    from genzoo.core.run_reference import RunRef as RunRef
    from genzoo.core.theory import Case as Case
    from genzoo.core.tracker import Tracker as Tracker
    from genzoo.data.resident import Resident as Resident
    from genzoo.data.store import Store as Store
    from genzoo.experiment.api import options as options
    from genzoo.experiment.api import resume as resume
    from genzoo.experiment.api import run as run
    from genzoo.figures.context import FigureContext as FigureContext
    from genzoo.figures.image_grid import save_grid as save_grid
    from genzoo.registry.current import list_models as list_models
    from genzoo.registry.current import load_plugin as load_plugin
    from genzoo.registry.current import make_dataset as make_dataset
    from genzoo.registry.current import register_dataset as register_dataset
    from genzoo.registry.current import register_listener as register_listener
    from genzoo.registry.current import register_loss as register_loss
    from genzoo.registry.current import register_metric as register_metric
    from genzoo.registry.current import register_model as register_model
    from genzoo.registry.current import register_part as register_part
    from genzoo.registry.parts import make_likelihood as make_likelihood
    from genzoo.registry.parts import make_part as make_part
    from genzoo.runs.run import Run as Run
    from genzoo.system.computing import evaluating as evaluating
    from genzoo.system.json_output import json_result as json_result
    from genzoo.training.gather import gather as gather

_HOMES = {
    "cli.comparisons": "bench compare",
    "cli.drawing": "sample",
    "cli.found_runs": "find_runs",
    "cli.loading": "dataset_of load_data",
    "cli.sweeping": "sweep",
    "comparison.references": "load open_run",
    "core.categorical": "Categorical OneHot",
    "core.combinators": "Composite Mixture Transformed",
    "core.command": "Command",
    "core.dataset": "Batch Dataset DataSpec Factored Part Split Splits",
    "core.distributions": "Bernoulli Delta DiagGaussian Distribution StandardNormal",
    "core.errors": "GenzooError NonFiniteError OutOfMemory PluginError UsageError",
    "core.hookspecs": "Register RegisterMetric RegisterModel RegisterPart hookimpl",
    "core.imputer": "Imputer",
    "core.launcher": "Launcher",
    "core.listener": "Epoch RunListener StopRun",
    "core.loss": "Loss Phase",
    "core.metric": "EvaluationBatch Metric EvaluationContext",
    "core.model": "Autoencoder Decoder Density Encoder Inference LatentModel Model Tokeniser",
    "core.noise": "content_keys derive_seed of_examples seeded",
    "core.optimizer": "Optimizer ParameterGroup Schedule",
    "core.options": "Count Fraction Natural NonNegative Positive Range config",
    "core.parts": "Bijection Figure Likelihood Nets Posterior Prior Quantiser Sampler",
    "core.rows": "Rows",
    "core.run_reference": "RunRef",
    "core.theory": "Case",
    "core.tracker": "Tracker",
    "data.resident": "Resident",
    "data.store": "Store",
    "experiment.api": "options resume run",
    "figures.context": "FigureContext",
    "figures.image_grid": "save_grid",
    "registry.current": (
        "list_models load_plugin make_dataset register_dataset register_listener register_loss register_metric "
        "register_model register_part"
    ),
    "registry.parts": "make_likelihood make_part",
    "runs.run": "Run",
    "system.computing": "evaluating",
    "system.json_output": "json_result",
    "training.gather": "gather",
}
_MODULES = ("sklearn",)
"""Modules that are imported when they are first named."""
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]


limit_thread_spinning()


def __getattr__(name: str) -> Any:
    if name in NAMES:
        deprecated(f"genzoo.{name}", NAMES[name])
        return __getattr__(NAMES[name].removeprefix("genzoo."))
    if name in _MODULES:
        return importlib.import_module(f"genzoo.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'genzoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"genzoo.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
