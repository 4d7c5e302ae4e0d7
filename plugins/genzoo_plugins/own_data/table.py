"""Dataset of a table of numbers in a CSV file."""

from __future__ import annotations

import torch

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.data.input_format import InputFormat
from genzoo.data.readers.columns import Index, Missing, TableOptions
from genzoo.data.readers.csv import read_table
from genzoo.data.readers.dialect import Decimal, Header, Separator
from genzoo.data.readers.labels import is_fraction, numbered
from genzoo_plugins.own_data.base import InMemory, Parts


class Csv(InMemory):
    """A table in which each line is an example and each column a dimension."""

    kind = "FILE.csv"

    @genzoo.config
    class Config(InMemory.Config):
        label: str = ""
        """Name or number (from 1) of the column of classes, which is not part of x."""
        drop: tuple[str, ...] = ()
        """Names or numbers of columns to leave out, such as texts."""
        select: tuple[str, ...] = ()
        """Names or numbers of the columns to use; all others are left out."""
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
