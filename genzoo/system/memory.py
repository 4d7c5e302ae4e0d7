"""Memory: its size, how to keep it between steps, and the error when it runs out."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from genzoo.core.errors import OutOfMemory

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
CGROUP = Path("/sys/fs/cgroup")
SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


def keep_memory() -> None:
    """Make the C library keep freed memory for the next step instead of returning it to the system.

    By default glibc maps and unmaps every larger tensor. Page faults then take a third of the time of a convolutional
    model at batch 128, and three quarters at 1,024. The process does not grow beyond its largest step. This has no
    effect without Linux and glibc.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20)):
            mallopt(option, value)


def give_back_memory() -> None:
    """Return freed memory to the system, before work that needs blocks of other sizes."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out: torch's or Python's own, or one of an allocator."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


@contextmanager
def memory_explained(what: str, hint: str, device: torch.device) -> Iterator[None]:
    """Convert an out-of-memory error within the context into one line.

    Args:
        what: What needed the memory, as the end of a sentence.
        hint: What to type.
        device: The device. For a CUDA device the message has its free and total memory.

    Raises:
        OutOfMemory: Memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise OutOfMemory(f"out of memory{_in_use(device)} in {what}", hint) from None


def smaller_batch(batch_size: int) -> str:
    """Return what to type when a training step does not fit into memory."""
    return f"try --batch-size {batch_size // 2}, or a smaller model" if batch_size > 1 else "use a smaller model"


def _in_use(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    free, total = torch.cuda.mem_get_info(device)
    return f" ({device}: {free / 1e9:.1f} of {total / 1e9:.1f} GB free)"


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Return the bytes that the values of tensors of any shape take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def memory_bytes(device: torch.device) -> int:
    """Return the memory of a device in bytes."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device in bytes; for the CPU, this process's share of the available memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    beside = max(int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)  # torchrun: so many processes load the same data
    return min(_available(), _allowed()) // beside


def _available() -> int:
    """Return the bytes that the kernel can give without swapping; half of all memory if that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _allowed() -> int:
    """Return the bytes that a container's limit leaves. Page cache counts as free: the kernel drops it when needed."""
    try:
        limit, used = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        cache = next(line for line in (CGROUP / "memory.stat").read_text().splitlines() if line.startswith("file "))
        return int(limit) - int(used) + int(cache.split()[1])
    except (OSError, StopIteration, ValueError):  # no such files, or the limit is "max"
        return 1 << 62
