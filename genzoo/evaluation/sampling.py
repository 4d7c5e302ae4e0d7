"""Draw new examples: by the model itself, or decoded from codes of a sampler; and the options of sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from genzoo.core.errors import UsageError
from genzoo.core.model import Decoder, LatentModel, Model, without_prior
from genzoo.core.options import from_json, option, to_json
from genzoo.core.parts import Sampler
from genzoo.data.batching import EVALUATION_BATCH, evaluation_batch
from genzoo.registry.configs import as_json, differing, field_names

IN_A_ROW = 8
"""Number of samples per class in `rows_by_class`."""


def draw(
    model: Model,
    sampler: Sampler | None,
    n: int,
    noise: bool,
    y: Tensor | None = None,
    each: Callable[[Tensor], Tensor] = lambda x: x,
    options: Any = None,
) -> Tensor:
    """Draw n new examples [n, *S] in the model's view, on its device, from torch's global generators.

    Args:
        model: The model.
        sampler: The fitted density of the codes, for a model that decodes; None: the model draws by itself.
        n: Number of examples.
        noise: Whether to draw x from p(x|z) instead of returning its centre.
        y: [n], the classes to draw with a conditional model by itself; None: any classes.
        each: Applied to each batch before the next one is drawn.
        options: The model's sampling options, from `sampling_options`; None: its own.

    Raises:
        UsageError: The model has no prior, or options are given for codes from a sampler.
    """
    if sampler is None and without_prior(model):
        raise UsageError(f"{type(model).__name__} has no prior p(z)", "samplers: genzoo list --kind sampler")
    if sampler is not None and options is not None:
        raise UsageError("sampling options are for the model's own samples, not for codes from a sampler")
    size = evaluation_batch(model.spec)
    how = {} if options is None else {"options": options}
    if sampler is None and type(model).sample is not LatentModel.sample:
        parts = [None] * math.ceil(n / size) if y is None else y.split(size)
        counts = [min(size, n - first) for first in range(0, n, size)]
        drawn = (model.sample(count, part, noise=noise, **how) for count, part in zip(counts, parts, strict=True))
        return torch.cat([each(x) for x in drawn])
    assert isinstance(model, Decoder)
    codes = prior_codes(model, n) if sampler is None else iter([sampler.sample(n).view(n, *sampler.shape)])
    like = model.anchor
    return torch.cat([each(decoded(model, part.to(like), noise)) for z in codes for part in z.split(size)])


def decoded(model: Decoder, z: Tensor, noise: bool) -> Tensor:
    """Return decoded codes, [N, *S]: of a latent model the centre of p(x|z), or with `noise` a draw."""
    if not isinstance(model, LatentModel):
        return model.decode(z)
    px = model.likelihood(z)
    return px.rsample() if noise else px.centre


def sampling_options(own: Any, given: Mapping[str, Any]) -> Any:
    """Return sampling options with some of them changed; None if none are given.

    Args:
        own: Those of the model, `model.sampling`.
        given: The options to change.

    Raises:
        UsageError: The model has no such option, or a value is wrong.
    """
    known = field_names(type(own))
    for name in given:
        if name not in known:
            names = ", ".join(map(option, known))
            what = f"no sampling option {option(name)}: this model has {names or 'none'}"
            raise UsageError(what, f"leave it out{f', or write one of {names}' if names else ''}")
    try:
        return from_json(type(own), {**to_json(own), **as_json(given)}) if given else None
    except UsageError as error:
        error.hint = error.hint or f"sampling options of this model: {', '.join(map(option, known))}"
        raise


def unusual(options: Any) -> dict[str, Any]:
    """Return the sampling options that differ from the defaults of their class."""
    return {name: value for name, (_, value) in differing(type(options)(), options).items()}


def described(options: Mapping[str, Any]) -> list[str]:
    """Return sampling options as text, such as ["steps 50", "solver euler"]."""
    return [f"{name.replace('_', ' ')} {value}" for name, value in options.items()]


def prior_codes(model: Decoder, n: int) -> Iterator[Tensor]:
    """Yield n codes from a model's prior, 500 at a time, so that they do not depend on the decoding batch size."""
    prior = model.prior()
    assert prior is not None
    for first in range(0, n, EVALUATION_BATCH):
        yield prior.rsample((min(EVALUATION_BATCH, n - first),))


def rows_by_class(model: Model, most: int = 16) -> Tensor | None:
    """Return eight labels of each of a conditional model's first classes, [n] on its device; None for other models."""
    classes = min(model.spec.classes, most)
    if not model.conditional or not classes:
        return None
    return torch.arange(classes, device=model.anchor.device).repeat_interleave(IN_A_ROW)
