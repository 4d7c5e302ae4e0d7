"""The data of a run on its device."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.data.digest import digest
from genzoo.data.resident import Resident
from genzoo.data.splits import sample_of
from genzoo.data.store import Store
from genzoo.data.streamed import view_of
from genzoo.data.view import Binarize, Stream

FITTED = 100_000
"""Training examples that baselines and metrics are fitted to, at most."""


class RunData:
    """The data of a run, as its options want them seen.

    Args:
        store: Where their files were found.
        splits: As the dataset loaded them.
        spec: As the model has it.
        device: Where they are computed with.
        binarize: How images are made black and white.
        stream: Whether they stay off the device.
        say: Takes a line that says that they are streamed.
    """

    def __init__(
        self,
        store: Store,
        splits: Splits,
        spec: DataSpec,
        device: torch.device,
        binarize: Binarize,
        stream: Stream,
        say: Callable[[str], None],
    ) -> None:
        self.store = store
        self.splits = splits
        self.spec = spec
        self._how = (device, binarize, spec.shift, spec.scale, stream)
        evaluated = splits._replace(train=sample_of(splits.train, len(splits.test.x)))
        self.view = {name: self._resident(split) for name, split in evaluated._asdict().items() if split is not None}
        """The splits as they are evaluated, by name; of the training data a sample."""
        self.train = self._resident(splits.train, training=True, say=say)  # said once
        """The training data as they are trained on."""

    @cached_property
    def digest(self) -> str | None:
        """Identifies the data by their content."""
        return digest(self.splits)

    @cached_property
    def whole(self) -> Resident:
        """The training data, as they are evaluated, for what is fitted to them: a sample of very many."""
        fitted = sample_of(self.splits.train, FITTED)
        same = fitted is self.splits.train and not self.train.redraw
        return self.train if same else self._resident(fitted)

    def _resident(self, split: Split, training: bool = False, say: Callable[[str], None] | None = None) -> Resident:
        device, binarize, shift, scale, stream = self._how
        return view_of(split, device, binarize, training, shift, scale, stream=stream, say=say)
