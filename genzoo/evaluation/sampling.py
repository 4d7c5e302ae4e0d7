"""Samplers: draw new examples from the prior, or from a density fitted to codes of the training data.

Models without a prior need a fitted density (Ghosh et al. 2020, arXiv 1903.12436, section 3). A comparison of two
models uses the same sampler for both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.mixture import fit_mixture
from genzoo.core.model import Autoencoder, Encoder, LatentModel, Model, without_prior
from genzoo.core.noise import derive_seed, generators, seeded
from genzoo.core.options import from_json, option, to_json
from genzoo.data.batching import EVALUATION_BATCH, evaluation_batch
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.registry.configs import as_json, differing, field_names
from genzoo.system.computing import evaluating

CODES = 10_000
"""Largest number of training examples whose codes a density is fitted to."""
IN_A_ROW = 8
"""Number of samples per class in `rows_by_class`."""
KNOWN = "prior, gaussian, or gmm:10 for a mixture of 10 Gaussians"


@dataclass(frozen=True)
class Sampler:
    """The distribution that codes are drawn from."""

    components: int = 0
    """0: the prior; else a mixture of this many Gaussians, fitted to training codes."""

    @classmethod
    def parse(cls, text: str) -> Sampler:
        """Parse "prior", "gaussian" or "gmm:K".

        Raises:
            UsageError: The text is none of these.
        """
        if text in ("prior", "gaussian"):
            return cls(int(text == "gaussian"))
        match = re.fullmatch(r"gmm:?([1-9]\d{0,2})", text)
        if match is None:
            raise UsageError(f"no sampler {text!r}", f"known: {KNOWN}")
        return cls(int(match[1]))

    @classmethod
    def own(cls, model: Model) -> Sampler:
        """Return the model's default sampler: the prior if the model has one, else one Gaussian."""
        return cls(int(without_prior(model)))

    @property
    def how(self) -> str:
        """A description for captions."""
        if not self.components:
            return "z from the prior"
        kind = "a Gaussian" if self.components == 1 else f"a mixture of {self.components} Gaussians"
        return f"z from {kind} fitted to training codes"

    def refuses(self, model: Model) -> str | None:
        """Return why this sampler cannot be used for a model; None if it can."""
        if self.components:
            return None if isinstance(model, Autoencoder) else "no codes to fit a density to"
        return "no prior p(z)" if without_prior(model) else None


def draw(
    model: Model,
    sampler: Sampler,
    train: Resident | None,
    n: int,
    noise: bool,
    y: Tensor | None = None,
    each: Callable[[Tensor], Tensor] = lambda x: x,
    options: Any = None,
) -> Tensor:
    """Draw n new examples [n, *S] in the model's view, on its device, from torch's global generators.

    Args:
        model: A model that the sampler does not refuse.
        sampler: The distribution of the codes.
        train: The training data; only needed for a fitted sampler.
        n: Number of examples.
        noise: Whether to draw x from p(x|z) instead of returning its centre.
        y: [n], the classes to draw with a conditional model and its prior; None: any classes.
        each: Applied to each batch before the next one is drawn.
        options: The model's sampling options, from `sampling_options`; None: its own.

    Raises:
        UsageError: The sampler refuses the model, there are fewer codes than components, or options are given for codes
            from a fitted density.
    """
    if reason := sampler.refuses(model):
        raise UsageError(f"{type(model).__name__} has {reason}", f"samplers: {KNOWN}")
    if sampler.components and options is not None:
        raise UsageError("sampling options are for the model's own samples, not for codes from a fitted density")
    size = evaluation_batch(model.spec)
    how = {} if options is None else {"options": options}
    if not sampler.components and type(model).sample is not LatentModel.sample:
        parts = [None] * math.ceil(n / size) if y is None else y.split(size)
        counts = [min(size, n - first) for first in range(0, n, size)]
        drawn = (model.sample(count, part, noise=noise, **how) for count, part in zip(counts, parts, strict=True))
        return torch.cat([each(x) for x in drawn])
    assert isinstance(model, Autoencoder)
    if sampler.components:
        assert train is not None, "a fitted sampler needs training data"
        codes = iter([fitted_codes(model, train, sampler.components, n)])
    else:
        assert isinstance(model, LatentModel)
        codes = prior_codes(model, n)
    return torch.cat([each(decoded(model, part, noise)) for z in codes for part in z.split(size)])


def decoded(model: Autoencoder, z: Tensor, noise: bool) -> Tensor:
    """Return decoded codes, [N, *S]: of a latent model the mean of p(x|z), or with `noise` a draw."""
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


@torch.no_grad()
def sample(
    model: Model, n: int, y: Tensor | None = None, *, noise: bool = False, seed: int = 0, **options: Any
) -> Tensor:
    """Draw n new examples as `genzoo sample` does: [n, *S] on the CPU, in the units of the data.

    Args:
        model: A model, such as `run.model`.
        n: Number of examples.
        y: [n], the classes to draw with a conditional model; None: any classes.
        noise: Whether to draw x from p(x|z) instead of returning its mean.
        seed: Seed of the noise.
        **options: The model's sampling options, such as steps=50.

    Raises:
        UsageError: The model has no prior, or no such sampling option.
    """
    chosen = sampling_options(model.sampling, options)
    with evaluating(model), generators, seeded(derive_seed(seed, "samples")):
        return draw(model, Sampler(), None, n, noise, y, lambda x: model.spec.original(x).cpu(), chosen)


def prior_codes(model: LatentModel, n: int) -> Iterator[Tensor]:
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


def fitted_codes(model: Model, train: Resident, components: int, n: int) -> Tensor:
    """Return n codes [n, *D] from a mixture fitted to codes of at most 10,000 training examples, one for each.

    It is fitted to samples and not to means of q(z|x), because the decoder was trained on the aggregate posterior.

    Raises:
        UsageError: There are fewer codes than components.
        GenzooError: A code is not finite.
    """
    index = fixed_permutation(len(train))[:CODES].to(train.device)
    if len(index) < components:
        raise UsageError(f"{components} Gaussians cannot be fitted to {len(index)} codes", f"use gmm:{len(index)}")
    size = evaluation_batch(model.spec)
    codes = torch.cat([sampled_codes(model, train.batch(part).x) for part in index.split(size)])
    if not bool(codes.isfinite().all()):
        raise GenzooError("the model's codes of its training data are not finite", "train it again: a smaller --lr?")
    mixture = fit_mixture(codes.flatten(1).cpu().double(), components)
    return mixture.sample(n).to(codes.device, codes.dtype).view(n, *codes.shape[1:])


def sampled_codes(model: Model, x: Tensor) -> Tensor:
    """Return a code for each example of x [B, *S], [B, *D]: z ~ q(z|x) of a latent model, else encode(x)."""
    if isinstance(model, LatentModel):
        return model.posterior(x).rsample()
    assert isinstance(model, Encoder)
    return model.encode(x)
