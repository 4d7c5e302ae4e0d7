"""What an application is applied to: a split of a run's data, picture files, folders, arrays, tables."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.cli.loading import Source
from genzoo.cli.use import open_run
from genzoo.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.data.resident import Resident
    from genzoo.protocols import DataSpec, LatentModel, Model
    from genzoo.runs import Run

ARRAYS = (".npy", ".npz")


@dataclass(frozen=True)
class Work:
    """An opened run and what it is applied to."""

    run: Run
    model: Model
    device: torch.device
    source: Source
    """The run's own data."""
    split: str
    files: list[Path]
    """In place of the split, if there are any."""
    resize: bool

    @cached_property
    def given(self) -> tuple[Resident, list[str]]:
        """The examples and their names, read when they are first asked for."""
        if self.files:
            return read_files(self.files, self.run, self.model.spec, self.device, self.resize)
        data = self.source.view(self.split, self.device)
        return data, [f"{self.split}:{number}" for number in range(len(data))]

    @property
    def data(self) -> Resident:
        """The examples of the files or, without any, of the split."""
        return self.given[0]

    @property
    def names(self) -> list[str]:
        """One for each example: its file, or such as "test:12"."""
        return self.given[1]

    @property
    def latent(self) -> LatentModel:
        """The model, which has an encoder."""
        from genzoo.protocols import LatentModel

        assert isinstance(self.model, LatentModel)
        return self.model

    def original(self, x: Tensor) -> Tensor:
        """What the model sees or puts out, in the data's own units and on the CPU."""
        return self.model.spec.original(x).cpu()

    def batches(self) -> Iterator[Tensor]:
        """The numbers of all examples, as many at a time as the model evaluates."""
        import torch

        yield from torch.arange(len(self.data), device=self.device).split(self.batch_size)

    @property
    def batch_size(self) -> int:
        """How many examples the model evaluates at a time."""
        from genzoo.batches import evaluation_batch

        return evaluation_batch(self.model.spec)

    def encode(self, x: Tensor) -> Tensor:
        """Codes [N, *D] of examples [N, *S]."""
        from genzoo.batches import in_parts

        return in_parts(self.latent.encode, x, self.batch_size)

    def decode(self, codes: Tensor) -> Tensor:
        """What codes [N, *D] decode to, in the data's own units and on the CPU."""
        from genzoo.batches import in_parts

        return in_parts(lambda part: self.original(self.latent.decode(part)), codes, self.batch_size)

    def examples(self, n: int | None = None) -> Tensor:
        """The first n examples (None: all), as the model sees them: [N, *S] on its device."""
        import torch

        count = len(self.data) if n is None else min(n, len(self.data))
        return self.data.batch(torch.arange(count, device=self.device)).x


def open_work(options: argparse.Namespace) -> Work:
    """The run that was asked for, with the files that were named or, without any, a split of its data.

    Neither is read yet: some applications need no examples.

    Raises:
        UsageError: No such run, or its model has no encoder, which all applications need.
    """
    from genzoo.protocols import LatentModel

    run, device = open_run(options)
    model = run.model.to(device)
    if not isinstance(model, LatentModel):
        raise UsageError(f"{run.config.model} has no encoder", f"genzoo sample {run.path}")
    source, files = Source.of(run, options), getattr(options, "files", [])
    return Work(run, model, device, source, options.split, files, options.resize)


def read_files(
    paths: list[Path], run: Run, spec: DataSpec, device: torch.device, resize: bool
) -> tuple[Resident, list[str]]:
    """Files as the run's model sees its data, and a name for each example.

    Raises:
        UsageError: A file that cannot be read, or does not fit the model.
    """
    import torch

    from genzoo.data.resident import Resident
    from genzoo.protocols import Split

    parts: list[Tensor] = []
    names: list[str] = []
    for path in paths:
        for x, own in read_path(path, run, spec, resize):
            parts.append(x)
            names += own
    if len({part.dtype for part in parts}) > 1:
        raise UsageError("these files hold bytes and floats, which are not taken together", "give them one by one")
    split, binarize = Split(torch.cat(parts)), run.config.training.binarize
    return Resident(split, device, binarize, shift=spec.shift, scale=spec.scale), names


def read_path(path: Path, run: Run, spec: DataSpec, resize: bool) -> list[tuple[Tensor, list[str]]]:
    """Examples [N, *S] of one path, as stored, with their names."""
    import torch

    from genzoo.data.pictures import pictures_in

    if path.is_dir():
        folders = [path, *sorted(p for p in path.rglob("*") if p.is_dir() and not p.name.startswith("."))]
        found = [picture for folder in folders for picture in pictures_in(folder, path)]
        if not found:
            raise UsageError(f"{path} holds no PNG or JPEG file", "name a folder of pictures")
        return [item for picture in found for item in read_path(picture, run, spec, resize)]
    if path.suffix.lower() in ARRAYS:
        from genzoo.data.arrays import read_arrays
        from genzoo.data.examples import as_examples

        arrays = read_arrays(path, lambda name: name == "x")
        if "x" not in arrays:
            raise UsageError(f"{path} has no array x", "numpy.savez(FILE, x=…)")
        x = as_examples(arrays["x"], str(path))
        assert isinstance(x, torch.Tensor)  # it was read whole
    elif path.suffix.lower() == ".csv":
        from genzoo.data.tables import read_table

        label = getattr(run.config.data_config, "label", "")
        x = torch.from_numpy(read_table(path, label, needed=False).x)
    else:
        return [(read_picture(path, spec, resize), [str(path)])]
    if tuple(x.shape[1:]) != spec.shape:
        shapes = ["x".join(map(str, shape)) for shape in (x.shape[1:], spec.shape)]
        raise UsageError(f"{path} holds examples of {shapes[0]}; the model takes {shapes[1]}", "give others")
    return [(x, [f"{path}:{number}" for number in range(len(x))])]


def read_picture(path: Path, spec: DataSpec, resize: bool) -> Tensor:
    """A picture file as uint8 [1, C, H, W], grey or in colour as the model takes it."""
    import torch

    from genzoo.data.pictures import MODES, measure, read_bytes

    if not spec.is_image or spec.shape[0] not in MODES:
        raise UsageError("this model takes no pictures", "give numbers: FILE.csv, FILE.npy or FILE.npz")
    height, width = spec.shape[1:]
    size = measure(path)[:2]
    if size != (height, width) and not resize:
        raise UsageError(f"{path} is {size[0]}x{size[1]}; the model takes {height}x{width}", "scale it: --resize")
    return torch.from_numpy(read_bytes(path, MODES[spec.shape[0]], (height, width))).permute(2, 0, 1)[None]


def one_example(reference: str, work: Work, options: argparse.Namespace) -> Tensor:
    """One example [1, *S] called "test:12", or the first one of a file.

    Raises:
        UsageError: No such split, number or file.
    """
    import torch

    match = re.fullmatch(r"(train|validation|test):(\d{1,9})", reference)
    if match is None and not Path(reference).exists():
        raise UsageError(f"{reference}: neither an example nor a file", "such as test:12, or FILE.png")
    if match is None:
        data, _ = read_files([Path(reference)], work.run, work.model.spec, work.device, options.resize)
        number = 0
    else:
        data = work.source.view(match[1], work.device)
        number = int(match[2])
        if number >= len(data):
            raise UsageError(
                f"{reference}: there are {len(data):,} {match[1]} examples", f"up to {match[1]}:{len(data) - 1}"
            )
    return data.batch(torch.tensor([number], device=work.device)).x
