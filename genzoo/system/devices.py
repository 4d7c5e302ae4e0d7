"""Devices: choose one, describe it, wait for it, measure its peak memory."""

from __future__ import annotations

import contextlib
import gc
import sys
import weakref
from pathlib import Path

import torch

from genzoo.core.errors import UsageError
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.memory import give_back_memory


def choose_device(name: str, processes: Processes = ALONE) -> torch.device:
    """Return the torch device called `name`. "auto" prefers CUDA, then MPS, then the CPU.

    Each of several processes gets its own GPU.

    Raises:
        UsageError: The device is not available, or several processes cannot use it.
    """
    if processes.size > 1:
        return _device_of_process(name, processes)
    if name == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(accelerator)
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--device {name}: no such kind of device", "use auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        built_for, count = torch.version.cuda or "none", torch.cuda.device_count()
        raise UsageError(
            f"--device {name}, but torch sees {count or 'no'} CUDA device{'s' if count > 1 else ''} "
            f"(torch {torch.__version__}, CUDA {built_for})",
            "use --device auto",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"--device {name}, but this machine has no MPS device", "use --device auto")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"--device {name}: genzoo trains on cpu, cuda and mps", "use --device auto")
    return device


def _device_of_process(name: str, processes: Processes) -> torch.device:
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name}: several processes cannot share one device", "use auto, cpu or cuda")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    device = choose_device(f"cuda:{processes.local}")
    torch.cuda.set_device(device)
    return device


def describe_device(device: torch.device) -> str:
    """Return a short description of a device: "cpu, 2 threads" or the name of the GPU."""
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}" if device.type == "cpu" else str(device)


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished all submitted work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


measured: weakref.ref[object] | None = None
"""Whose memory `forget_peak` was last called for."""


def forget_peak(device: torch.device, owner: object = None) -> None:
    """Reset `peak_memory`, so that a run does not report the memory of an earlier run in the same process.

    Only Linux can reset the peak of a process. On other systems it counts from the start of the process. Freed memory
    that the C library keeps (see `genzoo.system.memory`) is returned to the system first.

    Args:
        device: Where the memory is.
        owner: Whose memory is measured now, such as a trainer. That of the call before is collected if it is still
            there: a run that failed is kept by its error for a while. None: Python collects whatever can be.
    """
    global measured
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    if owner is None or (measured and measured()):  # collection takes longer than a short training
        gc.collect()
    measured = None if owner is None else weakref.ref(owner)
    give_back_memory()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Return the peak memory since `forget_peak`, in bytes: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
