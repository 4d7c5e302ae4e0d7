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
from genzoo.data.resident import Resident, fixed_bits
from genzoo.data.view import Binarize, Stream
from genzoo.system.memory import free_bytes, gigabytes

CPU = torch.device("cpu")
SHARE = 0.6
"""Of the free memory, for the data; the rest is for the model and what it computes."""
GROUP = 1 << 20
"""Bytes that are gathered at once: several small batches, so that two threads seldom have to talk."""
AHEAD = 1
"""Groups of batches that are gathered while one is computed with."""


class Buffer:
    """Memory of the host that batches are gathered into, again and again; pinned where a GPU copies from it."""

    def __init__(self) -> None:
        self.x = self.y = torch.empty(0)
        self.copied: torch.cuda.Event | None = None

    def room(self, n: int, data: Streamed) -> tuple[Tensor, ...]:
        """For n examples of data: x, and y if there are labels. Waits until a copy from here is over."""
        if self.copied is not None:
            self.copied.synchronize()
        if len(self.x) < n:
            pin = data.device.type == "cuda"
            self.x = torch.empty((n, *data.x.shape[1:]), dtype=data.x.dtype, pin_memory=pin)
            self.y = torch.empty(n, dtype=torch.int64, pin_memory=pin)
        return (self.x[:n],) if data.y is None else (self.x[:n], self.y[:n])

    def on(self, device: torch.device, *held: Tensor) -> tuple[Tensor, ...]:
        """What lies here, on the device: on the CPU this very memory, on a GPU a copy that is under way."""
        if device.type == "cpu":
            return held
        copies = tuple(part.to(device, non_blocking=device.type == "cuda") for part in held)
        if device.type == "cuda":
            self.copied = torch.cuda.Event()
            self.copied.record(torch.cuda.current_stream(device))
        return copies


class Streamed(Resident):
    """The same examples, in the same order and with the same results, out of the host's memory or a mapped file."""

    x: Rows

    @property
    def index_device(self) -> torch.device:
        return CPU

    def _kept(self, x: Examples) -> Examples:
        return x if isinstance(x, Rows) else Rows(x.cpu())

    def batch(self, index: Tensor) -> Batch:
        y = None if self.y is None else self.y.index_select(0, index.to(self.device))
        inputs = (self.x.read(index.cpu()).to(self.device), y)
        return self.see(*(part for part in inputs if part is not None))

    def inputs(self, batches: Iterable[Tensor]) -> Generator[tuple[Tensor, ...], None, None]:
        """What it yields is good until the next one is asked for. Close it to end its thread.

        Raises:
            GenzooError: The file cannot be read any more.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="genzoo-stream")
        labels = None if self.y is None else self.y.cpu()
        # One is in use; on a GPU the copies from two more may not be over yet.
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
        """Batches in their order, as many at a time as are gathered at once."""
        each = _bytes(self.x) // max(len(self), 1)
        remaining = iter(batches)
        for first in remaining:
            yield [first, *islice(remaining, max(GROUP // (each * len(first)) - 1, 0))]

    def _gather(self, index: Tensor, labels: Tensor | None, room: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.x.read(index, room[0])
        if labels is not None:
            torch.index_select(labels, 0, index, out=room[1])
        return room

    def see(self, *inputs: Tensor) -> Batch:
        return Batch(self._seen(fixed_bits(inputs[0], self.bits)), inputs[1] if len(inputs) > 1 else None)

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
) -> Resident:
    """A split as a model sees it: on the device where it fits there, else streamed, which is said.

    Args:
        split, device, binarize, training, shift, scale: See `Resident`.
        stream: "auto" measures the free memory.
        say: Takes the line that says so, if it is to be said.

    Raises:
        GenzooError: It must not be streamed and does not fit.
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
        return Resident(split, device, binarize, training, shift, scale)
    if say is not None:
        source = x.path if isinstance(x, Rows) and x.path else "memory"
        say(f"streaming {len(x):,} examples ({gigabytes(_bytes(x))}) from {source}; {gigabytes(free)} free on {device}")
    return Streamed(split, device, binarize, training, shift, scale)


def _needed(x: Examples, device: torch.device, converted: bool) -> int:
    """Bytes that keeping x on the device takes beyond what it takes already."""
    if isinstance(x, Tensor) and x.device == device and not converted:
        return 0
    return _bytes(x)


def _bytes(x: Examples) -> int:
    return x.numel() * x.dtype.itemsize
