"""What a figure is drawn of: a run, its model and its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from genzoo.core.model import LatentModel, Model
from genzoo.data.batching import evaluation_batch, in_parts
from genzoo.data.resident import Resident
from genzoo.figures.canvas import THUMBNAIL, thumbnails
from genzoo.figures.latent_space import Posteriors, posteriors
from genzoo.runs.run import Run


@dataclass(frozen=True)
class FigureContext:
    """A finished run in memory. What several figures need is computed once, when first asked for."""

    run: Run
    model: Model
    view: Mapping[str, Resident]

    @property
    def latent_model(self) -> LatentModel:
        """The model, of which a figure has declared that it needs an encoder."""
        assert isinstance(self.model, LatentModel)
        return self.model

    @property
    def test(self) -> Resident:
        """The test split."""
        return self.view["test"]

    @cached_property
    def posteriors(self) -> Posteriors:
        """q(z|x) of the test split."""
        return posteriors(self.latent_model, self.test)

    @cached_property
    def latents(self) -> int:
        """D, how many numbers one code holds."""
        return self.codes(torch.zeros(1, dtype=torch.int64)).shape[1]

    def examples(self, index: Tensor) -> Tensor:
        """Test examples [N, *S], as the model sees them."""
        return self.test.batch(index.to(self.test.device)).x

    def shown(self, x: Tensor, side: int = THUMBNAIL) -> Tensor:
        """What the model sees or puts out, [N, *S], as figures show it: in the data's own units, on the CPU, images
        reduced to `side` pixels or fewer."""
        x = self.model.spec.original(x).cpu()
        return thumbnails(x, side) if self.model.spec.is_image else x

    def originals(self, index: Tensor) -> Tensor:
        """Test examples [N, *S] as figures show them."""
        return self.shown(self.examples(index))

    def codes(self, index: Tensor) -> Tensor:
        """Codes of test examples as float64 on the CPU, [N, D]."""
        return self.latent_model.encode(self.examples(index)).flatten(1).cpu().double()

    def decode(self, codes: Tensor, side: int = THUMBNAIL) -> Tensor:
        """What codes [..., D] decode to, as figures show it: [..., *S]."""
        like = self.latent_model.encode(self.examples(torch.zeros(1, dtype=torch.int64)))
        flat = codes.reshape(-1, *like.shape[1:]).to(like)
        size = evaluation_batch(self.model.spec)
        decoded = in_parts(lambda part: self.shown(self.latent_model.decode(part), side), flat, size)
        return decoded.reshape(*codes.shape[:-1], *decoded.shape[1:])


class Drawing(NamedTuple):
    """One kind of figure."""

    applies: Callable[[FigureContext], bool]
    """Whether the figure makes sense for such a model and such data; where it does not, it is no failure."""
    draw: Callable[[FigureContext, Path], None]
    about: str
    """What one sees, in a sentence or two."""


def always(context: FigureContext) -> bool:
    """Every run has this figure."""
    return True


def has_encoder(context: FigureContext) -> bool:
    """Whether the model encodes."""
    return isinstance(context.model, LatentModel)


def encodes_images(context: FigureContext) -> bool:
    """Whether the model encodes, and what it encodes can be shown as images."""
    return has_encoder(context) and context.model.spec.is_image
