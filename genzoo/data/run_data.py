"""The splits of a run on its device: for training, for evaluation, and for fitting."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.data.digest import digest
from genzoo.data.resident import Resident
from genzoo.data.splits import sample_of
from genzoo.data.store import Store
from genzoo.data.streamed import view_of
from genzoo.data.view import Binarize, Stream

FITTED = 100_000
"""The largest number of training examples that baselines and metrics are fitted to."""


class RunData:
    """The data of a run, transformed as its options say.

    Args:
        store: The store in which the files were found.
        splits: The loaded splits.
        spec: The spec of the model, with the standardisation.
        device: The device of the batches.
        binarize: How images are binarised.
        stream: Whether the data stay off the device.
        say: Called with a line for the user if the data are streamed.
        augment: Changes the training examples at each visit, in training alone; None: nothing.
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
        augment: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.store = store
        self.splits = splits
        self.spec = spec
        self._options = (device, binarize, spec.shift, spec.scale, stream)
        parts = splits._replace(train=sample_of(splits.train, len(splits.test.x)))._asdict()
        self.evaluated = {name: self._resident(split) for name, split in parts.items() if split is not None}
        """The splits for evaluation, by name. "train" is a sample of the training data."""
        self.train = self._resident(splits.train, training=True, say=say, augment=augment)
        """The training data for training."""

    @cached_property
    def digest(self) -> str | None:
        """The digest of the data's content; None for memory-mapped data."""
        return digest(self.splits)

    @cached_property
    def fitted(self) -> Resident:
        """The training data in evaluation mode, for baselines and metrics; a sample of at most `FITTED` examples."""
        sample = sample_of(self.splits.train, FITTED)
        same = sample is self.splits.train and not self.train.redraw and self.train.augment is None
        return self.train if same else self._resident(sample)

    def _resident(self, split: Split, training: bool = False, **more: Any) -> Resident:
        device, binarize, shift, scale, stream = self._options
        return view_of(split, device, binarize, training, shift, scale, stream=stream, **more)
