"""Reproducible random numbers.

Training draws from torch's generators, reseeded for each step with `derive_seed(seed, purpose, step)`: (seed, step) is
enough to resume a run. Evaluation draws *keyed* noise: the key is a hash of an example's bytes. So the noise of an
example does not depend on its position, its batch, the device or torch's version, and evaluation in batches of 1 or
10,000 gives the same metrics.

Distributions and models draw with `standard_normal`, `uniform`, `bernoulli` and `exponential`: in evaluation these give
each example its own noise, elsewhere they use torch's generators.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

generators = threading.RLock()
"""Held by a thread from seeding torch's generators, which all threads share, to its last draw."""
_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed number


def derive_seed(seed: int, *purpose: str | int) -> int:
    """Return a 63-bit seed for one purpose of one run: the first bytes of SHA-256 over (seed, purpose)."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Return the unsigned shift x >> bits in new memory: torch has only the signed one."""
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def splitmix64(x: Tensor) -> Tensor:
    """Return the output function of SplitMix64 (Steele, Lea & Flood 2014, figure 14) of an int64 tensor, mod 2^64."""
    x = _shifted(x, 30).bitwise_xor_(x).mul_(-4658895280553007687)
    x = _shifted(x, 27).bitwise_xor_(x).mul_(-7723592293110705685)
    return _shifted(x, 31).bitwise_xor_(x)


def content_keys(x: Tensor) -> Tensor:
    """Return a 64-bit key for each example, computed from its values only.

    Args:
        x: [B, *S], integers or float32.

    Returns:
        [B] int64. The sum is modulo 2^64, so the order of summation and the device do not matter.
    """
    flat = x.reshape(len(x), -1)
    values = (flat.contiguous().view(torch.int32) if flat.is_floating_point() else flat).to(torch.int64)
    weights = splitmix64(torch.arange(1, values.shape[1] + 1, device=x.device) * _GOLDEN) | 1
    return splitmix64((values * weights).sum(1))


def keyed_bits(keys: Tensor, start: int, count: int, step: int = 1) -> Tensor:
    """Return the random 64-bit words start, start + step, … of each key's stream: [B] → [B, count], int64."""
    counter = torch.arange(start + 1, start + 1 + step * count, step, device=keys.device) * _GOLDEN
    return splitmix64(keys[:, None] + counter)


