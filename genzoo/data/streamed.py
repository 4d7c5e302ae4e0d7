"""A split that does not fit on the device: a thread gathers the next batches while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor

from genzoo.core.dataset import Batch, Split
from genzoo.core.errors import GenzooError
from genzoo.core.rows import Examples, Rows, chunks, in_place
from genzoo.core.text import gigabytes
from genzoo.data.resident import Resident, fixed_bits
from genzoo.data.view import Binarize, Stream
from genzoo.system.memory import free_bytes

CPU = torch.device("cpu")
SHARE = 0.6
"""Share of the free memory for the data. The rest is for the model and its activations."""
GROUP = 1 << 20
"""Bytes gathered at once: several small batches, so that the two threads rarely synchronise."""
AHEAD = 1
"""Groups of batches gathered in advance."""


class Buffer:
    """Reusable host memory for gathered batches; pinned if a GPU copies from it."""

    def __init__(self) -> None:
        self.x = self.y = torch.empty(0)
        self.copied: torch.cuda.Event | None = None

    def room(self, n: int, data: Streamed) -> tuple[Tensor, ...]:
        """Return room for n examples: x, and y if there are labels. Wait first for a running copy from here."""
        if self.copied is not None:
            self.copied.synchronize()
        if len(self.x) < n:
            pin = data.device.type == "cuda"
            self.x = torch.empty((n, *data.x.shape[1:]), dtype=data.x.dtype, pin_memory=pin)
            self.y = torch.empty(n, dtype=torch.int64, pin_memory=pin)
        return (self.x[:n],) if data.y is None else (self.x[:n], self.y[:n])

    def on(self, device: torch.device, *held: Tensor) -> tuple[Tensor, ...]:
        """Return tensors of this buffer on the device: the same memory on the CPU, an asynchronous copy on a GPU."""
        if device.type == "cpu":
            return held
        copies = tuple(part.to(device, non_blocking=device.type == "cuda") for part in held)
        if device.type == "cuda":
            self.copied = torch.cuda.Event()
            self.copied.record(torch.cuda.current_stream(device))
        return copies


class Streamed(Resident):
    """A `Resident` with equal batches whose examples stay in host memory or in a memory-mapped file."""

    x: Rows

    @property
    def index_device(self) -> torch.device:
        return CPU

    def _place(self, x: Examples) -> Examples:
        return x if isinstance(x, Rows) else Rows(x.cpu())

    def batch(self, index: Tensor) -> Batch:
        y = None if self.y is None else self.y.index_select(0, index.to(self.device))
        inputs = (self.x.read(index.cpu()).to(self.device), y)
        return self.to_batch(*(part for part in inputs if part is not None))

    def inputs(self, batches: Iterable[Tensor]) -> Generator[tuple[Tensor, ...], None, None]:
        """Yield the arguments of `to_batch`, valid until the next ones are requested. Close it to end its thread.

        Raises:
            GenzooError: The file can no longer be read.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="genzoo-stream")
        labels = None if self.y is None else self.y.cpu()
        # One is in use; on a GPU the copies from two more may still run.
        free = deque(Buffer() for _ in range(AHEAD + (1 if self.device.type == "cpu" else 3)))
        ahead: deque[tuple[Buffer, list[int], Future[tuple[Tensor, ...]]]] = deque()

        def oldest() -> Iterator[tuple[Tensor, ...]]:
            buffer, sizes, gathered = ahead.popleft()
            parts = buffer.on(self.device, *gathered.result())
            yield from zip(*(part.split(sizes) for part in parts), strict=True)
            free.append(buffer)

        try:
            for group in self._groups(batches):
                buffer, index = free.popleft(), torch.cat(group).cpu()
                room = buffer.room(len(index), self)
                ahead.append(
                    (buffer, [len(batch) for batch in group], thread.submit(self._gather, index, labels, room))
                )
                if len(ahead) > AHEAD:
                    yield from oldest()
            while ahead:
                yield from oldest()
        finally:
            thread.shutdown(cancel_futures=True)

    def _groups(self, batches: Iterable[Tensor]) -> Iterator[list[Tensor]]:
        """Yield the batches in order, in groups of about `GROUP` bytes."""
        each = _bytes(self.x) // max(len(self), 1)
        remaining = iter(batches)
        for first in remaining:
            yield [first, *islice(remaining, max(GROUP // (each * len(first)) - 1, 0))]

    def _gather(self, index: Tensor, labels: Tensor | None, room: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.x.read(index, room[0])
        if labels is not None:
            torch.index_select(labels, 0, index, out=room[1])
        return room

    def to_batch(self, *inputs: Tensor) -> Batch:
        return Batch(self._transform(fixed_bits(inputs[0], self.bits)), inputs[1] if len(inputs) > 1 else None)

    def stored(self) -> Iterator[Tensor]:
        return (fixed_bits(chunk, self.bits) for chunk in chunks(self.x))


def view_of(
    split: Split,
    device: torch.device,
    binarize: Binarize = "none",
    training: bool = False,
    shift: float = 0.0,
    scale: float = 1.0,
    stream: Stream = "auto",
    say: Callable[[str], None] | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
) -> Resident:
    """Return a split as model inputs: on the device if it fits there, else streamed.

    Args:
        split, device, binarize, training, shift, scale, augment: See `Resident`.
        stream: Whether to stream; "auto" decides by the free memory.
        say: Called with a line for the user if the split is streamed.

    Raises:
        GenzooError: The split must not be streamed and does not fit.
    """
    x = in_place(split.x)
    split = split._replace(x=x)
    free = free_bytes(device)
    needed = _needed(x, device, binarize != "none" and not (binarize == "dynamic" and training))
    if stream == "never" and needed > free:
        raise GenzooError(
            f"{len(x):,} examples take {gigabytes(needed)}; {device} has {gigabytes(free)} free", "leave --stream out"
        )
    if stream == "never" or (stream == "auto" and needed <= SHARE * free):
        return Resident(split, device, binarize, training, shift, scale, augment)
    if say is not None:
        source = x.path if isinstance(x, Rows) and x.path else "memory"
        say(f"streaming {len(x):,} examples ({gigabytes(_bytes(x))}) from {source}; {gigabytes(free)} free on {device}")
    return Streamed(split, device, binarize, training, shift, scale, augment)


def _needed(x: Examples, device: torch.device, converted: bool) -> int:
    """Return the additional bytes that x needs on the device."""
    if isinstance(x, Tensor) and x.device == device and not converted:
        return 0
    return _bytes(x)


def _bytes(x: Examples) -> int:
    return x.numel() * x.dtype.itemsize
