"""Arrays as inputs of models: `model.encode(array)`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import genzoo
from genzoo.registry.current import registry

RNG = np.random.Generator(np.random.Philox(0))
BYTES = RNG.integers(0, 256, (5, 4, 4), np.uint8)


def made(name: str, spec: genzoo.DataSpec, **options: Any) -> Any:
    """Return an untrained model."""
    cls = registry().get("model", name).load()
    return cls(spec, cls.Config(hidden=(8,), latent_dim=2, **options)).eval()


GREY = made("vae", genzoo.DataSpec((1, 4, 4), "bernoulli"))
AS_FILES = torch.from_numpy(BYTES[:, None]).float() / 255
"""What the pixels of files become."""


@pytest.mark.parametrize(
    "x",
    [BYTES, BYTES[:, None], BYTES[..., None], torch.from_numpy(BYTES), BYTES.astype(int), BYTES / 255, BYTES.tolist()],
    ids=["uint8", "with channels", "channels last", "tensor", "int64", "floats", "lists"],
)
def test_pixels_are_scaled_as_files_are(x: Any) -> None:
    assert torch.equal(GREY.encode(x), GREY.encode(AS_FILES))
    assert torch.equal(GREY.reconstruct(x), GREY.reconstruct(AS_FILES))


@pytest.mark.parametrize("x", [BYTES[0], BYTES[0][None], AS_FILES[0]])
def test_one_example_is_a_batch_of_one(x: Any) -> None:
    assert torch.equal(GREY.encode(x), GREY.encode(AS_FILES[:1]))


def test_dark_bytes_are_grey_unless_the_data_were_binary() -> None:
    dark = np.ones((2, 4, 4), np.uint8)
    assert torch.equal(GREY.encode(dark), GREY.encode(torch.full((2, 1, 4, 4), 1 / 255)))
    binary = made("vae", genzoo.DataSpec((1, 4, 4), "bernoulli", binary=True))
    assert torch.equal(binary.encode(dark), binary.encode(torch.ones(2, 1, 4, 4)))


def test_arrays_are_standardised_and_tensors_are_not() -> None:
    model = made("ae", genzoo.DataSpec((3,), "gaussian", shift=1.0, scale=2.0))
    x = RNG.normal(size=(4, 3)).astype(np.float32)
    assert torch.equal(model.encode(x), model.encode((torch.from_numpy(x) - 1) / 2))


def test_a_batch_of_tensors_keeps_its_gradient_and_arrays_have_none() -> None:
    assert GREY.encode(AS_FILES).requires_grad
    assert not GREY.encode(BYTES).requires_grad
    assert np.asarray(GREY.reconstruct(BYTES)).shape == (5, 1, 4, 4)


def test_codes() -> None:
    z = RNG.normal(size=(3, 2))
    assert torch.equal(GREY.decode(z), GREY.decode(torch.from_numpy(z).float()))
    assert torch.equal(GREY.decode(z[0]), GREY.decode(torch.from_numpy(z[:1]).float()))
    assert made("ae", genzoo.DataSpec((3,), "gaussian")).decode([0.0, 1.0]).shape == (1, 3)  # without a prior


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GREY.encode(BYTES[:, :3]), r"x has shape [5, 3, 4]; this VAE takes [B, 1, 4, 4]"),
        (lambda: GREY.encode(AS_FILES[..., :3]), r"x has shape [5, 1, 4, 3]; this VAE takes [B, 1, 4, 4]"),
        (lambda: GREY.encode(BYTES.reshape(5, -1)), r"x has shape [5, 16]; this VAE takes [B, 1, 4, 4]"),
        (lambda: GREY.encode(BYTES - 300.0), "x holds values from -300 to"),
        (lambda: GREY.encode("a"), "x holds texts"),
        (lambda: GREY.decode(np.zeros((2, 3))), "z has shape [2, 3]; this VAE decodes [N, 2]"),
    ],
)
def test_other_shapes_and_values_are_refused_by_name(call: Any, message: str) -> None:
    with pytest.raises(genzoo.UsageError) as refused:
        call()
    assert refused.value.message.startswith(message)
    assert refused.value.hint
