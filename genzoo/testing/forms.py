"""The forms of data that a model and a loss are examined on."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

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
from genzoo.testing.pair import SMALL, SPECS, Pair, loss_of

LATENTS = 2
"""Latents on small data, by an option of such a name."""
OF_LATENTS = re.compile("(.*_)?(latent|latents|latent_dim|latent_size|z_dim|code_dim|latent_dims|n_latents)")
ROWS = 256
"""Examples of a dataset that are looked at."""


@dataclass(frozen=True)
class Form:
    """What a pair is examined on, and by which checks."""

    name: str
    spec: DataSpec
    checks: Sequence[str] = tuple(CHECKS)
    examples: Split | None = None
    small: bool = False
    missing: str = ""
    """Why there are no such data."""

    def pair(self, model: Entry, loss: Entry) -> Pair:
        """The pair on data of this form; a model has few latents where these are small."""
        pair = Pair(model, loss, self.spec, examples=self.examples)
        return dataclasses.replace(pair, model_options=few_latents(model)) if self.small else pair


def few_latents(model: Entry) -> dict[str, int]:
    """The option of a model that says how many latents it has, set to 2; none if it has no such option."""
    config = default_config(model, model.options)
    names = [name for name, *_ in describe_fields(config) if OF_LATENTS.fullmatch(name)]
    return {name: LATENTS for name in names if type(getattr(config, name)) is int}


def forms(entry: Entry, on: Sequence[str] = ()) -> Iterator[Form]:
    """Made-up data of each form and small ones; of the datasets `on`, or of those in the entry's own package, real
    examples."""
    own = [
        dataset
        for dataset in registry().matching("dataset")
        if dataset.origin.distribution == entry.origin.distribution
    ]
    asked = [registry().get("dataset", name) for name in on]
    for name, spec in SPECS.items():
        yield Form(name, spec)
    for name, spec in SMALL.items():
        yield Form(name, spec, OF_DISTRIBUTIONS, small=True)
    for dataset in asked:
        yield real(dataset.full_name)
    for dataset in own if entry.origin.distribution != GROUP and not asked else []:
        try:
            yield real(dataset.full_name)
        except Exception as error:  # told where the dataset itself is examined
            yield Form(dataset.name, SPECS["vectors"], missing=describe(error))


@cache
def real(name: str) -> Form:
    """The first training examples of a dataset."""
    dataset = registry().get("dataset", name)
    made = dataset.load()(default_config(dataset, dataset.options))
    train = made.load(Store()).train
    x = torch.as_tensor(train.x[:ROWS])
    return Form(dataset.name, made.spec, examples=Split(x, None if train.y is None else train.y[:ROWS]))


def refusal(pair: Pair, small: bool = False) -> str | None:
    """Why a pair does not train on data of a form, None if it does: it says so when it is built or at its first step.
    Of small data it need not be able to say so."""
    try:
        if (reason := pair.refusal()) is not None:
            return reason
        loss_of(pair.build(), pair.batch(4))
    except GenzooError as error:
        return error.message
    except Exception as error:
        if small:
            return "it does not take data so small"
        if isinstance(error, AssertionError):
            raise
        pair.build()  # raises what building raised; a step that breaks is for the checks to tell
    return None


def of_counts(pair: Pair) -> Pair | None:
    """The pair on made-up whole numbers, if its loss is finite on those and not on vectors of any sign."""
    counts = dataclasses.replace(pair, counts=True)
    if pair.spec.is_image or pair.examples is not None:
        return None
    try:
        found = [bool(loss_of(one.build(), one.batch(16))["loss"].isfinite()) for one in (pair, counts)]
    except Exception:  # the checks tell of it
        return None
    return counts if found == [False, True] else None
