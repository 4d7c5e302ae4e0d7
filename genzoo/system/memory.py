"""Memory: keeping it between steps, and what to say when it runs out."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from genzoo.core.errors import OutOfMemory

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


def keep_memory() -> None:
    """Has the C library keep what a step frees for the next one, instead of giving it back to the system each time.

    By default glibc maps and unmaps every larger tensor. Page faults then take a third of the time of a convolutional
    model at batch 128, and three quarters at 1,024. The process gets no larger than its largest step. Elsewhere than on
    Linux with glibc this does nothing.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20)):
            mallopt(option, value)


def give_back_memory() -> None:
    """Gives the system what was freed and kept: later work asks for pieces of other sizes."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: torch's own, Python's, or a RuntimeError of an allocator."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


@contextmanager
def memory_explained(what: str, hint: str, device: torch.device) -> Iterator[None]:
    """Inside, running out of memory becomes one line.

    Args:
        what: What took the memory, as the end of a sentence.
        hint: What to type.
        device: Where; how much a CUDA device has is told.

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
    """What to type when a training step does not fit."""
    return f"try --batch-size {batch_size // 2}, or a smaller model" if batch_size > 1 else "use a smaller model"


def _in_use(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    free, total = torch.cuda.mem_get_info(device)
    return f" ({device}: {free / 1e9:.1f} of {total / 1e9:.1f} GB free)"
