"""Samplers of a model: the densities that codes are drawn from instead of its prior, fitted to codes of training data.

Models without a prior need one, and the samples of models with a prior may gain by one (Ghosh et al. 2020, arXiv
1903.12436, section 3). A comparison of two models uses the same sampler for both.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.model import Autoencoder, Encoder, LatentModel, Model, without_prior
from genzoo.core.nets import lay_out
from genzoo.core.noise import derive_seed, generators, seeded
from genzoo.core.parts import Sampler
from genzoo.data.batching import evaluation_batch, in_parts
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.registry.parts import make_part, written_out
from genzoo.system.computing import evaluating

PRIOR = "prior"
"""The name of a model's own source of codes, or of its own way to draw samples."""
WITHOUT_PRIOR = "gaussian"
"""The sampler of a model without a prior."""
CODES = 10_000
"""Largest number of training examples whose codes a sampler is fitted to."""


def default_sampler(model: Model) -> str:
    """Return the name of a model's sampler where none is asked for: its prior, if it has one."""
    return WITHOUT_PRIOR if without_prior(model) else PRIOR


def full_sampler_name(text: str) -> str:
    """Return the name of a sampler with its argument written out; that of the prior unchanged.

    Raises:
        UsageError: There is no such sampler, or its argument is invalid.
    """
    return text if text == PRIOR else written_out("sampler", text)


def why_no_sampler(model: Model, name: str) -> str | None:
    """Return why a sampler cannot be used for a model; None if it can."""
    if name != PRIOR:
        return None if isinstance(model, Autoencoder) else "no codes to fit a density to"
    return "no prior p(z)" if without_prior(model) else None


class Samplers:
    """The fitted samplers of one model; each is fitted on first use, to the same codes.

    Args:
        model: A model that encodes and decodes.
        train: Returns its training data.
    """

    def __init__(self, model: Model, train: Callable[[], Resident]) -> None:
        self.model = model
        self.train = train
        self._codes: Tensor | None = None
        self._fitted: dict[str, Sampler] = {}

    def __call__(self, name: str) -> Sampler | None:
        """Return a fitted sampler by its name, such as "gmm:10"; None for the prior.

        Raises:
            UsageError: There is no such sampler, there are too few codes, or the model has none.
            GenzooError: A code is not finite.
        """
        name = full_sampler_name(name)
        if reason := why_no_sampler(self.model, name):
            raise UsageError(f"{type(self.model).__name__} has {reason}", "samplers: genzoo list --kind sampler")
        if name == PRIOR:
            return None
        if name not in self._fitted:
            self._fitted[name] = self.made(name)
        return self._fitted[name]

    def made(self, name: str) -> Sampler:
        """Return a newly fitted sampler. It does not depend on which others were fitted before."""
        sampler: Sampler = make_part("sampler", name, tuple(self.codes.shape[1:]))
        with generators, seeded(derive_seed(0, "sampler", name)):
            sampler.fit(self.codes.flatten(1))
        lay_out(sampler)
        return sampler.eval()

    @property
    def codes(self) -> Tensor:
        """Codes of at most 10,000 training examples, one for each: [N, *D], float64 on the CPU."""
        if self._codes is None:
            self._codes = training_codes(self.model, self.train())
        return self._codes


@torch.no_grad()
def training_codes(model: Model, train: Resident) -> Tensor:
    """Return codes of at most 10,000 training examples, one for each: [N, *D], float64 on the CPU.

    They are samples and not means of q(z|x), because the decoder was trained on the aggregate posterior.

    Raises:
        GenzooError: A code is not finite.
    """
    index = fixed_permutation(len(train))[:CODES].to(train.device)
    with evaluating(model), generators, seeded(derive_seed(0, "training codes")):
        codes = in_parts(
            lambda part: sampled_codes(model, train.batch(part).x).cpu().double(), index, evaluation_batch(model.spec)
        )
    if not bool(codes.isfinite().all()):
        raise GenzooError("the model's codes of its training data are not finite", "train it again: a smaller --lr?")
    return codes


def sampled_codes(model: Model, x: Tensor) -> Tensor:
    """Return a code for each example of x [B, *S], [B, *D]: z ~ q(z|x) of a latent model, else encode(x)."""
    if isinstance(model, LatentModel):
        return model.posterior(x).rsample()
    assert isinstance(model, Encoder)
    return model.encode(x)
