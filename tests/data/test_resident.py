"""Device-resident splits: scaling, binarisation and gathering by index."""

from __future__ import annotations

import hashlib
import math

import pytest
import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import UsageError
from genzoo.core.noise import seeded
from genzoo.data import resident
from genzoo.data.resident import BINARIZE_WORD, Resident, standardisation, static_bits
from genzoo.data.view import Binarize

CPU = torch.device("cpu")
RAMP = torch.stack([(torch.arange(256) + 7 * i) % 256 for i in range(64)]).to(torch.uint8).view(64, 1, 16, 16)
"""64 images, each with every grey value once."""
RAMP_BITS = "e5524adcb1541a13bf82de1be3d7445d8d6696c21f38da5b5e743acaa074190f"
EVERYTHING = torch.arange(64)


def batch(binarize: Binarize = "none", training: bool = False, index: Tensor = EVERYTHING) -> Tensor:
    return Resident(Split(RAMP), CPU, binarize, training).batch(index).x


def test_pictures_become_floats_between_0_and_1() -> None:
    x = batch()
    assert x.dtype == torch.float32
    assert torch.equal(x, RAMP.float() / 255)
    assert (x.min(), x.max()) == (0, 1)


def test_values_come_out_as_they_are() -> None:
    values = torch.tensor([[-3.0, 300.0], [0.25, 255.0]])
    assert torch.equal(Resident(Split(values), CPU).batch(torch.arange(2)).x, values)


def test_gathering_leaves_the_data_alone() -> None:
    data = Resident(Split(RAMP, torch.arange(64)), CPU)
    index = torch.tensor([5, 0, 5, 63])
    x, y = data.batch(index)
    assert torch.equal(x, RAMP[index].float() / 255)
    assert y is not None
    assert y.tolist() == [5, 0, 5, 63]
    x.zero_()
    assert torch.equal(data.batch(index).x, RAMP[index].float() / 255)
    assert len(data) == 64
    values = Resident(Split(torch.ones(3, 2)), CPU)
    values.batch(torch.arange(3)).x.zero_()
    assert values.batch(torch.arange(3)).x.sum() == 6
    assert values.batch(torch.arange(3)).y is None


def test_threshold_is_at_one_half() -> None:
    assert torch.equal(batch("threshold"), (RAMP > 127).float())
    assert torch.equal(batch("threshold"), (RAMP.float() / 255 > 0.5).float())


def test_static_bits_are_the_same_on_every_machine() -> None:
    bits = static_bits(RAMP)
    assert (bits.dtype, bits.shape) == (torch.uint8, RAMP.shape)
    assert hashlib.sha256(bits.numpy().tobytes()).hexdigest() == RAMP_BITS
    assert torch.equal(batch("static"), bits.float())


