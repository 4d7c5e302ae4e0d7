"""A table of numbers in a CSV file."""

from __future__ import annotations

import numpy as np
import torch

import genzoo
from genzoo.data.tables import read_table
from genzoo.protocols import Split
from genzoo_plugins.own_data.base import InMemory, OwnData, Parts


class Csv(InMemory):
    """Each line is an example, each column a dimension, as they are: bring columns to one scale beforehand."""

    kind = "FILE.csv"

    @genzoo.config
    class Config(OwnData.Config):
        label: str = ""
        """Name or number (from 1) of a column of classes, which is taken out of x."""

    def parse(self) -> Parts:
        table = read_table(self.path, self.config.label)
        y = None
        if table.labels is not None:
            y = torch.from_numpy(np.unique(np.asarray(table.labels), return_inverse=True)[1].astype(np.int64))
        return Parts(Split(torch.from_numpy(table.x), y))
