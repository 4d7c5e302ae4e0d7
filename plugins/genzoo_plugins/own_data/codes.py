"""Dataset of the codes of a trained run: the data of a second stage, such as latent diffusion."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.dataset import token_type
from genzoo.core.errors import UsageError
from genzoo.data.batching import evaluation_batch, in_parts
from genzoo.data.digest import digest_of
from genzoo.data.store import Found
from genzoo.runs.reference import MODEL_FILE, pin

HOW = "--data.on RUN, of a model with an encoder"


class Codes:
    """The codes of a trained run, one for each example of each split of the run's data.

    They are samples z ~ q(z|x) as vectors, whose noise depends on the example only. The codes of a `genzoo.Tokeniser`,
    such as a model with a codebook, are tokens: code k is token k + 1, since 0 is the padding, which no code is. What a
    model of codes draws is decoded by the first model. Its weights are not copied into the second run: the option names
    the run and the digest of its model file, so several second stages share one first stage, and none can be used with
    another.
    """

    @genzoo.config
    class Config:
        on: Annotated[str, genzoo.RunRef] = ""
        """The run whose encoder gives the codes: a path, the beginning of its name, @last, or @best:METRIC."""
        vectors: bool = False
        """Give vectors also of a model whose codes are whole numbers: those that its decoder gets."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @cached_property
    def run(self) -> genzoo.Run:
        """The run of the first stage."""
        if not self.config.on:
            raise UsageError("codes need a run", HOW)
        return genzoo.open_run(self.config.on)

    @cached_property
    def first(self) -> genzoo.LatentModel:
        """The model of the first stage."""
        model = self.run.model
        if not isinstance(model, genzoo.LatentModel):
            raise UsageError(f"{self.run.path} has no codes: {self.run.config.model} has no encoder", HOW)
        return model

    @cached_property
    def tokeniser(self) -> genzoo.Tokeniser | None:
        """The model of the first stage if its codes are given as tokens; else None."""
        return self.first if isinstance(self.first, genzoo.Tokeniser) and not self.config.vectors else None

    @cached_property
    def code_shape(self) -> torch.Size:
        """The shape of one code of the first model: D, or the grid of tokens."""
        return self._encoded(torch.zeros(1, *self.first.spec.shape), torch.zeros(1, dtype=torch.int64)).shape[1:]

    @property
    def spec(self) -> genzoo.DataSpec:
        own = self.first.spec
        spec = genzoo.DataSpec(
            (self.code_shape.numel(),),
            "gaussian-learned",
            classes=own.classes,
            size=own.size,
            class_names=own.class_names,
        )
        if self.tokeniser is None:
            return spec
        levels = self.tokeniser.vocabulary + 1
        return spec._replace(likelihood="", kind="tokens", levels=levels, grid=tuple(self.code_shape))

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        parts = genzoo.load_data(self.run, store=store)
        store.found["codes"] = self._identity(parts)
        splits = {name: self._split(data) for name, data in parts.items()}
        return genzoo.Splits(splits["train"], splits.get("validation"), splits["test"])

    def decoded_spec(self) -> genzoo.DataSpec:
        """Return the description of the first run's data."""
        return self.first.spec

    def decode(self, x: Tensor) -> Tensor:
        """Return the mean of the first model's p(x|z) for codes [n, F], in its data's own units: [n, *S]."""
        spec, shape, tokeniser = self.first.spec, self.code_shape, self.tokeniser

        def decoded(codes: Tensor) -> Tensor:
            grid = codes.view(-1, *shape)
            z = grid.float() if tokeniser is None else tokeniser.latents((grid.long() - 1).clamp_min(0))
            return spec.original(self.first.decode(z))

        with torch.no_grad(), genzoo.evaluating(self.first):
            return in_parts(decoded, x.cpu(), evaluation_batch(spec))

    def _split(self, data: genzoo.Resident) -> genzoo.Split:
        """Return the codes of a split, as `Rows`, which have no digest: their last bits depend on the machine."""
        indices = torch.arange(len(data)).split(evaluation_batch(self.first.spec))
        z = torch.cat([self._encoded(data.batch(index).x, data.keys[index]) for index in indices])
        return genzoo.Split(genzoo.Rows(z.flatten(1).numpy()), data.y)

    def _encoded(self, x: Tensor, keys: Tensor) -> Tensor:
        """Return one sample of q(z|x) of each example, [B, *D] float32, with noise of these keys [B]; or its tokens."""
        with torch.no_grad(), genzoo.evaluating(self.first), genzoo.of_examples(keys):
            if self.tokeniser is None:
                return self.first.posterior(x).rsample().float()
            return (self.tokeniser.codes(x) + 1).to(token_type(self.tokeniser.vocabulary + 1))

    def _identity(self, parts: dict[str, genzoo.Resident]) -> Found:
        """Return what the codes follow from: the first run's model and data."""
        data = digest_of(chunk for part in parts.values() for chunk in part.stored())
        return Found(self.run.path, str(self.run.path), {MODEL_FILE: pin(self.run.path).digest, "data": data})
