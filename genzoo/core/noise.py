"""Random numbers that are functions of what they are for.

Training draws from torch's own generators, reseeded for each step with `derive_seed(seed, purpose, step)`: a run
can be continued from (seed, step) alone. Evaluation draws from *keyed* noise: a hash of an example's own
bytes is the key, so the noise an example gets does not depend on its place, its batch, the device or
torch's version, and evaluating in batches of 1 or 10,000 gives the same figures.

The author of a distribution or a model draws by `standard_normal`, `uniform`, `bernoulli` and `exponential`, which
know where they are: in evaluation each example has numbers of its own, elsewhere torch's generators are used.
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
"""Held by a thread from the seeding of torch's own generators, which all threads share, to its last draw."""
_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed number


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose of one run: the first bytes of SHA-256 over (seed, purpose)."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _shifted(x: Tensor, bits: int) -> Tensor:
    """x >> bits without the sign, in new memory: torch has no unsigned shift."""
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def splitmix64(x: Tensor) -> Tensor:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014, figure 14) on an int64 tensor, modulo 2^64."""
    x = _shifted(x, 30).bitwise_xor_(x).mul_(-4658895280553007687)
    x = _shifted(x, 27).bitwise_xor_(x).mul_(-7723592293110705685)
    return _shifted(x, 31).bitwise_xor_(x)


def content_keys(x: Tensor) -> Tensor:
    """A 64-bit key for each example, from its values alone.

    Args:
        x: [B, *S], uint8 or float32.

    Returns:
        [B] int64. The sum is taken modulo 2^64, so its order and the device do not matter.
    """
    flat = x.reshape(len(x), -1)
    values = (flat.contiguous().view(torch.int32) if flat.is_floating_point() else flat).to(torch.int64)
    weights = splitmix64(torch.arange(1, values.shape[1] + 1, device=x.device) * _GOLDEN) | 1
    return splitmix64((values * weights).sum(1))


def keyed_bits(keys: Tensor, start: int, count: int, step: int = 1) -> Tensor:
    """Random 64-bit words number start, start + step, … of each key's stream: [B] → [B, count], int64."""
    counter = torch.arange(start + 1, start + 1 + step * count, step, device=keys.device) * _GOLDEN
    return splitmix64(keys[:, None] + counter)


def keyed_normal(keys: Tensor, start: int, count: int) -> Tensor:
    """Standard normal numbers, two words of each key's stream apiece (Box & Muller 1958): [B, count], float32."""
    radius = _unit(keys, 2 * start, count).log_().mul_(-2.0).sqrt_()
    return radius.mul_(_unit(keys, 2 * start + 1, count).mul_(2 * math.pi).cos_())


def keyed_uniform(keys: Tensor, start: int, count: int) -> Tensor:
    """Uniform numbers in (0, 1), of the words that `keyed_normal` would use: [B, count], float32."""
    return _unit(keys, 2 * start, count).clamp_max_(1 - 2.0**-24)  # the last one rounds to 1


def _unit(keys: Tensor, start: int, count: int) -> Tensor:
    """Numbers in (0, 1], of every other word of each key's stream from number `start` on: [B, count], float32."""
    return _shifted(keyed_bits(keys, start, count, step=2), 40).to(torch.float32).add_(0.5).mul_(2.0**-24)


def keyed_exponential(keys: Tensor, start: int, count: int) -> Tensor:
    """Exponential numbers of mean 1, never 0, so that their logarithm is finite: [B, count], float32."""
    return -keyed_uniform(keys, start, count).log()