def keyed_normal(keys: Tensor, start: int, count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return standard normal numbers from two words of a key's stream each (Box & Muller 1958): [B, count]."""
    radius = _unit(keys, 2 * start, count).to(dtype).log_().mul_(-2.0).sqrt_()
    return radius.mul_(_unit(keys, 2 * start + 1, count).to(dtype).mul_(2 * math.pi).cos_())


def keyed_uniform(keys: Tensor, start: int, count: int) -> Tensor:
    """Return uniform numbers in (0, 1) from the words that `keyed_normal` would use: [B, count], float32."""
    return _unit(keys, 2 * start, count).clamp_max_(1 - 2.0**-24)  # the largest one rounds to 1


def _unit(keys: Tensor, start: int, count: int) -> Tensor:
    """Return numbers in (0, 1] from every second word of each key's stream, from `start` on: [B, count], float32."""
    return _shifted(keyed_bits(keys, start, count, step=2), 40).to(torch.float32).add_(0.5).mul_(2.0**-24)


def keyed_exponential(keys: Tensor, start: int, count: int) -> Tensor:
    """Return exponential numbers of mean 1, never 0, so their logarithm is finite: [B, count], float32."""
    return -keyed_uniform(keys, start, count).log()


class _KeyedNoise:
    """The noise streams of the keys of one batch. Each draw continues the streams."""

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self.used = 0

    def axis(self, batch: tuple[int, ...]) -> int | None:
        """Return the batch axis of the examples: B of [B] or [K, B], or the axis of K·B rows; None if there is none."""
        rows = len(self.keys)
        if rows in batch:
            return batch.index(rows)
        return 0 if batch and batch[0] % rows == 0 else None

    def draw(
        self, kind: Callable[[Tensor, int, int], Tensor], sample_shape: tuple[int, ...], like: Tensor, axes: int = 1
    ) -> Tensor:
        """Draw noise of a kind such as `keyed_normal`, [*sample_shape, *like.shape]; like has `axes` batch axes."""
        rows, axis = len(self.keys), self.axis(like.shape[:axes])
        if axis is None:
            raise ValueError(f"keyed noise for {rows} examples cannot fill a batch of {like.shape[0]}")
        # A batch of K·B rows is K-major, as in LatentModel.infer.
        draws = math.prod(sample_shape) * (math.prod(like.shape[: axis + 1]) // rows)
        size = math.prod(like.shape[axis + 1 :])
        noise = kind(self.keys, self.used, draws * size).unflatten(1, (draws, size))
        self.used += draws * size
        filled: Tensor = noise.transpose(0, 1).reshape(*sample_shape, *like.shape).to(like.dtype)
        return filled


class _SharedNoise:
    """Distributed noise: each of `size` processes draws the noise of the whole batch and uses its own `rows` rows."""

    def __init__(self, rank: int, size: int, rows: int, device: torch.device) -> None:
        self.rank = rank
        self.size = size
        self.rows = rows
        self.generator = torch.Generator(device)

    def reseed(self, seed: int) -> None:  # direct draws from torch's generators must differ between processes
        torch.manual_seed(derive_seed(seed, "process", self.rank))
        self.generator.manual_seed(seed)

    def draw(self, kind: Callable[..., Tensor], sample_shape: tuple[int, ...], like: Tensor) -> Tensor:
        own = {"device": like.device, "dtype": like.dtype}
        repeats, left = divmod(like.shape[0], self.rows)
        if left:  # not a training batch
            return kind((*sample_shape, *like.shape), **own)
        whole = (*sample_shape, repeats, self.size * self.rows, *like.shape[1:])
        drawn = kind(whole, generator=self.generator, **own)
        own_rows = drawn.narrow(len(sample_shape) + 1, self.rank * self.rows, self.rows).contiguous()
        return own_rows.view(*sample_shape, *like.shape)


class _State(threading.local):
    """The source of noise of a thread; None: torch's generators. (Torch 2.11 cannot compile a ContextVar.)"""

    source: _KeyedNoise | None = None
    shared: _SharedNoise | None = None


_state = _State()


@contextmanager
def shared(rank: int, size: int, rows: int, device: torch.device) -> Iterator[None]:
    """Give several processes with `rows` examples each the noise that one process would draw for the whole batch."""
    outer, _state.shared = _state.shared, _SharedNoise(rank, size, rows, device) if size > 1 else None
    try:
        yield
    finally:
        _state.shared = outer


def reseed(seed: int, generators: Iterable[torch.Generator]) -> None:
    """Seed the noise of a training step, which draws from these torch generators."""
    if _state.shared is not None:
        _state.shared.reseed(seed)
        return
    for generator in generators:
        generator.manual_seed(seed)


@contextmanager
def keyed(keys: Tensor) -> Iterator[None]:
    """Draw each example's noise from its own key within the context; keys [B], one for each row of the batch."""
    outer, _state.source = _state.source, _KeyedNoise(keys)
    try:
        yield
    finally:
        _state.source = outer


@contextmanager
def of_examples(keys: Tensor) -> Iterator[None]:
    """Make all noise within the context depend only on the examples with these keys, [B] int64 (see `content_keys`).

    Noise for single examples is keyed. Torch's generators start from a seed derived from all keys, for models that use
    them directly.
    """
    with keyed(keys), seeded(derive_seed(0, "evaluation", int(keys.sum()))):
        yield


def standard_normal(sample_shape: tuple[int, ...], like: Tensor, batched: bool | int = True) -> Tensor:
    """Draw standard normal noise, [*sample_shape, *like.shape], with like's device and dtype.

    Args:
        sample_shape: How many draws of each value.
        like: [*batch, *event].
        batched: The number of axes of `batch`. One of them must be the examples, which have their own noise in
            evaluation.
    """
    if _state.source is not None and batched:
        return _state.source.draw(keyed_normal, sample_shape, like, int(batched))
    if _state.shared is not None and batched:
        return _state.shared.draw(torch.randn, sample_shape, like)
    with _in_turn():
        return torch.randn((*sample_shape, *like.shape), device=like.device, dtype=like.dtype)


def _in_turn() -> AbstractContextManager[object]:
    return nullcontext() if torch.compiler.is_compiling() else generators


@contextmanager
def unkeyed() -> Iterator[None]:
    """Use torch's generators within the context, even inside an evaluation or a distributed training."""
    outer = _state.source, _state.shared
    _state.source = _state.shared = None
    try:
        yield
    finally:
        _state.source, _state.shared = outer


def uniform(like: Tensor, sample_shape: tuple[int, ...] = (), batched: bool | int = True) -> Tensor:
    """Draw uniform noise in [0, 1), [*sample_shape, *like.shape]; arguments as for `standard_normal`.

    If the rows are not the evaluated examples, torch's generators are used.
    """
    own = keyed_noise(keyed_uniform, sample_shape, like, batched)
    if own is not None:
        return own
    if _state.shared is not None and batched:
        return _state.shared.draw(torch.rand, sample_shape, like)
    with _in_turn():
        if not sample_shape:  # fills in the memory order of `like`
            return torch.rand_like(like)
        return torch.rand((*sample_shape, *like.shape), device=like.device, dtype=like.dtype)


def bernoulli(probability: Tensor, sample_shape: tuple[int, ...] = (), batched: bool | int = True) -> Tensor:
    """Draw 0 or 1, where 1 has these probabilities, [*sample_shape, *probability.shape]; otherwise as `uniform`."""
    own = keyed_noise(keyed_uniform, sample_shape, probability, batched)
    if own is not None:
        return (own < probability).to(probability.dtype)
    with _in_turn():
        return torch.bernoulli(probability.expand(*sample_shape, *probability.shape))


def exponential(like: Tensor, sample_shape: tuple[int, ...] = (), batched: bool | int = True) -> Tensor:
    """Draw exponential noise of mean 1, [*sample_shape, *like.shape]; otherwise as `uniform`."""
    own = keyed_noise(keyed_exponential, sample_shape, like, batched)
    if own is not None:
        return own
    if _state.shared is not None and batched:
        return _state.shared.draw(
            lambda whole, generator, **own: torch.empty(whole, **own).exponential_(generator=generator),
            sample_shape,
            like,
        )
    with _in_turn():
        return torch.empty_like(like.detach().expand(*sample_shape, *like.shape)).exponential_()


def keyed_noise(
    kind: Callable[[Tensor, int, int], Tensor], sample_shape: tuple[int, ...], like: Tensor, batched: bool | int
) -> Tensor | None:
    """Draw each example's own noise of a kind such as `keyed_uniform`, [*sample_shape, *like.shape].

    None outside evaluation, or if the rows are not the evaluated examples: the caller then uses torch's generators.
    """
    axes = int(batched)
    if _state.source is None or _state.source.axis(like.shape[:axes]) is None:
        return None
    return _state.source.draw(kind, sample_shape, like, axes)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generators within the context; restore their state afterwards.

    Other threads can draw from them meanwhile. Hold `generators` inside to get exactly the numbers of this seed.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    fork = torch.random.fork_rng(devices=devices)
    with generators:
        fork.__enter__()
        _seed(seed)
    try:
        yield
    finally:
        with generators:
            fork.__exit__(None, None, None)


def _seed(seed: int) -> None:
    """Seed the generators of the devices in use. torch.manual_seed tries all kinds and takes 50 times as long."""
    if torch.cuda.is_initialized() or torch.backends.mps.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