def test_static_bits_are_what_whole_numbers_say() -> None:
    """The definition again, in Python's own integers: image 3's pixel i is white if u·255 < grey·2²⁴."""
    golden, modulo = 0x9E3779B97F4A7C15, 2**64

    def scrambled(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % modulo
        z = (z ^ z >> 27) * 0x94D049BB133111EB % modulo
        return z ^ z >> 31

    grey = RAMP[3].flatten().tolist()
    key = scrambled(sum(v * (scrambled(i * golden % modulo) | 1) for i, v in enumerate(grey, 1)) % modulo)
    words = [scrambled((key + (BINARIZE_WORD + i) * golden) % modulo) for i in range(1, 257)]
    expected = [int((word >> 40) * 255 < v << 24) for word, v in zip(words, grey, strict=True)]
    assert static_bits(RAMP)[3].flatten().tolist() == expected


def test_static_bits_do_not_depend_on_order_or_company() -> None:
    bits = static_bits(RAMP)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(static_bits(RAMP[order]), bits[order])
    assert torch.equal(torch.cat([static_bits(image[None]) for image in RAMP]), bits)
    many = RAMP[order].repeat(70, 1, 1, 1)  # more than one chunk
    assert torch.equal(static_bits(many), bits[order].repeat(70, 1, 1, 1))


def test_a_pixel_is_white_with_its_grey_value_as_the_probability() -> None:
    n = 4000
    number = torch.arange(n)
    images = torch.arange(256).to(torch.uint8).repeat(n, 1)
    images[:, :2] = torch.stack([number % 256, number // 256], 1).to(torch.uint8)  # equal images get equal bits
    share = static_bits(images)[:, 2:].double().mean(0)
    p = torch.arange(2, 256).double() / 255
    assert ((share - p).abs() <= 4 * (p * (1 - p) / n).sqrt()).all()
    assert share[-1] == 1
    total = (share - p).sum() / math.sqrt(float((p * (1 - p)).sum()) / n)
    assert abs(total) < 4


@pytest.mark.parametrize("word", [0, -1], ids=["smallest draw", "largest draw"])
def test_black_stays_black_and_white_white(word: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "keyed_bits", lambda keys, start, count: torch.full((len(keys), count), word))
    black, nearly, white = static_bits(torch.tensor([[0], [254], [255]], dtype=torch.uint8)).flatten().tolist()
    assert (black, white) == (0, 1)
    assert nearly == (word == 0)


def test_dynamic_draws_anew_in_training() -> None:
    data = Resident(Split(RAMP), CPU, "dynamic", training=True)
    with seeded(0):
        draws = torch.stack([data.batch(EVERYTHING).x for _ in range(200)])
    assert ((draws == 0) | (draws == 1)).all()
    assert not torch.equal(draws[0], draws[1])
    n = 200 * 64
    by_grey = torch.zeros(256, dtype=torch.float64).index_add(0, RAMP.flatten().long(), draws.sum(0).flatten().double())
    p = torch.arange(256).double() / 255
    assert ((by_grey / n - p).abs() <= 4.5 * (p * (1 - p) / n).sqrt()).all()
    with seeded(0):
        assert torch.equal(data.batch(EVERYTHING).x, draws[0])


def test_dynamic_is_static_in_evaluation() -> None:
    assert torch.equal(batch("dynamic", training=False), batch("static"))


@pytest.mark.parametrize("binarize", ["none", "threshold", "static", "dynamic"])
def test_keys_belong_to_the_examples_as_evaluated(binarize: Binarize) -> None:
    data = Resident(Split(RAMP), CPU, binarize)
    assert len(data.keys.unique()) == 64
    flipped = Resident(Split(RAMP.flip(0)), CPU, binarize)
    assert torch.equal(flipped.keys, data.keys.flip(0))


@pytest.mark.parametrize("binarize", ["threshold", "static", "dynamic"])
def test_only_stored_pictures_can_be_made_black_and_white(binarize: Binarize) -> None:
    with pytest.raises(UsageError, match=r"--binarize=.*uint8.*float32"):
        Resident(Split(torch.rand(3, 1, 4, 4)), CPU, binarize, training=True)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_one_mean_and_one_standard_deviation_over_all_values(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (5000, 3), generator=generator, dtype=torch.uint8).to(dtype)
    expected = x.double() / (255 if dtype == torch.uint8 else 1)
    shift, scale = standardisation(Split(x))
    assert (shift, scale) == pytest.approx((expected.mean().item(), expected.std(correction=0).item()), rel=1e-12)
    index = torch.arange(5000)
    plain, view = Resident(Split(x), CPU), Resident(Split(x), CPU, shift=shift, scale=scale)
    found = view.batch(index).x
    assert found.dtype == torch.float32
    assert found.double().mean().item() == pytest.approx(0, abs=1e-5)
    assert found.double().std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(view.keys, plain.keys), "an example keeps its noise"
    spec = DataSpec((3,), "gaussian", shift=shift, scale=scale)
    torch.testing.assert_close(spec.view(plain.batch(index).x), found)
    torch.testing.assert_close(spec.original(found), plain.batch(index).x)


def test_data_that_do_not_vary_have_no_standard_deviation() -> None:
    with pytest.raises(UsageError, match="all training values are the same"):
        standardisation(Split(torch.full((4, 2), 3.0)))


@pytest.mark.parametrize("kind", [torch.int8, torch.int16, torch.int64])
def test_tokens_stay_integers(kind: torch.dtype) -> None:
    """Also those of 0 and 1 alone: they are neither black and white nor grey levels."""
    stored = torch.tensor([[0, 1, 1], [1, 0, 0]], dtype=kind)
    data = Resident(Split(stored), CPU)
    x = data.batch(torch.tensor([1, 0])).x
    assert x.dtype == torch.int64
    assert x.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert (data.holds("any"), data.holds("binary"), data.holds("levels")) == (True, False, False)
    assert torch.equal(data.keys, Resident(Split(stored.to(torch.int32)), CPU).keys)


def test_tokens_are_not_binarised() -> None:
    with pytest.raises(UsageError, match="these data are int8"):
        Resident(Split(torch.zeros(2, 3, dtype=torch.int8)), CPU, "threshold")
