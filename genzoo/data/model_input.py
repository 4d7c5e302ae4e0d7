"""Arrays of a program as inputs of a model: scaled as files are, with a missing batch axis added."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genzoo.core.arrays import to_array
from genzoo.core.dataset import DataSpec
from genzoo.core.errors import UsageError
from genzoo.core.model import Decoder, Model
from genzoo.data.input_format import WHITE, InputFormat
from genzoo.data.readers.as_examples import DEEP_WHITE, as_examples
from genzoo.system.messages import warn


def example_input(model: Model, x: Any) -> Tensor:
    """Return examples as inputs of a model, [B, *S] on its device and in its units.

    Args:
        model: The model.
        x: Examples [B, *S], or one [*S], in the units of the data: an array, a table, a list or a tensor of whole
            numbers. Images may lack their axis of one channel, or have their channels last. Tensors of floats are in
            the model's own units.

    Raises:
        UsageError: x has another shape, or values that images cannot have.
    """
    spec = model.spec
    if isinstance(x, Tensor) and x.is_floating_point():
        found = x
    else:
        array = with_batch_axis(to_array(x, "x"), spec)
        found = image_input(array, spec) if spec.is_image and array.ndim in (3, 4) else other_input(array, spec)
    found = found[None] if found.shape == spec.shape else found
    if found.shape[1:] != spec.shape or found.ndim == len(spec.shape):
        wanted = ", ".join(map(str, spec.shape))
        given = list(getattr(x, "shape", None) or np.shape(x))
        what = f"x has shape {given}; this {type(model).__name__} takes [B, {wanted}]"
        raise UsageError(what, f"one example, [{wanted}], is a batch of one")
    return found.to(model.anchor.device)


def other_input(array: NDArray[Any], spec: DataSpec) -> Tensor:
    """Return vectors, signals or tokens as inputs of a model."""
    if spec.is_discrete:
        return torch.from_numpy(array.astype(np.int64))
    return spec.view(torch.from_numpy(array.astype(np.float32)))


def image_input(array: NDArray[Any], spec: DataSpec) -> Tensor:
    """Return images as inputs of a model, in [0, 1] before its own standardisation."""
    white = 1 if spec.binary else DEEP_WHITE if array.dtype == np.uint16 else WHITE
    stored = as_examples(array, "x", spec.shape, InputFormat(white=white))
    if array.dtype.kind == "f":
        for note in stored.notes:
            warn(note, "give floats in [0, 1]")
    x = stored.x[:]
    return spec.view(x.float() / WHITE if x.dtype == torch.uint8 else x)


def with_batch_axis(array: NDArray[Any], spec: DataSpec) -> NDArray[Any]:
    """Return one example as a batch of one; an image may lack its axis of one channel, or have its channels last."""
    one = {spec.shape}
    if spec.is_image:
        channels, *sides = spec.shape
        one |= {(*sides, channels)} | ({tuple(sides)} if channels == 1 else set())
    return array[None] if array.shape in one else array


def code_input(model: Model, z: Any) -> Tensor:
    """Return codes as inputs of a model's decoder, [N, *D] on its device.

    Args:
        model: A model that decodes.
        z: Codes [N, *D], or one [*D].

    Raises:
        UsageError: z has another shape than the codes of the prior; without a prior they are not known.
    """
    assert isinstance(model, Decoder)
    codes = torch.from_numpy(to_array(z, "z").astype(np.float32)).to(model.anchor)
    prior = model.prior()
    shape = tuple(prior.shape[len(prior.shape) - prior.event_dims :]) if prior is not None else ()
    if codes.shape == shape or (not shape and codes.ndim == 1):
        return codes[None]
    if shape and codes.shape[1:] != shape:
        wanted = ", ".join(map(str, shape))
        what = f"z has shape {list(codes.shape)}; this {type(model).__name__} decodes [N, {wanted}]"
        raise UsageError(what, f"one code, [{wanted}], is a batch of one")
    return codes
