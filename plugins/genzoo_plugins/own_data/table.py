"""A table of numbers in a CSV file."""

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
    """Each line is an example, each column a dimension."""

    kind = "FILE.csv"

    @genzoo.config
    class Config(InMemory.Config):
        label: str = ""
        """Name or number (from 1) of a column of classes, which is taken out of x."""
        drop: tuple[str, ...] = ()
        """Names or numbers of columns to leave out, such as texts."""
        select: tuple[str, ...] = ()
        """Names or numbers of the only columns to take."""
        header: Header = "auto"
        """Whether the first line names the columns; auto guesses, and says so where it is not plain."""
        index: Index = "auto"
        """What becomes of a first column that only numbers the lines; auto leaves it out if it has no name."""
        missing: Missing = "error"
        """What becomes of examples with a missing value: drop leaves them out, mean fills in the column's mean."""
        separator: Separator = "auto"
        """What is between two cells."""
        decimal: Decimal = "auto"
        """How fractions are written: 1.5 or 1,5."""

    def parse(self) -> Parts:
        table = read_table(self.path, TableOptions.of(self.config))
        form = InputFormat(columns=table.known.names, places=table.known.places, width=table.known.width)
        y = None
        classes: tuple[str, ...] = ()
        if table.labels is not None:
            fraction = next((label for label in table.labels if is_fraction(label)), None)
            if fraction is not None:
                raise UsageError(
                    f"{self.path}: column {self.config.label} holds {fraction[:20]}, which is no class",
                    "leave it out: --data.drop NAME; or keep it among the numbers: without --data.label",
                )
            numbers, classes = numbered(table.labels)
            y = torch.from_numpy(numbers)
        return Parts(Split(torch.from_numpy(table.x), y), classes=classes, form=form, notes=tuple(table.notes))
