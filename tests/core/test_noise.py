"""Keyed noise: published values, the moments of a normal, and a stream for each example."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import genzoo
from genzoo.core.noise import (
    content_keys,
    derive_seed,
    exponential,
    keyed,
    keyed_bits,
    keyed_normal,
    reseed,
    seeded,
    shared,
    splitmix64,
    standard_normal,
    uniform,
)
from genzoo.testing import SPECS, Pair

N = 200_000
IMAGES = torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_splitmix64_gives_the_published_stream() -> None:
    """The first outputs for the seed 1234567, as the reference implementation has them."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    stream = keyed_bits(torch.tensor([1234567]), 0, 5)[0].tolist()
    assert [word % 2**64 for word in stream] == published


def test_a_stream_may_be_entered_anywhere() -> None:
    keys = torch.tensor([5, -7])
    assert torch.equal(keyed_bits(keys, 0, 10)[:, 4:], keyed_bits(keys, 4, 6))
    assert torch.equal(keyed_normal(keys, 0, 10)[:, 4:], keyed_normal(keys, 4, 6))


def test_splitmix64_is_one_to_one() -> None:
    x = torch.arange(-5000, 5000)
    assert len(splitmix64(x).unique()) == len(x)


@pytest.mark.parametrize(("keys", "count"), [(1, N), (N, 1)], ids=["one stream", "many keys"])
def test_keyed_normal_is_standard_normal(keys: int, count: int) -> None:
    x = keyed_normal(torch.arange(keys), 0, count).flatten().double()
    for moment, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(x.pow(moment).mean() - expected) < 4 * math.sqrt(variance / N)
    quantiles = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    empirical = torch.searchsorted(x.sort().values, torch.special.ndtri(quantiles), right=True) / N
    # Kolmogorov & Smirnov: the largest gap exceeds 1.95/√N in one of a thousand samples.
    assert (empirical - quantiles).abs().max() < 1.95 / math.sqrt(N)


def test_keyed_normal_is_always_finite() -> None:
    assert keyed_normal(torch.arange(N), 0, 4).isfinite().all()


def test_streams_are_independent() -> None:
    x = keyed_normal(torch.arange(400), 0, 500).double()
    correlation = x @ x.T / 500
    off = correlation[~torch.eye(400, dtype=torch.bool)]
    assert abs(off.mean()) < 4 / math.sqrt(500 * len(off) / 2)
    assert off.abs().max() < 6 / math.sqrt(500)
    lagged = (x[:, 1:] * x[:, :-1]).mean()
    assert abs(lagged) < 4 / math.sqrt(400 * 499)


def test_each_sample_of_a_batch_is_the_next_piece_of_each_stream() -> None:
    """infer(batch, k=3): z[j] holds draws j·D … (j + 1)·D − 1 of each example's own stream."""
    pair = Pair.of("vae", spec=SPECS["points"])
    model, batch = pair.build().model, pair.batch(4)
    assert isinstance(model, genzoo.LatentModel)
    keys = content_keys(batch.x)
    with torch.no_grad(), keyed(keys):
        q, _, z, _ = model.infer(batch, k=3)
    assert isinstance(q, genzoo.DiagGaussian)
    d = q.mean.shape[1]
    for j in range(3):
        torch.testing.assert_close(z[j], q.mean + q.variance.sqrt() * keyed_normal(keys, j * d, d))


def test_rows_of_several_samples_are_sample_major() -> None:
    """K·B rows laid out as infer flattens them: row k·B + b is draw k of example b."""
    keys = torch.tensor([3, 1, 4])
    with keyed(keys):
        rows = standard_normal((), torch.zeros(2 * 3, 5))
    for row in range(6):
        k, b = divmod(row, 3)
        assert torch.equal(rows[row], keyed_normal(keys[b : b + 1], 5 * k, 5)[0])


def test_two_draws_never_share_a_number() -> None:
    keys = torch.tensor([3, 1])
    with keyed(keys):
        one, other = standard_normal((2,), torch.zeros(2, 3)), standard_normal((), torch.zeros(2, 4))
    whole = keyed_normal(keys, 0, 10)
    assert torch.equal(one.transpose(0, 1).flatten(1), whole[:, :6])
    assert torch.equal(other, whole[:, 6:])


