"""Dataset of a table of numbers in a CSV file."""

from __future__ import annotations

import torch

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.rows import chunks
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.columns import Index, Missing, TableOptions
from genzoo.data.readers.csv import read_table
from genzoo.data.readers.dialect import Decimal, Header, Separator
from genzoo.data.readers.labels import is_fraction, numbered
from genzoo_plugins.own_data.base import InMemory, Parts


class Csv(InMemory):
    """A table in which each line is an example and each column a dimension."""

    kind = "FILE.csv"
    endings = (".csv", ".tsv")

    @genzoo.config
    class Config(InMemory.Config):
        label: str = ""
        """Name or number (from 1) of the column of classes, which is not part of x."""
        drop: tuple[str, ...] = ()
        """Names or numbers of columns to leave out, such as texts."""
        select: tuple[str, ...] = ()
        """Names or numbers of the columns to use; all others are left out."""
        names: tuple[str, ...] = ()
        """Names or numbers of columns of names, written as 0, 1, 2, …: they have no order (`genzoo run tvae`)."""
        header: Header = "auto"
        """Whether the first line names the columns; auto: guess, with a note if it is not clear."""
        index: Index = "auto"
        """Whether to use a first column that only numbers the lines; auto: leave it out if it has no name."""
        missing: Missing = "error"
        """Examples with a missing value: error: refuse; drop: leave them out; mean: use the mean of the column."""
        separator: Separator = "auto"
        """The character between two cells; auto: detect it."""
        decimal: Decimal = "auto"
        """The decimal mark, as in 1.5 or 1,5; auto: detect it."""

    @property
    def spec(self) -> genzoo.DataSpec:
        """The description of the table; with `names`, each column is a part."""
        spec = super().spec
        if not self.config.names:
            return spec
        if self.config.scale != "none":
            raise UsageError("--data.names and --data.scale exclude each other: names have no scale", "leave one out")
        titles = self.form.columns or tuple(f"x{place + 1}" for place in range(spec.numel))
        named = {self.column(name): name for name in self.config.names}
        levels = [self.levels(place, named[place]) if place in named else 0 for place in range(spec.numel)]
        parts = [genzoo.Part(title, (1,), k) for title, k in zip(titles, levels, strict=True)]
        return spec._replace(parts=tuple(parts))

    def column(self, name: str) -> int:
        """Return the place in x of the column with a name, or with a number from 1 in the table.

        Raises:
            UsageError: x has no such column.
        """
        columns, places = self.form.columns, self.form.places
        if name in columns:
            return columns.index(name)
        if name.isdecimal() and int(name) - 1 in places:
            return places.index(int(name) - 1)
        known = ", ".join(columns[:20]) or f"1 … {self.form.width}"
        raise UsageError(f"--data.names {name}: no such column.{did_you_mean(name, columns)}", f"columns: {known}")

    def levels(self, place: int, name: str) -> int:
        """Return the number of names of a column of x: the largest and 1.

        Raises:
            UsageError: It holds other numbers than 0, 1, 2, …
        """
        column = torch.cat([chunk[:, place] for part in self.parts.present for chunk in chunks(part.x)])
        wrong = column[(column < 0) | (column != column.round())]
        if len(wrong):
            what = f"{self.path}: column {name} holds {wrong[0].item():g}, and names are 0, 1, 2, …"
            raise UsageError(what, f"number its names from 0, or take {name} out of --data.names")
        return int(column.max()) + 1

    def parse(self) -> Parts:
        table = read_table(self.path, TableOptions.of(self.config))
        form = InputFormat(columns=table.known.names, places=table.known.places, width=table.known.width)
        y = None
        classes: tuple[str, ...] = ()
        if table.labels is not None:
            fraction = next((label for label in table.labels if is_fraction(label)), None)
            if fraction is not None:
                raise UsageError(
                    f"{self.path}: column {self.config.label} holds {fraction[:20]}, which is not a class",
                    "leave the column out: --data.drop NAME; or use it as numbers: remove --data.label",
                )
            numbers, classes = numbered(table.labels)
            y = torch.from_numpy(numbers)
        return Parts(Split(torch.from_numpy(table.x), y), classes=classes, form=form, notes=tuple(table.notes))
