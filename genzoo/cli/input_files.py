"""Files that a user gives to a run's model: pictures, folders, arrays, tables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import HINT, UsageError, printable

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from genzoo.core.dataset import DataSpec
    from genzoo.data.resident import Resident
    from genzoo.runs.run import Run


ARRAYS = (".npy", ".npz")


TABLES = (".csv", ".tsv", ".txt", ".tab", ".dat")


def original(run: Run, spec: DataSpec, x: Tensor) -> Tensor:
    """What a run's model sees or puts out, [N, *S], in the units of the file that it was trained on, on the CPU."""
    x = spec.original(x).cpu()
    return x if spec.is_image else run.form.unscaled(x)


def read_files(
    paths: list[Path], run: Run, spec: DataSpec, device: torch.device, resize: bool
) -> tuple[Resident, list[str]]:
    """Files as the run's model sees its data, and a name for each example. Odd values are said on standard error.

    Raises:
        UsageError: A file that cannot be read, or does not fit the model.
    """
    import torch

    from genzoo.core.dataset import Split
    from genzoo.data.resident import Resident

    files = Files(run, spec, resize)
    parts: list[Tensor] = []
    names: list[str] = []
    for path in paths:
        for x, own in files.read(path):
            parts.append(x)
            names += own
    if len({part.dtype for part in parts}) > 1:
        raise UsageError("these files hold bytes and floats, which are not taken together", "give them one by one")
    x = torch.cat(parts)
    files.refuse_odd_values(x, names)
    for note in dict.fromkeys(files.notes):
        print(f"genzoo: {printable(note, HINT)}", file=sys.stderr)
    return Resident(Split(x), device, run.config.training.binarize, shift=spec.shift, scale=spec.scale), names


class Files:
    """Reads files in the form that a run's data had.

    Args:
        run: Its options and the form of its data say how files are read.
        spec: What the model was told about its data.
        resize: Whether pictures are scaled.
    """

    def __init__(self, run: Run, spec: DataSpec, resize: bool) -> None:
        self.spec = spec
        self.resize = resize
        self.training = run.config.training
        self.options = run.config.data_config
        self.form = run.form
        self.notes: list[str] = []
        """What a user should know, a line each."""

    def read(self, path: Path) -> list[tuple[Tensor, list[str]]]:
        """Examples [N, *S] of one path, as stored, with their names."""
        import torch

        from genzoo.data.readers.folders import LeftOut, all_pictures_in
        from genzoo.data.readers.npy import read_examples

        if path.is_dir():
            left_out = LeftOut()
            found = all_pictures_in(path, left_out=left_out)
            if not found:
                raise UsageError(f"{path} holds no picture", "name a folder of pictures")
            if left_out.files:
                self.notes.append(f"{path}: left out {left_out}")
            return [(self._picture(picture), [str(picture)]) for picture in found]
        ending = path.suffix.lower()
        if ending not in (*ARRAYS, *TABLES):
            return [(self._picture(path), [str(path)])]
        if ending in TABLES:
            x, rows = self._table(path)
        else:
            x = self._array(read_examples(path, getattr(self.options, "x", "")), str(path))
            rows = list(range(len(x)))
        if tuple(x.shape[1:]) != self.spec.shape:
            shapes = ["x".join(map(str, shape)) for shape in (x.shape[1:], self.spec.shape)]
            raise UsageError(f"{path} holds examples of {shapes[0]}; the model takes {shapes[1]}", "give others")
        if not self.spec.is_image:
            x = self.form.scaled(x)
        elif self.training.binarize != "none" and x.dtype != torch.uint8:
            x = (255 * x).round().to(torch.uint8)  # binarisation is of grey levels
        return [(x, [f"{path}:{number}" for number in rows])]

    def _table(self, path: Path) -> tuple[Tensor, list[int]]:
        """The examples of a table, its columns matched to those of the training, and their numbers in the file."""
        import torch

        from genzoo.data.readers.columns import TableOptions
        from genzoo.data.readers.csv import read_table

        table = read_table(path, replace(TableOptions.of(self.options), needed=False), self.form.known)
        self.notes += table.notes
        return torch.from_numpy(table.x), table.rows.tolist()

    def _array(self, array: NDArray[Any], what: str) -> Tensor:
        from genzoo.core.rows import Rows
        from genzoo.data.readers.as_examples import as_examples

        stored = as_examples(array, what, self.spec.shape, self.form)
        self.notes += stored.notes
        assert not isinstance(stored.x, Rows)  # it was read whole
        return stored.x

    def _picture(self, path: Path) -> Tensor:
        return read_picture(path, self.spec, self.resize, getattr(self.options, "background", 255))

    def refuse_odd_values(self, x: Tensor, names: list[str]) -> None:
        """Refuses values that the model's likelihood is not for; notes those far from what it was trained on.

        Raises:
            UsageError: Naming the first example with one.
        """
        import torch

        from genzoo.runs.build import suits_any_values

        white = 255 if x.dtype == torch.uint8 else 1
        if self.spec.binary and self.training.binarize == "none":
            self._refuse(x, names, lambda part: (part != 0) & (part != white), "0 and 1 only")
        elif not suits_any_values(self.spec.likelihood) and white == 1:
            self._refuse(x, names, lambda part: (part < 0) | (part > 1), "values from 0 to 1")
        if told := self.form.describe_outliers(x):
            self.notes.append(told)

    def _refuse(self, x: Tensor, names: list[str], is_odd: Callable[[Tensor], Tensor], wanted: str) -> None:
        import torch

        from genzoo.core.rows import chunks

        odd = torch.cat([is_odd(chunk.flatten(1)).any(1) for chunk in chunks(x)])
        if not bool(odd.any()):
            return
        row = int(odd.int().argmax())
        place = int(is_odd(x[row].flatten()).int().argmax())
        value = float(x[row].flatten()[place]) / (255 if x.dtype == torch.uint8 else 1)
        column = f", column {self.form.columns[place]}" if self.form.columns else ""
        raise UsageError(
            f"{names[row]}{column} is {value:g}; the model was trained on {wanted} "
            f"({int(odd.sum()):,} of {len(x):,} examples have others)",
            "give data like those of the training",
        )


def read_picture(path: Path, spec: DataSpec, resize: bool, background: int = 255) -> Tensor:
    """A picture file as uint8 [1, C, H, W], grey or in colour as the model takes it.

    Args:
        path: The file.
        spec: What the model takes.
        resize: Whether it may be scaled.
        background: Grey level of the ground under transparent parts.
    """
    import torch

    from genzoo.data.readers.images import MODES, measure, read_bytes

    if not spec.is_image or spec.shape[0] not in MODES:
        raise UsageError("this model takes no pictures", "give numbers: FILE.csv, FILE.npy or FILE.npz")
    height, width = spec.shape[1:]
    size = measure(path)[:2]
    if size != (height, width) and not resize:
        raise UsageError(f"{path} is {size[0]}x{size[1]}; the model takes {height}x{width}", "scale it: --resize")
    return torch.from_numpy(read_bytes(path, MODES[spec.shape[0]], (height, width), background)).permute(2, 0, 1)[None]