class _KeyedNoise:
    """Hands out the streams of the keys of one batch, never the same number twice."""

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self.used = 0

    def axis(self, batch: tuple[int, ...]) -> int | None:
        """Which of a batch's axes runs over the examples: the B of [B] or [K, B], or that of K·B rows; None: none."""
        rows = len(self.keys)
        if rows in batch:
            return batch.index(rows)
        return 0 if batch and batch[0] % rows == 0 else None

    def draw(
        self, kind: Callable[[Tensor, int, int], Tensor], sample_shape: tuple[int, ...], like: Tensor, axes: int = 1
    ) -> Tensor:
        """Noise of a kind such as `keyed_normal`, [*sample_shape, *like.shape], whose first `axes` are a batch."""
        rows, axis = len(self.keys), self.axis(like.shape[:axes])
        if axis is None:
            raise ValueError(f"keyed noise for {rows} examples cannot fill a batch of {like.shape[0]}")
        # A batch of K·B rows is K-major, as LatentModel.infer lays it out.
        draws = math.prod(sample_shape) * (math.prod(like.shape[: axis + 1]) // rows)
        size = math.prod(like.shape[axis + 1 :])
        noise = kind(self.keys, self.used, draws * size).unflatten(1, (draws, size))
        self.used += draws * size
        filled: Tensor = noise.transpose(0, 1).reshape(*sample_shape, *like.shape).to(like.dtype)
        return filled


class _SharedNoise:
    """The numbers that one process would draw for a whole batch; of several, each takes those of its rows."""

    def __init__(self, rank: int, size: int, rows: int, device: torch.device) -> None:
        self.rank = rank
        self.size = size
        self.rows = rows
        self.generator = torch.Generator(device)

    def reseed(self, seed: int) -> None:
        # What draws from torch's own generators is not to draw the same in every process.
        torch.manual_seed(derive_seed(seed, "process", self.rank))
        self.generator.manual_seed(seed)

    def draw(self, kind: Callable[..., Tensor], sample_shape: tuple[int, ...], like: Tensor) -> Tensor:
        own = {"device": like.device, "dtype": like.dtype}
        repeats, left = divmod(like.shape[0], self.rows)
        if left:  # no batch of this training
            return kind((*sample_shape, *like.shape), **own)
        # A batch of K·B rows is K-major, as LatentModel.infer lays it out.
        whole = (*sample_shape, repeats, self.size * self.rows, *like.shape[1:])
        drawn = kind(whole, generator=self.generator, **own)
        return drawn.narrow(len(sample_shape) + 1, self.rank * self.rows, self.rows).reshape(*sample_shape, *like.shape)


class _State(threading.local):
    """Where the noise of a thread comes from; None: from torch's generators. Torch 2.11 compiles no ContextVar."""

    source: _KeyedNoise | None = None
    shared: _SharedNoise | None = None


_state = _State()


@contextmanager
def shared(rank: int, size: int, rows: int, device: torch.device) -> Iterator[None]:
    """Inside, processes that have `rows` examples each of a batch draw together what one would draw for all of it."""
    outer, _state.shared = _state.shared, _SharedNoise(rank, size, rows, device) if size > 1 else None
    try:
        yield
    finally:
        _state.shared = outer


def reseed(seed: int, generators: Iterable[torch.Generator]) -> None:
    """Starts the noise of a step, which draws from torch's own generators of its devices."""
    if _state.shared is not None:
        _state.shared.reseed(seed)
        return
    for generator in generators:
        generator.manual_seed(seed)


@contextmanager
def keyed(keys: Tensor) -> Iterator[None]:
    """Inside, each example's noise is drawn from its own key (one key a row of the batch)."""
    outer, _state.source = _state.source, _KeyedNoise(keys)
    try:
        yield
    finally:
        _state.source = outer


@contextmanager
def of_examples(keys: Tensor) -> Iterator[None]:
    """Inside, noise is a function of the examples with these keys, whatever was drawn before.

    Each example's own is keyed. Torch's generators start from a seed of all the keys, for models that draw from them.
    """
    with keyed(keys), seeded(derive_seed(0, "evaluation", int(keys.sum()))):
        yield


def standard_normal(sample_shape: tuple[int, ...], like: Tensor, batched: bool | int = True) -> Tensor:
    """Standard normal noise of shape (*sample_shape, *like.shape), on like's device and of its dtype.

    Args:
        sample_shape: How many draws of each value.
        like: [*batch, *event].
        batched: How many axes `batch` has; the examples, whose own noise evaluation asks for, are along one of them.
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
    """Inside, noise is that of the step alone, whatever evaluation or training this is called from."""
    outer = _state.source, _state.shared
    _state.source = _state.shared = None
    try:
        yield
    finally:
        _state.source, _state.shared = outer


def uniform(like: Tensor, sample_shape: tuple[int, ...] = (), batched: bool | int = True) -> Tensor:
    """Uniform noise in [0, 1), [*sample_shape, *like.shape]; arguments as for `standard_normal`.

    Where the rows are not the examples under evaluation, torch's generators are used.
    """
    own = keyed_noise(keyed_uniform, sample_shape, like, batched)
    if own is not None:
        return own
    if _state.shared is not None and batched:
        return _state.shared.draw(torch.rand, sample_shape, like)
    with _in_turn():
        if not sample_shape:  # in the order in which the values of `like` lie in memory
            return torch.rand_like(like)
        return torch.rand((*sample_shape, *like.shape), device=like.device, dtype=like.dtype)


def bernoulli(probability: Tensor, sample_shape: tuple[int, ...] = (), batched: bool | int = True) -> Tensor:
    """0 or 1, the latter with these probabilities, [*sample_shape, *probability.shape]; otherwise as `uniform`."""
    own = keyed_noise(keyed_uniform, sample_shape, probability, batched)
    if own is not None:
        return (own < probability).to(probability.dtype)
    with _in_turn():
        return torch.bernoulli(probability.expand(*sample_shape, *probability.shape))


def exponential(like: Tensor, sample_shape: tuple[int, ...] = (), batched: bool | int = True) -> Tensor:
    """Exponential noise of mean 1, [*sample_shape, *like.shape]; otherwise as `uniform`."""
    own = keyed_noise(keyed_exponential, sample_shape, like, batched)
    if own is not None:
        return own
    with _in_turn():
        return torch.empty_like(like.detach().expand(*sample_shape, *like.shape)).exponential_()


def keyed_noise(
    kind: Callable[[Tensor, int, int], Tensor], sample_shape: tuple[int, ...], like: Tensor, batched: bool | int
) -> Tensor | None:
    """Each example's own noise of a kind such as `keyed_uniform`; None outside evaluation, or without a batch of them.

    For what draws by torch's generators elsewhere in a way of its own.
    """
    axes = int(batched)
    if _state.source is None or _state.source.axis(like.shape[:axes]) is None:
        return None
    return _state.source.draw(kind, sample_shape, like, axes)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's generators start from `seed`; afterwards they go on where they were.

    Threads are kept apart by `generators`, which is to be held inside by whoever needs the very numbers of that seed.
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
    """Seed the generators of the devices in use: torch.manual_seed asks for every kind and takes 50 times as long."""
    if torch.cuda.is_initialized() or torch.backends.mps.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
