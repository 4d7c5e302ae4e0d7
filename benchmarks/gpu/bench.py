"""The environment of a stage: its device, data, time and rows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from records import COMMIT, load, save
from torch import Tensor

from genzoo.core.errors import GenzooError
from genzoo.data.store import Store
from genzoo.registry.current import registry
from genzoo.runs.environment import environment

AGAIN = 75
"""Exit code after an error that leaves the device unusable: a new process continues with the next row."""


class Bench:
    """A running stage.

    Args:
        name: The name of the stage.
        file: Its JSON file. Rows that it already has are not measured again.
        seconds: Its time limit.
        rehearse: Whether to run on the CPU with tiny sizes.
    """

    def __init__(self, name: str, file: Path, seconds: float, rehearse: bool) -> None:
        self.end = time.monotonic() + seconds
        self.tiny = rehearse
        self.device = torch.device("cpu" if rehearse else "cuda")
        self.file = file
        found = load(file) or {}
        self.record: dict[str, Any] = {"stage": name, "status": "running", "rehearsal": rehearse, "limit": seconds}
        self.record |= {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": self.machine() | {"load": os.getloadavg()},
        }
        self.record |= {"rows": found.get("rows", [])}
        self.save()

    @property
    def has_device(self) -> bool:
        """Return whether the device is available."""
        return self.tiny or torch.cuda.is_available()

    def machine(self) -> dict[str, Any]:
        """Return versions, commit, hardware and driver."""
        if not self.has_device:
            return {}
        known = environment(self.device, ())
        known["source"] = known["source"] or {"commit": os.environ.get(COMMIT, "")}
        if self.device.type == "cuda":
            known |= {"cuda": torch.version.cuda, "driver": driver(), "gpu": torch.cuda.get_device_name()}
        return {name: value for name, value in known.items() if name not in ("command", "plugins")}

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.monotonic()

    def save(self) -> None:
        """Write the file."""
        save(self.file, self.record)

    def row(self, key: str, work: Callable[[], dict[str, Any]], needs: float = 0.0) -> dict[str, Any] | None:
        """Measure one row and save it at once.

        Args:
            key: Its name, unique in the stage.
            work: Returns its values. An exception becomes the row's `error`.
            needs: Seconds that must be left; otherwise the row is left out.

        Returns:
            The row, if it has values.
        """
        rows = self.record["rows"]
        for there in rows:
            if there["key"] == key:
                return None if {"error", "left_out"} & there.keys() else there
        if self.left() < needs and not self.tiny:
            rows.append({"key": key, "left_out": f"{self.left():.0f} s left"})
            self.save()
            return None
        self.record["trying"] = key
        self.save()
        start = time.monotonic()
        try:
            values = work()
        except Exception:
            values = {"error": traceback.format_exc()}
        row = {"key": key, **values, "seconds": time.monotonic() - start}
        rows.append(row)
        del self.record["trying"]
        self.save()
        if "error" not in row:
            return row
        if not self.usable():
            sys.stdout.flush()
            os._exit(AGAIN)
        return None

    def usable(self) -> bool:
        """Return whether the device still computes: some errors make it unusable for this process."""
        try:
            return bool(torch.ones(1, device=self.device).sum() == 1)
        except RuntimeError:
            return False

    @cached_property
    def images(self) -> tuple[Tensor, Tensor, str]:
        """Training and test images [N, 1, 28, 28], uint8, on the device, and their source: MNIST if it is
        available, else made up."""
        dataset = registry().get("dataset", "mnist").load()
        try:
            splits = dataset(dataset.Config(validation=0)).load(Store(say=lambda line: None))
            train, test, source = splits.train.x, splits.test.x, "mnist"
        except GenzooError:
            generator = torch.Generator().manual_seed(0)
            made = (torch.rand((70_000, 1, 28, 28), generator=generator) ** 3 * 255.99).to(torch.uint8)
            train, test, source = made[:60_000], made[60_000:], "made up"
        if self.tiny:
            train, test = train[:24], test[:8]
        return train.to(self.device), test.to(self.device), source

    def many(self, count: int) -> Tensor:
        """Return `count` training images, repeated if there are fewer."""
        train = self.images[0]
        return train.repeat(-(-count // len(train)), 1, 1, 1)[:count]


def driver() -> str:
    """Return the version of NVIDIA's driver; "" if nvidia-smi does not report it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
