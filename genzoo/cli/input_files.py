"""Input files for the model of a run: pictures, folders of pictures, arrays, tables."""

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
    """Return inputs or outputs [N, *S] of a run's model in the units of its data, on the CPU."""
    x = spec.original(x).cpu()
    return x if spec.is_image else run.form.unscaled(x)


def read_files(
    paths: list[Path],
    run: Run,
    spec: DataSpec,
    device: torch.device,
    resize: bool,
    gaps: list[Tensor] | None = None,
) -> tuple[Resident, list[str]]:
    """Return files as data for the model of a run, and a name for each example.

    Notes on unusual values are printed to standard error.

    Args:
        paths: The files.
        run: The run.
        spec: Of the model's data.
        device: Where the data are kept.
        resize: Whether to resize pictures to the size that the model takes, also if the training data were not resized.
        gaps: Filled with [N, *S] bool for each file: which values have an empty cell in a table or are nan in an array.
            These are read as the mean of the training. None: they are refused.

    Raises:
        UsageError: A file cannot be read or does not fit the model.
    """
    import torch

    from genzoo.core.dataset import Split
    from genzoo.data.resident import Resident

    files = Files(run, spec, resize, gaps)
    parts: list[Tensor] = []
    names: list[str] = []
    for path in paths:
        for x, own in files.read(path):
            parts.append(x)
            names += own
    if len({part.dtype for part in parts}) > 1:
        raise UsageError("some of these files hold bytes and some floats", "give them one by one")
    x = torch.cat(parts)
    files.refuse_odd_values(x, names)
    for note in dict.fromkeys(files.notes):
        print(f"genzoo: {printable(note, HINT)}", file=sys.stderr)
    return Resident(Split(x), device, run.config.training.binarize, shift=spec.shift, scale=spec.scale), names


class Files:
    """Reads files in the same way as the data of a run.

    Args:
        run: The run, whose options and form of data say how files are read.
        spec: Of the model's data.
        resize: Whether to resize pictures to the size that the model takes, also if the training data were not resized.
        gaps: See `read_files`.
    """

    def __init__(self, run: Run, spec: DataSpec, resize: bool, gaps: list[Tensor] | None = None) -> None:
        self.spec = spec
        self.gaps = gaps
        self.training = run.config.training
        self.options = run.config.data_config
        scaled_by = getattr(run.config.components.dataset.load(), "scaled_by", "")
        self.resize = resize or bool(getattr(self.options, scaled_by, None))  # as the training data were
        self.form = run.form
        self.notes: list[str] = []
        """Notes for the user, one line each."""

    def read(self, path: Path) -> list[tuple[Tensor, list[str]]]:
        """Return the examples [N, *S] of one path, as stored, with their names."""
        import torch

        from genzoo.data.readers.folders import LeftOut, all_pictures_in
        from genzoo.data.readers.npy import read_examples

        if path.is_dir():
            left_out = LeftOut()
            found = all_pictures_in(path, left_out=left_out)
            if not found:
                raise UsageError(f"{path} holds no picture", "give a folder of pictures")
            if left_out.files:
                self.notes.append(f"{path}: left out {left_out}")
            return [(self._picture(picture), [str(picture)]) for picture in found]
        ending = path.suffix.lower()
        if self.spec.is_discrete:
            return [self._text(path)]
        if ending not in (*ARRAYS, *TABLES):
            return [(self._picture(path), [str(path)])]
        if ending in TABLES:
            x, rows = self._table(path)
        else:
            x = self._array(read_examples(path, getattr(self.options, "x", "")), str(path))
            rows = list(range(len(x)))
        if tuple(x.shape[1:]) != self.spec.shape:
            shapes = ["x".join(map(str, shape)) for shape in (x.shape[1:], self.spec.shape)]
            raise UsageError(f"{path} holds examples of {shapes[0]}; the model takes {shapes[1]}", "give other files")
        if not self.spec.is_image and self.gaps is not None:
            self.gaps.append(x.isnan())
            x = self.form.scaled(x).nan_to_num()
        elif not self.spec.is_image:
            x = self.form.scaled(x)
        elif self.training.binarize != "none" and x.dtype != torch.uint8:
            x = (255 * x).round().to(torch.uint8)  # binarisation works on grey levels
        return [(x, [f"{path}:{number}" for number in rows])]

    def _table(self, path: Path) -> tuple[Tensor, list[int]]:
        """Return the examples of a table, with the columns in the order of the training data, and their row numbers."""
        import torch

        from genzoo.data.readers.columns import TableOptions
        from genzoo.data.readers.csv import read_table

        options = replace(TableOptions.of(self.options), needed=False)
        options = options if self.gaps is None else replace(options, missing="mean")
        table = read_table(path, options, self.form.known)
        self.notes += table.notes
        return torch.from_numpy(table.x), table.rows.tolist()

    def _text(self, path: Path) -> tuple[Tensor, list[str]]:
        """Return a text file as windows of the run's characters."""
        from genzoo.data.readers.text import read_text_file, windows

        if not self.spec.symbols:
            raise UsageError("this model takes no files: its tokens have no text", "leave the files out")
        x = windows(read_text_file(path), self.spec.numel, self.spec.symbols)
        return x, [f"{path}:{number}" for number in range(len(x))]

    def _array(self, array: NDArray[Any], what: str) -> Tensor:
        from genzoo.core.rows import Rows
        from genzoo.data.readers.as_examples import as_examples

        stored = as_examples(array, what, self.spec.shape, self.form)
        self.notes += stored.notes
        assert not isinstance(stored.x, Rows)  # arrays here are in memory
        return stored.x

    def _picture(self, path: Path) -> Tensor:
        return read_picture(path, self.spec, self.resize, getattr(self.options, "background", 255))

    def refuse_odd_values(self, x: Tensor, names: list[str]) -> None:
        """Refuse values outside the likelihood's support; note values far from the training data.

        Raises:
            UsageError: A value is outside; the message names the first such example.
        """
        import torch

        from genzoo.registry.parts import is_for_unit

        white = 255 if x.dtype == torch.uint8 else 1
        if self.spec.binary and self.training.binarize == "none":
            self._refuse(x, names, lambda part: (part != 0) & (part != white), "0 and 1 only")
        elif is_for_unit(self.spec.likelihood) and white == 1:
            self._refuse(x, names, lambda part: (part < 0) | (part > 1), "values from 0 to 1")
        if note := self.form.describe_outliers(x):
            self.notes.append(note)

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
            f"({int(odd.sum()):,} of {len(x):,} examples have other values)",
            "give data like the training data",
        )


def read_picture(path: Path, spec: DataSpec, resize: bool, background: int = 255) -> Tensor:
    """Return a picture file as uint8 [1, C, H, W], grey or in colour as the model takes it.

    Args:
        path: The file.
        spec: Of the model's data.
        resize: Whether it may be resized.
        background: Grey level behind transparent pixels.

    Raises:
        UsageError: The model takes no pictures, or pictures of another size.
    """
    import torch

    from genzoo.data.readers.images import MODES, measure, read_bytes

    if not spec.is_image or spec.shape[0] not in MODES:
        raise UsageError("this model takes no pictures", "give numbers: FILE.csv, FILE.npy or FILE.npz")
    height, width = spec.shape[1:]
    size = measure(path)[:2]
    if size != (height, width) and not resize:
        raise UsageError(f"{path} is {size[0]}x{size[1]}; the model takes {height}x{width}", "resize it: --resize")
    return torch.from_numpy(read_bytes(path, MODES[spec.shape[0]], (height, width), background)).permute(2, 0, 1)[None]
