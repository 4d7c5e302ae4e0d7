"""Samplers: draw new examples from the prior, or from a density fitted to codes of the training data.

Models without a prior need a fitted density (Ghosh et al. 2020, arXiv 1903.12436, section 3). A comparison of two
models uses the same sampler for both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.mixture import fit_mixture
from genzoo.core.model import Autoencoder, Encoder, LatentModel, Model, without_prior
from genzoo.data.batching import EVALUATION_BATCH, evaluation_batch
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation

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

    Raises:
        UsageError: The sampler refuses the model, or there are fewer codes than components.
    """
    if reason := sampler.refuses(model):
        raise UsageError(f"{type(model).__name__} has {reason}", f"samplers: {KNOWN}")
    size = evaluation_batch(model.spec)
    if not sampler.components and type(model).sample is not LatentModel.sample:
        parts = [None] * math.ceil(n / size) if y is None else y.split(size)
        counts = [min(size, n - first) for first in range(0, n, size)]
        drawn = (model.sample(count, part, noise=noise) for count, part in zip(counts, parts, strict=True))
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
