"""The forms of data that a model and a loss are checked on: made-up data, small data and datasets."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import GenzooError
from genzoo.core.options import describe_fields
from genzoo.data.store import Store
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.registry.discovery import GROUP
from genzoo.registry.entries import Entry, describe
from genzoo.testing.model_checks import CHECKS, OF_DISTRIBUTIONS
from genzoo.testing.pair import SMALL, SPARE, SPECS, Pair, loss_of

LATENTS = 2
"""Number of latents on small data."""
LATENT_OPTION = re.compile("(.*_)?(latent|latents|latent_dim|latent_size|z_dim|code_dim|latent_dims|n_latents)")
"""Names of options that set the number of latents."""
ROWS = 256
"""Number of examples of a dataset that are used."""


@dataclass(frozen=True)
class Form:
    """A form of data, and the checks to run on it."""

    name: str
    spec: DataSpec
    checks: Sequence[str] = tuple(CHECKS)
    examples: Split | None = None
    small: bool = False
    spare: bool = False
    """Whether it is only for models that refuse all forms before."""
    missing: str = ""
    """Why the data could not be loaded."""

    def pair(self, model: Entry, loss: Entry) -> Pair:
        """Return the pair on data of this form; on small data the model gets few latents."""
        pair = Pair(model, loss, self.spec, examples=self.examples)
        return dataclasses.replace(pair, model_options=few_latents(model)) if self.small else pair


def few_latents(model: Entry) -> dict[str, int]:
    """Return the model's option for the number of latents, set to 2; empty if it has no such option."""
    config = default_config(model, model.options)
    names = [name for name, *_ in describe_fields(config) if LATENT_OPTION.fullmatch(name)]
    return {name: LATENTS for name in names if type(getattr(config, name)) is int}


def forms(entry: Entry, on: Sequence[str] = ()) -> Iterator[Form]:
    """Yield made-up data of each form, small data, and examples of the datasets `on` or of the entry's own package."""
    own = [
        dataset
        for dataset in registry().matching("dataset")
        if dataset.origin.distribution == entry.origin.distribution
    ]
    asked = [registry().get("dataset", name) for name in on]
    for name, spec in SPECS.items():
        yield Form(name, spec)
    for name, spec in SPARE.items():
        yield Form(name, spec, spare=True)
    for name, spec in SMALL.items():
        yield Form(name, spec, OF_DISTRIBUTIONS, small=True)
    for dataset in asked:
        yield real(dataset)
    for dataset in own if entry.origin.distribution != GROUP and not asked else []:
        try:
            yield real(dataset)
        except Exception as error:  # reported when the dataset itself is checked
            yield Form(dataset.name, SPECS["vectors"], missing=describe(error))


def real(dataset: Entry) -> Form:
    """Return the form of a dataset's first training examples."""
    spec, examples = _examples(dataset.load(), default_config(dataset, dataset.options))
    return Form(dataset.name, spec, examples=examples)


@cache
def _examples(dataset: type, config: Any) -> tuple[DataSpec, Split]:
    """Return the description and the first training examples of a dataset with these options."""
    made = dataset(config)
    train = made.load(Store()).train
    x = torch.as_tensor(train.x[:ROWS])
    return made.spec, Split(x, None if train.y is None else train.y[:ROWS])


def refusal(pair: Pair, small: bool = False) -> str | None:
    """Return why a pair refuses to train on data of a form, None if it trains.

    It may refuse when it is built or in its first step. On `small` data any error counts as a refusal.
    """
    try:
        if (reason := pair.refusal()) is not None:
            return reason
        loss_of(pair.build(), pair.batch(4))
    except GenzooError as error:
        return error.message
    except Exception as error:
        if small:
            return "it does not support data this small"
        if isinstance(error, AssertionError):
            raise
        pair.build()  # an error of building is raised again; an error of the step is left to the checks
    return None


def of_counts(pair: Pair) -> Pair | None:
    """Return the pair on made-up whole numbers if its loss is finite on them but not on real vectors; else None."""
    counts = dataclasses.replace(pair, counts=True)
    if pair.spec.is_image or pair.spec.is_discrete or pair.examples is not None:
        return None
    try:
        finite = [bool(loss_of(one.build(), one.batch(16))["loss"].isfinite()) for one in (pair, counts)]
    except Exception:  # reported by the checks
        return None
    return counts if finite == [False, True] else None
