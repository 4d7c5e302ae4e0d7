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

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genzoo.data.store import Store
    from genzoo.distributions import Bernoulli, Delta, DiagGaussian, Distribution, StandardNormal
    from genzoo.errors import GenzooError, UsageError
    from genzoo.experiment import run
    from genzoo.hookspecs import hookimpl
    from genzoo.likelihoods import Likelihood, make_likelihood
    from genzoo.options import Count, Fraction, Natural, NonNegative, Positive, Range, config
    from genzoo.protocols import (
        Batch,
        Dataset,
        DataSpec,
        Examined,
        Inference,
        LatentModel,
        Loss,
        Metric,
        Model,
        Split,
        Splits,
    )
    from genzoo.registry import list_models, register_dataset, register_loss, register_model
    from genzoo.runs import Run, load

_HOMES = {
    "options": "Count Fraction Natural NonNegative Positive Range config",
    "data.store": "Store",
    "distributions": "Bernoulli Delta DiagGaussian Distribution StandardNormal",
    "errors": "GenzooError UsageError",
    "hookspecs": "hookimpl",
    "likelihoods": "Likelihood make_likelihood",
    "protocols": "Batch DataSpec Dataset Examined Inference LatentModel Loss Metric Model Split Splits",
    "registry": "list_models register_dataset register_loss register_model",
    "runs": "Run load",
    "experiment": "run",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'genzoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"genzoo.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