def test_rows_that_are_no_multiple_of_the_examples_are_refused() -> None:
    with keyed(torch.tensor([1, 2, 3])), pytest.raises(ValueError, match="3 examples cannot fill a batch of 4"):
        standard_normal((), torch.zeros(4, 2))


def test_keyed_noise_ends_with_its_block_and_may_be_nested() -> None:
    like, keys = torch.zeros(2, 3), torch.tensor([1, 2])
    with keyed(keys):
        first = standard_normal((), like)
        with keyed(keys):
            assert torch.equal(standard_normal((), like), first)
        assert torch.equal(standard_normal((), like), keyed_normal(keys, 3, 3))
        shared = standard_normal((), like, batched=False)
    torch.manual_seed(0)
    expected = torch.randn(2, 3)
    torch.manual_seed(0)
    assert torch.equal(standard_normal((), like), expected)
    assert not torch.equal(shared, first)


def test_noise_has_the_dtype_and_shape_asked_for() -> None:
    like = torch.zeros(2, 3, 4, dtype=torch.float64)
    with keyed(torch.tensor([1, 2])):
        assert standard_normal((5, 6), like).shape == (5, 6, 2, 3, 4)
        assert standard_normal((), like).dtype == torch.float64


def test_keys_depend_on_every_pixel_and_on_its_place() -> None:
    image = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    keys = {int(content_keys(image))}
    for place in range(64):
        changed = image.clone()
        changed.view(-1)[place] = 1
        keys.add(int(content_keys(changed)))
    assert len(keys) == 65
    floats = IMAGES.float() / 255
    nudged = torch.nextafter(floats, torch.ones(()))
    assert (content_keys(floats) != content_keys(nudged)).all()


@pytest.mark.parametrize("x", [IMAGES, IMAGES.float() / 255], ids=["uint8", "float32"])
def test_keys_do_not_depend_on_batch_order_or_memory(x: torch.Tensor) -> None:
    keys = content_keys(x)
    assert torch.equal(torch.cat([content_keys(x[i : i + 1]) for i in range(len(x))]), keys)
    assert torch.equal(content_keys(x.flip(0)), keys.flip(0))
    scattered = x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    assert not scattered.is_contiguous()
    assert torch.equal(content_keys(scattered), keys)
    assert torch.equal(content_keys(x.flatten(1)), keys)


def test_keys_are_the_same_on_every_machine() -> None:
    ramp = torch.stack([(torch.arange(256) + 7 * i) % 256 for i in range(2)]).to(torch.uint8)
    assert content_keys(ramp).tolist() == [2449040094987904235, 6733757090962717462]
    assert content_keys(torch.tensor([[0.5, -1.25]])).tolist() == [-4069180844288956014]


def test_derived_seeds_are_stable_and_differ_between_purposes() -> None:
    assert derive_seed(0, "step", 0) == 3788477821895462641
    assert derive_seed(7, "order", 3) == 4967576539904251390
    seeds = {
        derive_seed(seed, purpose, step) for seed in range(5) for purpose in ("step", "order") for step in range(50)
    }
    assert len(seeds) == 500
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeded_repeats_itself_and_restores_the_generator() -> None:
    torch.manual_seed(11)
    expected = torch.randn(4)
    torch.manual_seed(11)
    with seeded(5):
        one = torch.randn(3)
    with seeded(5):
        other = torch.randn(3)
    assert torch.equal(one, other)
    assert torch.equal(torch.randn(4), expected)
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(5):
        torch.randn(3) @ torch.randn(4)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("draw", [uniform, exponential, lambda like, shape: standard_normal(shape, like)])
def test_processes_draw_the_noise_of_one_for_the_whole_batch(draw: Any) -> None:
    cpu = torch.device("cpu")
    with seeded(0):
        reseed(5, [torch.default_generator])
        whole = draw(torch.zeros(6, 3), (2,))
        parts = []
        for rank in (0, 1):
            with shared(rank, 2, 3, cpu):
                reseed(5, [torch.default_generator])
                parts.append(draw(torch.zeros(3, 3), (2,)))
    assert torch.equal(torch.cat(parts, 1), whole)
    assert all(part.is_contiguous() for part in parts)
