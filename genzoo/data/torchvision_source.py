"""The downloads of torchvision as a source of raw files, with a time limit, and verified by the store."""

from __future__ import annotations

import http.client
import socket
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from genzoo.core.errors import GenzooError
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.sources import TIMEOUT, take_from

FAILURES = (OSError, RuntimeError, ImportError, EOFError, http.client.HTTPException, zipfile.BadZipFile)
"""What a download by torchvision raises; `ImportError` names a package that torchvision needs for this dataset."""


@dataclass(frozen=True)
class Torchvision:
    """A dataset class of torchvision, which is imported only to download.

    Args:
        dataset: The name of the class in `torchvision.datasets`.
        options: Its options for each part, such as the training and the test part.
    """

    network: ClassVar[bool] = True
    dataset: str
    options: tuple[Mapping[str, Any], ...] = ({"train": True}, {"train": False})

    def __str__(self) -> str:
        return f"torchvision.datasets.{self.dataset}"

    def fetch(self, file_set: FileSet, wanted: Sequence[RawFile], into: Path) -> None:
        from torchvision import datasets

        root = into / "torchvision"
        root.mkdir(exist_ok=True)
        try:
            with _time_limit():
                for options in self.options:
                    getattr(datasets, self.dataset)(str(root), download=True, **options)
        except (*FAILURES, tarfile.TarError) as error:
            raise GenzooError(" ".join(str(getattr(error, "reason", error)).split())[:200]) from error
        for folder in (root / file_set.folder, root):  # some classes put their files into the root itself
            take_from(folder, file_set, wanted, into)

    def manual_command(self, file_set: FileSet) -> str:
        calls = [f"""{self.dataset}('.', {", ".join(_keywords(options))})""" for options in self.options]
        code = f"from torchvision.datasets import {self.dataset}; {'; '.join(calls)}"
        return f'python -c "{code}" and then --data-root .'


def _keywords(options: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value!r}" for key, value in {"download": True, **options}.items()]


@contextmanager
def _time_limit() -> Iterator[None]:
    """End a connection that does not answer: torchvision sets no time limit itself."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
