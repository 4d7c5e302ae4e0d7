"""The input of a figure: a run, its model and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from genzoo.core.dataset import Dataset, DataSpec, Encoded
from genzoo.core.model import Autoencoder, Decoder, Encoder, Model
from genzoo.core.parts import Sampler
from genzoo.data.batching import evaluation_batch, in_parts
from genzoo.data.resident import Resident
from genzoo.evaluation.samplers import default_sampler
from genzoo.figures.canvas import THUMBNAIL, thumbnails
from genzoo.figures.latent_space import Posteriors, posteriors
from genzoo.runs.run import Run
from genzoo.runs.samplers import StoredSamplers


@dataclass(frozen=True)
class FigureContext:
    """A finished run in memory. Values that several figures need are computed once, on first use."""

    run: Run
    """Its folder, options, epochs and results."""
    model: Model
    view: Mapping[str, Resident]
    """The splits as the model sees them: "train", "validation" if the run has it, and "test"."""
    dataset: Dataset | None = None

    @property
    def autoencoder(self) -> Autoencoder:
        """The model, for figures that need to encode and decode."""
        assert isinstance(self.model, Autoencoder)
        return self.model

    @property
    def decoder(self) -> Decoder:
        """The model, for figures that need to decode."""
        assert isinstance(self.model, Decoder)
        return self.model

    @property
    def test(self) -> Resident:
        """The test split."""
        return self.view["test"]

    @cached_property
    def sampler(self) -> Sampler | None:
        """The density of the codes of a model without a prior, stored with the run; None: the model draws by itself."""
        return StoredSamplers(self.run, self.model, lambda: self.view["train"])(default_sampler(self.model))

    @cached_property
    def posteriors(self) -> Posteriors:
        """q(z|x) of the test split."""
        return posteriors(self.model, self.test)

    @cached_property
    def example_code(self) -> Tensor:
        """A code of the model, [*D]: of the first test example or, if the model does not encode, the prior's centre."""
        if isinstance(self.model, Encoder):
            return self.model.encode(self.examples(torch.zeros(1, dtype=torch.int64)))[0]
        prior = self.decoder.prior()
        assert prior is not None, "a model has codes by an encoder or by a prior"
        return prior.centre

    @property
    def latents(self) -> int:
        """D, the number of latents."""
        return self.example_code.numel()

    def examples(self, index: Tensor) -> Tensor:
        """Return test examples as model inputs [N, *S]."""
        return self.test.batch(index.to(self.test.device)).x

    def shown(self, x: Tensor, side: int = THUMBNAIL) -> Tensor:
        """Return inputs or outputs [N, *S] of the model in the units of the data, on the CPU, images as thumbnails."""
        x = self.model.spec.original(x).cpu()
        return thumbnails(x, side) if self.model.spec.is_image else x

    @property
    def shown_spec(self) -> DataSpec:
        """The description of what figures show: of the data, or of what their codes stand for."""
        return self.dataset.decoded_spec() if isinstance(self.dataset, Encoded) else self.model.spec

    def meaning(self, x: Tensor) -> Tensor:
        """Return examples [N, *S] in the units of the data as figures show them: decoded if the data are codes."""
        if not isinstance(self.dataset, Encoded):
            return x
        decoded = self.dataset.decode(x)
        return thumbnails(decoded) if self.shown_spec.is_image else decoded

    def originals(self, index: Tensor) -> Tensor:
        """Return test examples [N, *S] in the units of the data."""
        return self.shown(self.examples(index))

    def codes(self, index: Tensor) -> Tensor:
        """Return the codes of test examples, [N, D] float64 on the CPU."""
        assert isinstance(self.model, Encoder)
        return self.model.encode(self.examples(index)).flatten(1).cpu().double()

    def decode(self, codes: Tensor, side: int = THUMBNAIL) -> Tensor:
        """Return decoded codes [..., D] in the units of the data: [..., *S]."""
        flat = codes.reshape(-1, *self.example_code.shape).to(self.example_code)
        size = evaluation_batch(self.model.spec)
        decoded = in_parts(lambda part: self.shown(self.decoder.decode(part), side), flat, size)
        return decoded.reshape(*codes.shape[:-1], *decoded.shape[1:])


def has_encoder(context: FigureContext) -> bool:
    """Return whether the model encodes."""
    return isinstance(context.model, Encoder)


def has_codes(context: FigureContext) -> bool:
    """Return whether the model decodes, and codes are known by an encoder or by a prior."""
    model = context.model
    return isinstance(model, Decoder) and (isinstance(model, Encoder) or model.prior() is not None)
